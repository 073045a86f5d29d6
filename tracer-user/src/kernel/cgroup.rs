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
    let root = mounts()
        .into_iter()
        .filter(|mount| folder.starts_with(mount))
        .max_by_key(|mount| mount.components().count())
        .ok_or_else(|| wrong(&"it is not in a cgroup2 file system"))?;
    let level = folder.components().count() - root.components().count();
    Ok(Cgroup {
        id,
        level: u32::try_from(level).unwrap_or(u32::MAX),
    })
}

/// Where cgroup2 is mounted.
fn mounts() -> Vec<PathBuf> {
    let infos = Process::myself().and_then(|process| process.mountinfo());
    infos
        .into_iter()
        .flatten()
        .filter(|mount| mount.fs_type == "cgroup2")
        .map(|mount| mount.mount_point)
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
        for mount in mounts() {
            assert_eq!(find(&mount).unwrap().level, 0);
        }
    }
}
