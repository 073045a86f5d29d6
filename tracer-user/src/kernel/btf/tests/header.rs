//! The claims of the header, and each kind of record.

use proptest::prelude::*;

use super::{
    super::{MAX_FILE_BYTES, error::Container},
    builder::*,
    *,
};

#[test]
fn a_small_kernel_is_read() {
    let btf = Btf::parse(small_kernel()).unwrap();
    let net = btf.member("sock", "__sk_common.skc_net.net").unwrap();
    assert_eq!(net, Member { offset: 16, size: 8 });
    assert!(btf.has_tracepoint("inet_sock_set_state"));
}

/// Files that have the BTF in another form, or that of another machine, are what people try first.
#[test]
fn other_files_are_named_with_the_next_step() {
    let cases: [(&[u8], &str, &str); 5] = [
        (b"\x1f\x8b\x08", "is compressed with gzip", "unpack it with `gzip"),
        (b"\xfd7zXZ\0\0", "is compressed with xz", "unpack it with `xz"),
        (
            b"\x28\xb5\x2f\xfd\x04",
            "is compressed with zstd",
            "unpack it with `zstd",
        ),
        (
            b"\x7fELF\x02\x01\x01",
            "is an ELF file",
            "take its section with `objcopy",
        ),
        (
            b"\xeb\x9f\x01\0",
            "is of a machine with another byte order",
            "give the BTF file of the kernel that runs",
        ),
    ];
    for (data, what, step) in cases {
        let error = Btf::parse(data.to_vec()).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.remedy().starts_with(step), "{}", error.remedy());
    }
    // With its debugging information, vmlinux is larger than any BTF.
    let mut vmlinux = vec![0; MAX_FILE_BYTES + 1];
    vmlinux[..4].copy_from_slice(b"\x7fELF");
    assert_eq!(defect(Btf::parse(vmlinux)), Defect::Container(Container::Elf));
    let other = Btf::parse(b"hello".to_vec()).unwrap_err();
    assert!(other.remedy().contains("CONFIG_DEBUG_INFO_BTF=y"));
}

#[test]
fn bytes_that_are_not_btf_are_refused() {
    assert_eq!(
        defect(Btf::parse(Vec::new())),
        Defect::ShortHeader { needed: 24, len: 0 }
    );
    assert_eq!(defect(Btf::parse(b"hello".to_vec())), Defect::Magic(0x6568));
    let mut blob = small_kernel();
    blob[2] = 2;
    assert_eq!(defect(Btf::parse(blob)), Defect::Version(2));
}

#[test]
fn messages_say_what_and_where() {
    let mut builder = Builder::new();
    builder.int("int", 4);
    let error = Btf::parse(builder.build_with_header([24, 0, 16, 16, 100])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "BTF in memory: header says strings end at byte 140, file has 45 bytes"
    );
    assert!(!error.is_not_found());
}

#[test]
fn sections_must_lie_within_the_file() {
    let mut builder = Builder::new();
    builder.int("int", 4);
    let parse = |fields| Btf::parse(builder.build_with_header(fields));
    parse([24, 0, 16, 16, 5]).unwrap();
    let past = |section, end| Defect::SectionEnd {
        section,
        end,
        len: 45,
    };
    assert_eq!(defect(parse([24, 0, 22, 16, 5])), past("types", 46));
    assert_eq!(
        defect(parse([24, u32::MAX, u32::MAX, 16, 5])),
        past("types", 0x2_0000_0016)
    );
    assert_eq!(defect(parse([24, 0, 16, 17, 5])), past("strings", 46));
    assert_eq!(
        defect(parse([23, 0, 16, 16, 5])),
        Defect::ShortHeader { needed: 24, len: 45 }
    );
    assert_eq!(
        defect(parse([46, 0, 16, 16, 5])),
        Defect::ShortHeader { needed: 46, len: 45 }
    );
    assert_eq!(defect(parse([24, 0, 16, 16, 4])), Defect::UnboundedStrings);
    assert_eq!(defect(parse([24, 0, 16, 17, 4])), Defect::UnboundedStrings);
    assert_eq!(defect(parse([24, 0, 16, 16, 0])), Defect::UnboundedStrings);
}

#[test]
fn a_longer_header_is_skipped() {
    let builder = Builder::new();
    let mut blob = builder.build_with_header([32, 0, 0, 0, 1]);
    blob.splice(24..24, [0xaa; 8]);
    Btf::parse(blob).unwrap();
}

#[test]
fn a_blob_larger_than_any_kernel_is_refused() {
    assert_eq!(defect(Btf::parse(vec![0; MAX_FILE_BYTES + 1])), Defect::TooLarge);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vmlinux");
    let error = Btf::from_file(&path).unwrap_err();
    assert!(matches!(error, BtfError::Io { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot read BTF of {}: ", path.display())),
        "{text}"
    );

    std::fs::write(&path, [0x9f, 0xeb, 7]).unwrap();
    let text = Btf::from_file(&path).unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "BTF of {}: has version 7, only version 1 is known",
            path.display()
        )
    );

    std::fs::write(&path, small_kernel()).unwrap();
    Btf::from_file(&path).unwrap();
}

/// Info word and number of words after the fixed part, for each kind: a wrong length would end at the wrong
/// record.
const KINDS: [(u32, usize); 19] = [
    (1 << 24, 1),
    (2 << 24, 0),
    (3 << 24, 3),
    (4 << 24 | 2, 6),
    (5 << 24 | 3, 9),
    (6 << 24 | 2, 4),
    (7 << 24, 0),
    (8 << 24, 0),
    (9 << 24, 0),
    (10 << 24, 0),
    (11 << 24, 0),
    (12 << 24 | 1, 0),
    (13 << 24 | 2, 4),
    (14 << 24, 1),
    (15 << 24 | 2, 6),
    (16 << 24, 0),
    (17 << 24, 1),
    (18 << 24, 0),
    (19 << 24 | 2, 6),
];

#[test]
fn every_kind_is_skipped_by_its_length() {
    for (info, words) in KINDS {
        let mut builder = Builder::new();
        builder.record("", info, 0, &vec![0; words]);
        let int = builder.int("int", 4);
        builder.structure("after", 12, &[("a", int, 64, 0)]);
        let btf = Btf::parse(builder.build()).unwrap();
        let after = btf.member("after", "a").unwrap();
        assert_eq!(after, Member { offset: 8, size: 4 }, "after info {info:#x}");

        let mut cut = Builder::new();
        cut.record("", info, 0, &vec![0; words]);
        let types = u32::try_from(12 + 4 * words).unwrap() - 1;
        let blob = cut.build_with_header([24, 0, types, types + 1, 1]);
        assert_eq!(defect(Btf::parse(blob)), Defect::CutType(1), "cut info {info:#x}");
    }
}

#[test]
fn unknown_kinds_are_named() {
    for (info, kind) in [(0, 0), (20 << 24, 20), (31 << 24, 31), (36 << 24, 36)] {
        let mut builder = Builder::new();
        builder.int("int", 4);
        builder.record("", info, 0, &[]);
        let error = Btf::parse(builder.build()).unwrap_err();
        let text = format!("BTF in memory: type 2 has kind {kind}, only kinds 1 to 19 are known");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_name_past_the_strings_is_refused() {
    let mut builder = Builder::new();
    builder.structure("gone", 4, &[]);
    // Truncates the strings to the empty one, at its end.
    let blob = builder.build_with_header([24, 0, 12, 17, 1]);
    assert_eq!(defect(Btf::parse(blob)), Defect::NoName(1));
}

proptest! {
    #[test]
    fn headers_never_panic(fields: [u32; 5]) {
        let _any = Btf::parse(Builder::new().build_with_header(fields));
    }
}
