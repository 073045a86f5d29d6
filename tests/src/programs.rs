//! The BPF programs a process holds, and the time they took, as the kernel tells it.

use std::{collections::BTreeMap, fs};

use aya::{
    maps::MapInfo,
    programs::{ProgramInfo, loaded_programs},
};

/// A loaded program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The kernel's number of it.
    pub id: u32,
    /// Its name, which the kernel cuts after 15 bytes where it has no longer one.
    pub name: String,
    /// What it has done so far.
    pub counted: Counted,
}

/// What the kernel counts of a program, the times while statistics are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Time it ran, ns.
    pub run_ns: u64,
    /// How often it ran.
    pub runs: u64,
    /// How often the kernel skipped it, because it was running on that CPU already.
    pub skipped: u64,
}

/// The programs a process holds open, by their numbers.
pub fn of_process(pid: u32) -> Vec<Program> {
    let counted = descriptors(pid)
        .iter()
        .filter_map(|info| program(info))
        .collect::<BTreeMap<u32, Counted>>();
    loaded_programs()
        .flatten()
        .filter_map(|info| {
            Some(Program {
                id: info.id(),
                name: info.name_as_str().unwrap_or_default().to_owned(),
                counted: *counted.get(&info.id())?,
            })
        })
        .collect()
}

/// Whether the kernel still has any of the programs with these numbers.
pub fn is_any_loaded(ids: &[u32]) -> bool {
    loaded_programs()
        .flatten()
        .any(|program| ids.contains(&program.id()))
}

/// Whether a process has attached a program by a link.
pub fn is_attached(pid: u32) -> bool {
    descriptors(pid)
        .iter()
        .any(|info| field(info, "link_id").is_some())
}

/// Memory of all maps that the programs of a process use, in bytes; `None` when the kernel does not tell.
pub fn map_bytes(pid: u32) -> Option<u64> {
    let ids: Vec<u32> = of_process(pid).iter().map(|program| program.id).collect();
    let mut maps: Vec<u32> = loaded_programs()
        .flatten()
        .filter(|info| ids.contains(&info.id()))
        .filter_map(|info: ProgramInfo| info.map_ids().ok().flatten())
        .flatten()
        .collect();
    maps.sort_unstable();
    maps.dedup();
    let of_one = |id: u32| -> Option<u64> {
        let _open = MapInfo::from_id(id).ok()?.fd().ok()?;
        let own = descriptors(std::process::id());
        let info = own
            .iter()
            .find(|info| field(info, "map_id") == Some(u64::from(id)))?;
        field(info, "memlock")
    };
    maps.into_iter().map(of_one).sum()
}

/// What the kernel says of each open file of a process.
fn descriptors(pid: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let files = files.into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .collect()
}

/// The number of a program and what is counted of it; `None` when this is the description of another
/// file, that of a link included.
fn program(info: &str) -> Option<(u32, Counted)> {
    field(info, "prog_jited")?;
    let id = u32::try_from(field(info, "prog_id")?).ok()?;
    let counted = Counted {
        run_ns: field(info, "run_time_ns")?,
        runs: field(info, "run_cnt")?,
        skipped: field(info, "recursion_misses")?,
    };
    Some((id, counted))
}

fn field(info: &str, name: &str) -> Option<u64> {
    let value = info
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "pos:\t0\nflags:\t02000000\nprog_type:\t26\nprog_jited:\t1\nprog_tag:\tdb4a6cc4dd08e9b5\n\
        memlock:\t8192\nprog_id:\t41\nrun_time_ns:\t5120\nrun_cnt:\t40\nrecursion_misses:\t3\nverified_insns:\t374\n";
    const LINK: &str =
        "pos:\t0\nlink_type:\tperf\nlink_id:\t43759\nprog_id:\t41\ntp_name:\tinet_sock_set_state\n";

    #[test]
    fn a_program_is_told_from_its_link() {
        let counted = Counted {
            run_ns: 5120,
            runs: 40,
            skipped: 3,
        };
        assert_eq!(program(PROGRAM), Some((41, counted)));
        assert_eq!(program(LINK), None);
        assert_eq!(field(LINK, "link_id"), Some(43759));
    }

    #[test]
    fn what_a_kernel_does_not_tell_is_not_zero() {
        assert_eq!(program(&PROGRAM.replace("run_cnt", "runs")), None);
    }
}
