//! Directories within directories, and files that appear whole or not at all although several processes may
//! write to the same directory.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use rustix::{
    fd::AsFd,
    fs::{CWD, FlockOperation, Mode, OFlags, flock, fstat, fsync, mkdirat, openat, renameat},
    io::Errno,
};

use super::{DIRECTORY, EvidenceError, Folder, plain};

/// How often a temporary file is begun that another process keeps removing.
const MAX_TRIES: u32 = 100;

impl Folder {
    /// Opens a directory to put others into it. It is created if need be, with mode 0700.
    ///
    /// # Errors
    /// If it is a symbolic link, or cannot be created or opened.
    pub fn enter(path: &Path) -> Result<Self, EvidenceError> {
        Self::enter_at(CWD, &plain(path), path)
    }

    /// The same for a directory in this one.
    ///
    /// # Errors
    /// If it is a symbolic link, or cannot be created or opened.
    pub(in crate::evidence) fn within(&self, name: &str) -> Result<Self, EvidenceError> {
        Self::enter_at(&self.fd, Path::new(name), &self.path_of(name))
    }

    /// Opens a file in a directory below this one, for reading.
    ///
    /// # Errors
    /// If there is none, it is not a regular file, or a part of the path is a symbolic link.
    pub(in crate::evidence) fn look(&self, below: &Path, name: &str) -> Result<File, EvidenceError> {
        let mut folder = None;
        for part in below {
            let parent = folder.as_ref().unwrap_or(self);
            folder = Some(Self::open_at(
                &parent.fd,
                Path::new(part),
                &parent.path.join(part),
            )?);
        }
        folder.as_ref().unwrap_or(self).open_file(name)
    }

    fn enter_at(parent: impl AsFd, name: &Path, path: &Path) -> Result<Self, EvidenceError> {
        match mkdirat(&parent, name, DIRECTORY) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => {
                return Err(EvidenceError::io(
                    path,
                    "cannot create the directory",
                    error.into(),
                ));
            }
        }
        Self::open_at(parent, name, path)
    }

    fn open_at(parent: impl AsFd, name: &Path, path: &Path) -> Result<Self, EvidenceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&parent, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => EvidenceError::new(
                path,
                "is a symbolic link or not a directory; links are not followed",
            ),
            error => EvidenceError::io(path, "cannot open the directory", error.into()),
        })?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Begins a file that gets its name when it is finished, and is removed if it is not. What a killed
    /// process left behind is removed as well.
    ///
    /// # Errors
    /// If another process writes the same file, or it cannot be created.
    pub(in crate::evidence) fn begin_file(self, name: &str) -> Result<Unfinished, EvidenceError> {
        let temporary = format!(".{name}.new");
        for _ in 0..MAX_TRIES {
            let file = match self.create_file(&temporary) {
                Ok(file) => file,
                Err(error) if error.is_there() => {
                    let left = match self.open_to_append(&temporary) {
                        Ok(left) => left,
                        Err(error) if error.is_missing() => continue,
                        Err(error) => return Err(error),
                    };
                    // Only the holder of the lock may remove it.
                    self.lock_file(&left, &temporary)?;
                    let _ = self.remove(&temporary);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.lock_file(&file, &temporary)?;
            // Another process may have taken it for a remnant before it was locked.
            if fstat(&file).is_ok_and(|stat| stat.st_nlink > 0) {
                return Ok(Unfinished {
                    folder: self,
                    file,
                    temporary,
                    name: name.to_owned(),
                    is_finished: false,
                });
            }
        }
        Err(EvidenceError::new(
            &self.path_of(&temporary),
            "another process keeps removing it",
        ))
    }

    fn lock_file(&self, file: &File, name: &str) -> Result<(), EvidenceError> {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(EvidenceError::new(
                &self.path_of(name),
                "another process is writing it; wait until that has ended",
            )),
            // Not every file system has locks.
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// A file that has no name yet.
#[derive(Debug)]
pub(in crate::evidence) struct Unfinished {
    folder: Folder,
    file: File,
    temporary: String,
    name: String,
    is_finished: bool,
}

impl Unfinished {
    /// Makes it survive a power cut, and gives it its name. Returns its length.
    ///
    /// # Errors
    /// If the system refuses; then it is removed.
    pub(in crate::evidence) fn finish(mut self) -> Result<u64, EvidenceError> {
        let folder = &self.folder;
        let written = self.file.sync_all().and_then(|()| {
            let length = self.file.metadata()?.len();
            renameat(&folder.fd, &self.temporary, &folder.fd, &self.name)?;
            fsync(&folder.fd)?;
            Ok(length)
        });
        self.is_finished = written.is_ok();
        written.map_err(|error| self.failed(error))
    }

    /// Says that it cannot be written.
    pub(in crate::evidence) fn failed(&self, error: io::Error) -> EvidenceError {
        EvidenceError::io(&self.folder.path_of(&self.name), "cannot write it", error)
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            // The next attempt removes it otherwise.
            let _ = self.folder.remove(&self.temporary);
        }
    }
}
