//! Builds BTF blobs. Types are numbered in the order they are added, from 1.

/// A member of a struct or union: its name, type, bit offset, and the width of a bit-field or 0.
pub(super) type Field<'a> = (&'a str, u32, u32, u32);

pub(super) struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    last: u32,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            last: 0,
        }
    }

    /// The number the next type will have, for forward references.
    pub(super) fn next(&self) -> u32 {
        self.last + 1
    }

    /// Any record, by its four parts.
    pub(super) fn record(&mut self, name: &str, info: u32, size_or_type: u32, body: &[u32]) -> u32 {
        let name = self.string(name);
        self.words(&[name, info, size_or_type]);
        self.words(body);
        self.last += 1;
        self.last
    }

    pub(super) fn int(&mut self, name: &str, size: u32) -> u32 {
        self.record(name, 1 << 24, size, &[size * 8])
    }

    pub(super) fn pointer(&mut self, to: u32) -> u32 {
        self.alias(2, "", to)
    }

    pub(super) fn typedef(&mut self, name: &str, to: u32) -> u32 {
        self.alias(8, name, to)
    }

    /// Any kind that consists of a name and a reference.
    pub(super) fn alias(&mut self, kind: u32, name: &str, to: u32) -> u32 {
        self.record(name, kind << 24, to, &[])
    }

    pub(super) fn array(&mut self, of: u32, len: u32) -> u32 {
        self.record("", 3 << 24, 0, &[of, 0, len])
    }

    pub(super) fn structure(&mut self, name: &str, size: u32, fields: &[Field<'_>]) -> u32 {
        self.aggregate(4, name, size, fields)
    }

    pub(super) fn union(&mut self, name: &str, size: u32, fields: &[Field<'_>]) -> u32 {
        self.aggregate(5, name, size, fields)
    }

    /// As with compilers, offsets carry widths only if there is a bit-field.
    fn aggregate(&mut self, kind: u32, name: &str, size: u32, fields: &[Field<'_>]) -> u32 {
        let mut body = Vec::new();
        for (name, ty, bit, width) in fields {
            body.extend([self.string(name), *ty, width << 24 | bit]);
        }
        let flag = u32::from(fields.iter().any(|field| field.3 > 0));
        let vlen = u32::try_from(fields.len()).unwrap();
        self.record(name, flag << 31 | kind << 24 | vlen, size, &body)
    }

    /// `void name(parameters)`, given the types of the parameters.
    pub(super) fn prototype(&mut self, parameters: &[u32]) -> u32 {
        let body: Vec<u32> = parameters.iter().flat_map(|ty| [0, *ty]).collect();
        let vlen = u32::try_from(parameters.len()).unwrap();
        self.record("", 13 << 24 | vlen, 0, &body)
    }

    /// A static function.
    pub(super) fn function(&mut self, name: &str, prototype: u32) -> u32 {
        self.alias(12, name, prototype)
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len(), self.strings.len());
        self.build_with_header([24, 0, types, types, strings].map(|field| u32::try_from(field).unwrap()))
    }

    /// With these values of `hdr_len`, `type_off`, `type_len`, `str_off` and `str_len`, correct or not.
    pub(super) fn build_with_header(&self, fields: [u32; 5]) -> Vec<u8> {
        let mut blob = 0xeb9f_u16.to_le_bytes().to_vec();
        blob.extend([1, 0]);
        for field in fields {
            blob.extend(field.to_le_bytes());
        }
        blob.extend(&self.types);
        blob.extend(&self.strings);
        blob
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.types.extend(word.to_le_bytes());
        }
    }
}

/// A reduced kernel: enough of a socket for every kind of query, with every form of nesting and aliasing.
pub(super) fn small_kernel() -> Vec<u8> {
    let mut btf = Builder::new();
    let u8_ = btf.int("unsigned char", 1);
    let u16_ = btf.int("unsigned short", 2);
    let u32_ = btf.int("unsigned int", 4);
    let be16 = btf.typedef("__be16", u16_);
    let be32 = btf.typedef("__be32", u32_);
    // The port pair and addresses are in anonymous structs in anonymous unions, as in the kernel.
    let addresses = btf.structure(
        "",
        8,
        &[("skc_daddr", be32, 0, 0), ("skc_rcv_saddr", be32, 32, 0)],
    );
    let u64_ = btf.int("unsigned long long", 8);
    let address_pair = btf.union("", 8, &[("skc_addrpair", u64_, 0, 0), ("", addresses, 0, 0)]);
    let ports = btf.structure("", 4, &[("skc_dport", be16, 0, 0), ("skc_num", u16_, 16, 0)]);
    let port_pair = btf.union("", 4, &[("skc_portpair", u32_, 0, 0), ("", ports, 0, 0)]);
    let number = btf.next() + 4;
    let net_pointer = btf.pointer(number);
    let possible_net = btf.structure("", 8, &[("net", net_pointer, 0, 0)]);
    let possible_net_t = btf.typedef("possible_net_t", possible_net);
    let ns_common = btf.structure(
        "ns_common",
        16,
        &[("stashed", net_pointer, 0, 0), ("inum", u32_, 64, 0)],
    );
    let net = btf.structure("net", 32, &[("count", u32_, 0, 0), ("ns", ns_common, 64, 0)]);
    assert_eq!(net, number);
    let volatile = btf.alias(9, "", u8_);
    let common = btf.structure(
        "sock_common",
        32,
        &[
            ("", address_pair, 0, 0),
            ("", port_pair, 64, 0),
            ("skc_family", u16_, 96, 0),
            ("skc_state", volatile, 112, 0),
            ("skc_reuse", u8_, 120, 4),
            ("skc_reuseport", u8_, 124, 1),
            ("skc_net", possible_net_t, 128, 0),
        ],
    );
    let bytes = btf.array(u8_, 16);
    btf.structure(
        "sock",
        56,
        &[("__sk_common", common, 0, 0), ("sk_v6", bytes, 256, 0)],
    );
    let context = btf.pointer(0);
    let proto = btf.prototype(&[context, context, u32_, u32_]);
    let pointer = btf.pointer(proto);
    btf.typedef("btf_trace_inet_sock_set_state", pointer);
    btf.function("bpf_iter_tcp", proto);
    btf.build()
}
