//! Writing what is on the screen into a directory of its own.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, statat};

use super::{columns::Column, row::Row, snapshot::Snapshot};
use crate::report::{Origin, json};

/// What is to be written: a moment, and the table as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The moment.
    pub snapshot: Arc<Snapshot>,
    /// The columns of the table.
    pub columns: Vec<Column>,
    /// Its rows in their order.
    pub rows: Vec<Row>,
}

/// Writes evidence somewhere. In a thread of its own, so it may take its time.
pub trait Export: Send + Sync {
    /// Writes, and gives where to.
    ///
    /// # Errors
    /// When it cannot be written, in words.
    fn export(&self, shown: &Shown) -> Result<PathBuf, String>;
}

/// Writes `diagnosis.json` and `peers-shown.csv` into a new directory of which nobody else can read
/// anything.
#[derive(Clone, Debug)]
pub struct NewDirectory {
    /// Where it is to be.
    pub parent: PathBuf,
    /// Where this was made.
    pub origin: Origin,
}

/// How many names are tried.
const MAX_TRIES: u32 = 100;

impl Export for NewDirectory {
    fn export(&self, shown: &Shown) -> Result<PathBuf, String> {
        let (path, directory) = self
            .create(shown)
            .map_err(|error| format!("cannot make a directory in {}: {error}", self.parent.display()))?;
        let write = |name: &str, content: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
            new_file(&directory, name)
                .and_then(|file| {
                    let mut file = BufWriter::new(file);
                    content(&mut file)?;
                    file.flush()
                })
                .map_err(|error| format!("cannot write {}: {error}", path.join(name).display()))
        };
        write("diagnosis.json", &|mut to| {
            json::write(&mut to, &shown.snapshot.diagnosis, &self.origin)
        })?;
        write("peers-shown.csv", &|to| {
            table(to, &shown.columns, shown.rows.iter())
        })?;
        Ok(path)
    }
}

impl NewDirectory {
    /// A directory that was not there, so nobody has put a link or a file in its place.
    fn create(&self, shown: &Shown) -> io::Result<(PathBuf, OwnedFd)> {
        let parent = openat(
            CWD,
            &self.parent,
            OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let at = Timestamp::from_nanosecond(shown.snapshot.taken().utc_ns)
            .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
            .unwrap_or_default();
        for number in 0..MAX_TRIES {
            let name = match number {
                0 => format!("tcpreuse-{at}"),
                number => format!("tcpreuse-{at}-{number}"),
            };
            match mkdirat(&parent, &name, Mode::RWXU) {
                Ok(()) => return Ok((self.parent.join(&name), open_own(&parent, &name)?)),
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }
}

/// Opens the directory just made, and nothing that has taken its place since.
fn open_own(parent: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(parent, name, flags, Mode::empty())?;
    let found = statat(&directory, "", AtFlags::EMPTY_PATH)?;
    let (owner, mode) = (found.st_uid, found.st_mode & 0o7777);
    if owner != rustix::process::geteuid().as_raw() || mode & 0o077 != 0 {
        return Err(io::Error::other("somebody else has put another one in its place"));
    }
    Ok(directory)
}

fn new_file(directory: &impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(directory, Path::new(name), flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// The table as CSV: all columns that are wanted, whatever fits the screen.
///
/// # Errors
/// When it cannot be written.
pub fn table<'a>(to: impl Write, columns: &[Column], rows: impl Iterator<Item = &'a Row>) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(columns.iter().map(|column| column.spec().name))?;
    for row in rows {
        csv.write_record(columns.iter().map(|column| defused(column.csv(row))))?;
    }
    csv.flush()
}

/// A cell that no spreadsheet takes for a formula.
fn defused(mut text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        text.insert(0, '\'');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, symlink},
    };

    use super::*;
    use crate::view::{app::default_columns, example};

    fn shown() -> Shown {
        let snapshot = Arc::new(example::snapshot());
        Shown {
            columns: default_columns(),
            rows: snapshot.rows.clone(),
            snapshot,
        }
    }

    fn into(parent: &Path) -> NewDirectory {
        NewDirectory {
            parent: parent.to_owned(),
            origin: crate::report::example::origin(),
        }
    }

    #[test]
    fn each_export_has_a_directory_of_its_own_that_only_its_owner_can_read() {
        let parent = tempfile::tempdir().unwrap();
        let first = into(parent.path()).export(&shown()).unwrap();
        let second = into(parent.path()).export(&shown()).unwrap();
        assert_ne!(first, second);
        assert_eq!(fs::metadata(&first).unwrap().mode() & 0o7777, 0o700);
        for name in ["diagnosis.json", "peers-shown.csv"] {
            let found = fs::metadata(first.join(name)).unwrap();
            assert_eq!(found.mode() & 0o7777, 0o600);
        }
        let json: serde_json::Value =
            serde_json::from_slice(&fs::read(first.join("diagnosis.json")).unwrap()).unwrap();
        assert_eq!(json["schema"], "tcpreuse.diagnosis/1");
        let csv = fs::read_to_string(first.join("peers-shown.csv")).unwrap();
        assert_eq!(csv.lines().count(), 13);
        assert!(csv.starts_with("peer,port,verdict,"));
    }

    #[test]
    fn what_stands_in_the_way_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let first = into(parent.path()).export(&shown()).unwrap();
        fs::remove_dir_all(&first).unwrap();
        symlink(elsewhere.path(), &first).unwrap();
        let path = into(parent.path()).export(&shown()).unwrap();
        assert_ne!(path, first);
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn formulas_are_text() {
        let mut row = shown().rows.remove(0);
        row.owner = "=cmd(\"a,b\")".into();
        let mut out = Vec::new();
        table(&mut out, &[Column::Owner], [&row].into_iter()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "owner\n\"'=cmd(\"\"a,b\"\")\"\n");
    }
}
