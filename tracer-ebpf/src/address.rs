//! Addresses as the programs keep them: 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`.

/// Third word of an IPv4-mapped address, network order.
pub const MAPPED: u32 = 0x0000_ffff_u32.to_be();

/// An IPv4 address (network order) in the common form.
#[inline(always)]
pub const fn mapped(ipv4: u32) -> [u32; 4] {
    [0, 0, MAPPED, ipv4]
}

/// Whether the address is IPv4 in the common form.
#[inline(always)]
pub const fn is_mapped(address: [u32; 4]) -> bool {
    address[0] == 0 && address[1] == 0 && address[2] == MAPPED
}

/// The address with everything outside the mask of its family set to zero.
#[inline(always)]
pub const fn masked(address: [u32; 4], mask4: [u32; 4], mask6: [u32; 4]) -> [u32; 4] {
    let mask = if is_mapped(address) { mask4 } else { mask6 };
    [
        address[0] & mask[0],
        address[1] & mask[1],
        address[2] & mask[2],
        address[3] & mask[3],
    ]
}

/// The mask that keeps the first `bits` bits of an address (all of them from 128 on).
pub const fn mask(bits: u32) -> [u32; 4] {
    let mut words = [0; 4];
    let mut word = 0;
    while word < 4 {
        let start = 32 * word as u32;
        words[word] = if bits >= start + 32 {
            u32::MAX
        } else if bits > start {
            (u32::MAX << (start + 32 - bits)).to_be()
        } else {
            0
        };
        word += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn words(address: Ipv6Addr) -> [u32; 4] {
        let o = address.octets();
        core::array::from_fn(|i| u32::from_ne_bytes([o[4 * i], o[4 * i + 1], o[4 * i + 2], o[4 * i + 3]]))
    }

    #[test]
    fn ipv4_is_mapped() {
        let v4 = Ipv4Addr::new(192, 0, 2, 7);
        let address = mapped(u32::from_ne_bytes(v4.octets()));
        assert_eq!(address, words(v4.to_ipv6_mapped()));
        assert!(is_mapped(address));
        assert!(!is_mapped(words(Ipv6Addr::LOCALHOST)));
    }

    #[test]
    fn masks_follow_the_family() {
        let v4 = words(Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());
        let v6 = words("2001:db8:1:2:3:4:5:6".parse().unwrap());
        let (mask4, mask6) = (mask(96 + 24), mask(64));
        assert_eq!(
            masked(v4, mask4, mask6),
            words(Ipv4Addr::new(192, 0, 2, 0).to_ipv6_mapped())
        );
        assert_eq!(masked(v6, mask4, mask6), words("2001:db8:1:2::".parse().unwrap()));
    }

    #[test]
    fn mask_has_as_many_ones_as_asked() {
        for bits in 0..=128 {
            let value = mask(bits)
                .iter()
                .fold(0_u128, |acc, word| (acc << 32) | u128::from(u32::from_be(*word)));
            assert_eq!(value.leading_ones(), bits);
            assert_eq!(value.count_ones(), bits);
        }
        assert_eq!(mask(200), mask(128));
    }
}
