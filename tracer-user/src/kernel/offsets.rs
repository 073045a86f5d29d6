//! Where this kernel has the members that the programs read, and what is lost if one is missing.

use std::env::consts::ARCH;

use tracer_ebpf::abi::offsets::{MEMBERS, Member, Need, Offsets};

use super::btf::{Btf, BtfError};

const NOT_THERE: &str = "not there";

/// A member that this kernel lacks, or has in a different size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The member, as `struct.path`.
    pub member: String,
    /// How it differs: "not there", or its size.
    pub found: String,
    /// What is lost without it; `None` means that nothing can be counted.
    pub lost: Option<&'static str>,
}

impl Missing {
    /// What the kernel lacks, for "this kernel has no …".
    pub fn lacking(&self) -> String {
        match self.found.as_str() {
            NOT_THERE => self.member.clone(),
            found => format!("{} as expected (it {found})", self.member),
        }
    }
}

/// This kernel's offsets and the members it lacks.
///
/// # Errors
/// If the type information is damaged; only a member that does not exist counts as missing.
pub fn resolve(btf: &Btf) -> Result<(Offsets, Vec<Missing>), BtfError> {
    let mut offsets = Offsets::MISSING;
    let mut missing = Vec::new();
    for (member, offset) in MEMBERS.iter().zip(&mut offsets.0) {
        let found = match find(btf, member)? {
            Ok(found) => {
                *offset = Some(found);
                continue;
            }
            Err(found) => found,
        };
        let lost = match member.need {
            Need::Essential => None,
            Need::For(lost) => Some(lost),
            Need::On(machine, lost) if machine == ARCH => Some(lost),
            Need::On(..) | Need::Speed => continue,
        };
        missing.push(Missing {
            member: format!("{}.{}", member.structure, member.path),
            found,
            lost,
        });
    }
    Ok((offsets, missing))
}

/// The offset of a member or, in words, how it differs.
fn find(btf: &Btf, member: &Member) -> Result<Result<u32, String>, BtfError> {
    match btf.member(member.structure, member.path) {
        Ok(found) if found.size == member.bytes => Ok(Ok(found.offset)),
        Ok(found) => Ok(Err(format!("has {} bytes, not {}", found.size, member.bytes))),
        Err(BtfError::BitField { .. }) => Ok(Err("is a bit-field".to_owned())),
        Err(error) if error.is_not_found() => Ok(Err(NOT_THERE.to_owned())),
        Err(damage) => Err(damage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::btf::VMLINUX;

    #[test]
    fn a_member_of_another_size_counts_as_missing_and_says_why() {
        let Ok(btf) = Btf::from_file(VMLINUX) else {
            println!("SKIP no {VMLINUX}");
            return;
        };
        let port = Member {
            structure: "sock_common",
            path: "skc_num",
            bytes: 2,
            need: Need::Essential,
        };
        assert!(find(&btf, &port).unwrap().is_ok());
        let wider = Member { bytes: 4, ..port };
        assert_eq!(find(&btf, &wider).unwrap(), Err("has 2 bytes, not 4".to_owned()));
        let bit = Member {
            path: "skc_reuseport",
            ..port
        };
        assert_eq!(find(&btf, &bit).unwrap(), Err("is a bit-field".to_owned()));
        let gone = Member {
            path: "skc_gone",
            ..port
        };
        assert_eq!(find(&btf, &gone).unwrap(), Err("not there".to_owned()));
    }

    #[test]
    fn what_is_lacking_says_how() {
        let missing = |found: &str| Missing {
            member: "sock.sk_err".to_owned(),
            found: found.to_owned(),
            lost: None,
        };
        assert_eq!(missing("not there").lacking(), "sock.sk_err");
        assert_eq!(
            missing("has 8 bytes, not 4").lacking(),
            "sock.sk_err as expected (it has 8 bytes, not 4)"
        );
    }
}
