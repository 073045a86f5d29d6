//! Converts the path of a cgroup to what the programs compare with.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use procfs::process::Process;

use crate::filter::Cgroup;

/// Finds the cgroup of this directory in the cgroup2 file system, such as `/sys/fs/cgroup/system.slice`.
///
/// # Errors
/// If there is no such directory or it is not a v2 cgroup; in words.
pub fn find(path: &Path) -> Result<Cgroup, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("no cgroup {}: {why}", path.display());
    let folder = fs::canonicalize(path).map_err(|error| wrong(&error))?;
    let id = fs::metadata(&folder).map_err(|error| wrong(&error))?.ino();
    let mount = mounts()
        .into_iter()
        .filter(|mount| folder.starts_with(&mount.at))
        .max_by_key(|mount| mount.at.components().count())
        .ok_or_else(|| wrong(&"it is not in a cgroup2 file system"))?;
    let below = folder.components().count() - mount.at.components().count();
    Ok(Cgroup {
        id,
        level: is_all_visible()
            .then(|| u32::try_from(mount.depth + below).ok())
            .flatten(),
    })
}

/// Whether paths of cgroups begin at the root of all cgroups: not in a cgroup namespace of a container.
fn is_all_visible() -> bool {
    /// The kernel's fixed inode number of the first cgroup namespace.
    const FIRST: u64 = 0xEFFF_FFFB;
    // Kernels without these namespaces have no such file.
    fs::metadata("/proc/self/ns/cgroup").map_or(true, |file| file.ino() == FIRST)
}

/// A place where cgroup2, or a part of it, is mounted.
struct Mount {
    at: PathBuf,
    /// How many cgroups lie above the one that is mounted there.
    depth: usize,
}

fn mounts() -> Vec<Mount> {
    let infos = Process::myself().and_then(|process| process.mountinfo());
    infos
        .into_iter()
        .flatten()
        .filter(|mount| mount.fs_type == "cgroup2")
        .map(|mount| Mount {
            depth: Path::new(&mount.root).components().skip(1).count(),
            at: mount.mount_point,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_cgroup_is_said_so() {
        assert!(
            find(Path::new("/nonexistent"))
                .unwrap_err()
                .contains("No such file")
        );
        assert!(
            find(Path::new("/proc"))
                .unwrap_err()
                .contains("not in a cgroup2 file system")
        );
    }

    #[test]
    fn the_root_has_level_0() {
        for mount in mounts().into_iter().filter(|mount| mount.depth == 0) {
            let level = find(&mount.at).unwrap().level;
            assert!(matches!(level, Some(0) | None), "{level:?}");
        }
    }
}
