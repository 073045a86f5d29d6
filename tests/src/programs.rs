//! The BPF programs that a process holds open, and their run time, as reported by the kernel.

use std::{collections::BTreeMap, fs};

use aya::{
    maps::{HashMap, Map, MapData, MapInfo},
    programs::{ProgramInfo, loaded_programs},
};
use tracer_ebpf::abi::conn::Conn;

/// A loaded program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Program ID.
    pub id: u32,
    /// Its name, truncated to 15 bytes by the kernel.
    pub name: String,
    /// Run statistics so far.
    pub counted: Counted,
}

/// The kernel's statistics of a program. `run_ns` and `runs` grow only while BPF statistics are enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Total run time, ns.
    pub run_ns: u64,
    /// Number of runs.
    pub runs: u64,
    /// Number of runs that the kernel skipped because the program was already running on that CPU.
    pub skipped: u64,
}

/// The programs that a process holds open.
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

/// Whether any program with one of these IDs is still loaded.
pub fn is_any_loaded(ids: &[u32]) -> bool {
    loaded_programs()
        .flatten()
        .any(|program| ids.contains(&program.id()))
}

/// Whether a process holds a BPF link, that is, has attached a program.
pub fn is_attached(pid: u32) -> bool {
    descriptors(pid)
        .iter()
        .any(|info| field(info, "link_id").is_some())
}

/// Total memory of all maps used by the programs of a process, in bytes; `None` if the kernel does not report
/// it.
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

/// The number of entries in the hash maps of this name that the programs of a process use.
///
/// # Panics
/// If there is none, or it cannot be read.
pub fn entries(pid: u32, name: &str) -> usize {
    let ids: Vec<u32> = of_process(pid).iter().map(|program| program.id).collect();
    let map = loaded_programs()
        .flatten()
        .filter(|info| ids.contains(&info.id()))
        .filter_map(|info| info.map_ids().ok().flatten())
        .flatten()
        .filter_map(|id| MapInfo::from_id(id).ok())
        .find(|info| info.name_as_str() == Some(name))
        .expect("the map");
    let map = MapData::from_id(map.id()).expect("the map");
    let map: HashMap<_, u64, Conn> = Map::HashMap(map).try_into().expect("a hash map of connections");
    map.keys().map(Result::ok).count()
}

/// The contents of `/proc/PID/fdinfo/*` of a process.
fn descriptors(pid: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let files = files.into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .collect()
}

/// Program ID and statistics from an `fdinfo` file; `None` if the file does not describe a program. A link
/// has a `prog_id` too, but no `prog_jited`.
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
