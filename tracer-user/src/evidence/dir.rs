//! The directory itself: private to its owner, and never left through a symbolic link.

mod nested;

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, fsync, major,
        minor, mkdirat, openat, renameat, unlinkat,
    },
    io::Errno,
};

pub(super) use self::nested::Unfinished;
use super::EvidenceError;
use crate::memory::room_for;

/// Others may not even list it.
const DIRECTORY: Mode = Mode::RWXU;
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Maximum number of names listed; an evidence directory has a few dozen.
const MAX_NAMES: usize = 100_000;

/// An open directory. Files are named relative to it, so moving it has no effect.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Creates a directory with mode 0700.
    ///
    /// # Errors
    /// If the name exists or the directory cannot be created.
    pub fn create(path: &Path) -> Result<Self, EvidenceError> {
        let path = plain(path);
        match mkdirat(CWD, &path, DIRECTORY) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                return Err(EvidenceError::new(
                    &path,
                    "already exists; name a new directory, or add a recording to it with --append",
                ));
            }
            Err(error) => {
                let cannot = "cannot create the directory";
                let missing = path
                    .parent()
                    .filter(|parent| error == Errno::NOENT && !parent.exists());
                return Err(match missing {
                    Some(parent) => {
                        EvidenceError::new(&path, format!("{cannot}: {} does not exist", parent.display()))
                    }
                    None => EvidenceError::io(&path, cannot, error.into()),
                });
            }
        }
        let folder = Self::open_own(&path)?;
        fchmod(&folder.fd, DIRECTORY).map_err(|error| folder.failed("cannot make it private", error))?;
        Ok(folder)
    }

    /// Opens an existing directory to add to it.
    ///
    /// # Errors
    /// If it is a symbolic link, or others could have put files there.
    pub fn open_own(path: &Path) -> Result<Self, EvidenceError> {
        let path = plain(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(CWD, &path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => EvidenceError::new(
                &path,
                "is a symbolic link or not a directory; name the directory itself",
            ),
            error => EvidenceError::io(&path, "cannot open the directory", error.into()),
        })?;
        let folder = Self { fd, path };
        let stat = fstat(&folder.fd).map_err(|error| folder.failed("cannot inspect it", error))?;
        folder.lock(&stat)?;
        let others = Mode::WGRP | Mode::WOTH;
        if stat.st_uid != rustix::process::geteuid().as_raw()
            || Mode::from_raw_mode(stat.st_mode).intersects(others)
        {
            return Err(EvidenceError::new(
                &folder.path,
                "belongs to another user, or others may write to it; name a new directory",
            ));
        }
        Ok(folder)
    }

    /// Makes this the only one that writes here, as long as it is open. Readers need no lock.
    fn lock(&self, stat: &Stat) -> Result<(), EvidenceError> {
        match flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                let who = match holder(stat) {
                    Some(pid) => format!("process {pid}"),
                    None => "another process".to_owned(),
                };
                Err(EvidenceError::new(
                    &self.path,
                    format!("{who} is recording to it; wait until that has ended, or name another directory"),
                ))
            }
            // Not every file system has locks, and without one recording is still possible.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Opens a directory for reading.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        Self::open_as(path, "cannot open the evidence directory")
    }

    /// Opens a directory of any kind, to put a file into it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open_any(path: &Path) -> Result<Self, EvidenceError> {
        Self::open_as(path, "cannot open the directory")
    }

    fn open_as(path: &Path, cannot: &str) -> Result<Self, EvidenceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty())
            .map_err(|error| EvidenceError::io(path, cannot, error.into()))?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Its path when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file's path, for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates a file with mode 0600.
    ///
    /// # Errors
    /// If the name exists or the file cannot be created.
    pub fn create_file(&self, name: &str) -> Result<File, EvidenceError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.fd, name, flags, FILE)
            .map(File::from)
            .map_err(|error| EvidenceError::io(&self.path_of(name), "cannot create the file", error.into()))
    }

    /// Opens a file of ours to continue writing it.
    ///
    /// # Errors
    /// If it is not a regular file, or cannot be opened.
    pub fn open_to_append(&self, name: &str) -> Result<File, EvidenceError> {
        self.open_regular(name, OFlags::RDWR)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it is not a regular file, or cannot be opened.
    pub fn open_file(&self, name: &str) -> Result<File, EvidenceError> {
        self.open_regular(name, OFlags::RDONLY)
    }

    /// Does not block if the name is a pipe.
    fn open_regular(&self, name: &str, access: OFlags) -> Result<File, EvidenceError> {
        let path = self.path_of(name);
        // A manifest may contain any name.
        if name.contains('/') {
            return Err(EvidenceError::new(&path, "is not in the evidence directory"));
        }
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP => EvidenceError::new(&path, "is a symbolic link, and links are not followed"),
            error => EvidenceError::io(&path, "cannot open it", error.into()),
        })?;
        let stat = fstat(&fd).map_err(|error| EvidenceError::io(&path, "cannot inspect it", error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(EvidenceError::new(&path, "is not a regular file"));
        }
        Ok(File::from(fd))
    }

    /// Reads a small file completely.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than `limit`.
    pub fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, EvidenceError> {
        let file = self.open_file(name)?;
        let length = file.metadata().map_or(0, |file| file.len()).min(limit) + 1;
        let mut bytes = room_for(usize::try_from(length).unwrap_or(0));
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| EvidenceError::io(&self.path_of(name), "cannot read it", error))?;
        if bytes.len() as u64 > limit {
            return Err(EvidenceError::new(
                &self.path_of(name),
                format!("is larger than {limit} bytes"),
            ));
        }
        Ok(bytes)
    }

    /// Atomically replaces the file of that name.
    ///
    /// # Errors
    /// If it cannot be written; then the old one is still there.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        self.replace_with(name, |file| file.write_all(bytes))
    }

    /// Atomically replaces the file of that name with what `write` puts into the new one.
    ///
    /// # Errors
    /// If it cannot be written; then the old one is still there.
    pub(super) fn replace_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), EvidenceError> {
        let temporary = format!(".{name}.new");
        // The remains of a killed recorder.
        let _ = self.remove(&temporary);
        let mut file = self.create_file(&temporary)?;
        let written = write(&mut file)
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(renameat(&self.fd, &temporary, &self.fd, name)?))
            .and_then(|()| Ok(fsync(&self.fd)?));
        written.map_err(|error| {
            let _ = self.remove(&temporary);
            EvidenceError::io(&self.path_of(name), "cannot write it", error)
        })
    }

    /// Renames a file.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), EvidenceError> {
        renameat(&self.fd, from, &self.fd, to)
            .map_err(|error| EvidenceError::io(&self.path_of(from), "cannot rename it", error.into()))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), EvidenceError> {
        unlinkat(&self.fd, name, AtFlags::empty())
            .map_err(|error| EvidenceError::io(&self.path_of(name), "cannot remove it", error.into()))
    }

    /// Gives the directory another path on the same file system.
    ///
    /// # Errors
    /// If something is there, or the system refuses.
    pub(super) fn move_to(&mut self, path: &Path) -> Result<(), EvidenceError> {
        let path = plain(path);
        // The system refuses unless the path is free, or an empty directory.
        renameat(CWD, &self.path, CWD, &path)
            .map_err(|error| EvidenceError::io(&path, "cannot move the recording there", error.into()))?;
        self.path = path;
        Ok(())
    }

    /// Removes the directory and the files in it.
    ///
    /// # Errors
    /// If something in it cannot be removed.
    pub(super) fn remove_all(self) -> Result<(), EvidenceError> {
        for name in self.names()? {
            self.remove(&name)?;
        }
        let path = self.path.clone();
        self.remove_self()
            .map_err(|error| EvidenceError::io(&path, "cannot remove it", error))
    }

    /// Removes the directory, which must be empty.
    ///
    /// # Errors
    /// If it is not empty, or cannot be removed.
    pub fn remove_self(self) -> io::Result<()> {
        std::fs::remove_dir(&self.path)
    }

    /// Makes creations, renames and removals survive a power cut.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sync(&self) -> Result<(), EvidenceError> {
        fsync(&self.fd).map_err(|error| self.failed("cannot write it to the disk", error))
    }

    /// The names in it, in order.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, EvidenceError> {
        let cannot = |error| self.failed("cannot list it", error);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(cannot)?.take(MAX_NAMES) {
            let name = entry.map_err(cannot)?.file_name().to_owned();
            if ![&b"."[..], b".."].contains(&name.as_bytes()) {
                let name = OsString::from_vec(name.into_bytes());
                names.push(name.to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn failed(&self, tried: &str, error: Errno) -> EvidenceError {
        EvidenceError::io(&self.path, tried, error.into())
    }
}

/// The process that holds a lock on this file, as far as the kernel's list shows it.
fn holder(stat: &Stat) -> Option<u32> {
    // `1: FLOCK  ADVISORY  WRITE 811 08:02:131073 0 EOF`
    let (major, minor) = (major(stat.st_dev), minor(stat.st_dev));
    let file = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let line = locks
        .lines()
        .find(|line| line.split(' ').any(|word| word == file))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

/// Without a trailing slash, which would follow a symbolic link.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn only_the_owner_may_look() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("evidence");
        let folder = Folder::create(&path).unwrap();
        folder.create_file("a").unwrap();
        folder.replace("b", b"x").unwrap();
        assert_eq!(
            (mode(&path), mode(&path.join("a")), mode(&path.join("b"))),
            (0o700, 0o600, 0o600)
        );
        assert_eq!(folder.names().unwrap(), ["a", "b"]);
    }

    #[test]
    fn what_is_there_is_not_taken_over() {
        let parent = tempfile::tempdir().unwrap();
        let there = parent.path().join("there");
        drop(Folder::create(&there).unwrap());
        let error = Folder::create(&there).unwrap_err().to_string();
        assert!(error.contains("--append"), "{error}");
        let link = parent.path().join("link");
        symlink(&there, &link).unwrap();
        for path in [link.clone(), link.join("")] {
            assert!(Folder::create(&path).is_err());
            let error = Folder::open_own(&path).unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{error}");
        }
        std::fs::set_permissions(&there, PermissionsExt::from_mode(0o770)).unwrap();
        assert!(
            Folder::open_own(&there)
                .unwrap_err()
                .to_string()
                .contains("others")
        );
    }

    #[test]
    fn one_writes_and_the_second_is_told_who() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("evidence");
        let first = Folder::create(&path).unwrap();
        let error = Folder::open_own(&path).unwrap_err().to_string();
        let wanted = format!("process {} is recording to it", std::process::id());
        assert!(error.contains(&wanted), "{error}");
        assert!(Folder::open(&path).is_ok(), "reading goes on");
        drop(first);
        Folder::open_own(&path).unwrap();
    }

    #[test]
    fn links_and_pipes_are_not_read() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(&parent.path().join("evidence")).unwrap();
        symlink("/etc/passwd", folder.path_of("link")).unwrap();
        rustix::fs::mkfifoat(CWD, folder.path_of("pipe"), FILE).unwrap();
        let outside = folder.path_of("../outside");
        std::fs::write(&outside, b"x").unwrap();
        for (name, wanted) in [
            ("../outside", "is not in the evidence directory"),
            (outside.to_str().unwrap(), "is not in the evidence directory"),
            ("link", "symbolic link"),
            ("pipe", "not a regular file"),
            ("none", "No such file"),
        ] {
            for result in [folder.open_file(name), folder.open_to_append(name)] {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(wanted), "{error}");
            }
        }
        assert!(folder.create_file("link").is_err());
        folder.create_file("large").unwrap().write_all(&[0; 100]).unwrap();
        assert!(
            folder
                .read("large", 99)
                .unwrap_err()
                .to_string()
                .contains("larger")
        );
        assert_eq!(folder.read("large", 100).unwrap().len(), 100);
    }
}
