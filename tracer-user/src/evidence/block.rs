//! A file that grows by complete blocks. Anything beyond the last complete block can be rolled back.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    os::fd::AsFd,
};

use rustix::fs::{fdatasync, fstat};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Folder,
    cells::Texts,
    error::EvidenceError,
    rows::{Kind, Row},
};

/// Rows are written to the file once this much has been collected, even before the block is complete.
const SPILL: usize = 4 << 20;

/// The length of a file and its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Length.
    pub bytes: u64,
    /// Rows without the header; for a journal, lines.
    pub rows: u64,
    /// SHA-256 of all of it.
    pub sha256: String,
}

impl Extent {
    /// Whether the file did not exist, not even with a header.
    pub(super) fn is_none(&self) -> bool {
        self.sha256.is_empty()
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A length, with the digest of everything before it.
#[derive(Clone, Debug, Default)]
struct Mark {
    bytes: u64,
    rows: u64,
    digest: Sha256,
}

impl Mark {
    fn extent(&self) -> Extent {
        Extent {
            bytes: self.bytes,
            rows: self.rows,
            sha256: hex(&self.digest.clone().finalize()),
        }
    }
}

/// A growing file.
#[derive(Debug)]
pub(super) struct Growing {
    file: File,
    written: Mark,
    whole: Mark,
}

impl Growing {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            written: Mark::default(),
            whole: Mark::default(),
        }
    }

    /// Resumes a file whose complete part is known, and cuts off the rest; `None` if that part has changed.
    pub(super) fn resume(mut file: File, whole: &Extent) -> io::Result<Option<Self>> {
        let mut digest = Sha256::new();
        let read = io::copy(&mut Read::by_ref(&mut file).take(whole.bytes), &mut digest)?;
        let mark = Mark {
            bytes: whole.bytes,
            rows: whole.rows,
            digest,
        };
        if read != whole.bytes || mark.extent() != *whole {
            return Ok(None);
        }
        file.set_len(whole.bytes)?;
        Ok(Some(Self {
            file,
            written: mark.clone(),
            whole: mark,
        }))
    }

    pub(super) fn write(&mut self, bytes: &[u8], rows: u64) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written.digest.update(bytes);
        self.written.bytes += bytes.len() as u64;
        self.written.rows += rows;
        Ok(())
    }

    /// Makes what was written survive a power cut. A removed file is an error, since nobody would ever find
    /// its contents.
    pub(super) fn sync(&self) -> io::Result<()> {
        if fstat(&self.file)?.st_nlink == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has been removed"));
        }
        if self.written.bytes == self.whole.bytes {
            return Ok(());
        }
        Ok(fdatasync(self.file.as_fd())?)
    }

    /// Marks everything written so far as complete.
    pub(super) fn accept(&mut self) {
        self.whole = self.written.clone();
    }

    /// Rolls back to the last complete block.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        self.written = self.whole.clone();
        self.file.set_len(self.whole.bytes)?;
        self.file.seek(SeekFrom::Start(self.whole.bytes))?;
        Ok(())
    }

    pub(super) fn written(&self) -> Extent {
        self.written.extent()
    }

    pub(super) fn whole(&self) -> Extent {
        self.whole.extent()
    }

    pub(super) fn whole_bytes(&self) -> u64 {
        self.whole.bytes
    }
}

/// A growing file of rows.
#[derive(Debug)]
pub(super) struct RowFile {
    kind: Kind,
    growing: Growing,
    csv: csv::Writer<Vec<u8>>,
    texts: Texts,
    /// Its rows that are not in the file yet.
    pending: u64,
    /// Rows of the incomplete block.
    block: u64,
}

impl RowFile {
    /// The extent of a file without rows.
    pub(super) fn empty(kind: Kind) -> io::Result<Extent> {
        let mut csv = csv::Writer::from_writer(Sha256::new());
        csv.write_record(kind.columns())?;
        let bytes: usize = kind.columns().iter().map(|column| column.len() + 1).sum();
        let digest = csv
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Extent {
            bytes: bytes as u64,
            rows: 0,
            sha256: hex(&digest.finalize()),
        })
    }

    /// Creates a file with its header.
    pub(super) fn create(folder: &Folder, kind: Kind) -> Result<Self, EvidenceError> {
        let name = format!("{}.csv", kind.stem());
        let mut file = Self::over(kind, Growing::new(folder.create_file(&name)?));
        file.header()
            .map_err(|error| EvidenceError::io(&folder.path_of(&name), "cannot write it", error))?;
        Ok(file)
    }

    /// Whether the file of this kind has all columns that this version writes.
    pub(super) fn is_current(folder: &Folder, kind: Kind, name: &str) -> Result<bool, EvidenceError> {
        let wanted = format!("{}\n", kind.columns().join(","));
        let mut header = Vec::new();
        folder
            .open_file(name)?
            .take(wanted.len() as u64)
            .read_to_end(&mut header)
            .map_err(|error| EvidenceError::io(&folder.path_of(name), "cannot read it", error))?;
        Ok(header == wanted.as_bytes())
    }

    pub(super) fn over(kind: Kind, growing: Growing) -> Self {
        Self {
            kind,
            growing,
            csv: csv::Writer::from_writer(Vec::new()),
            texts: Texts::default(),
            pending: 0,
            block: 0,
        }
    }

    fn header(&mut self) -> io::Result<()> {
        self.csv.write_record(self.kind.columns())?;
        self.spill()?;
        // A block that has no rows of this kind is not waited for.
        self.growing.sync()?;
        self.growing.accept();
        Ok(())
    }

    pub(super) fn put<R: Row>(&mut self, row: &R) -> io::Result<()> {
        self.block += 1;
        self.pending += 1;
        write_row(&mut self.csv, &mut self.texts, row)?;
        if self.csv.get_ref().len() >= SPILL {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let fresh = csv::Writer::from_writer(Vec::new());
        let rows = mem::take(&mut self.pending);
        let bytes = mem::replace(&mut self.csv, fresh)
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.growing.write(&bytes, rows)
    }

    /// Rows of the block that is not complete yet.
    pub(super) fn of_block(&self) -> u64 {
        self.block
    }

    /// Writes the rest of the block.
    pub(super) fn finish_block(&mut self) -> io::Result<()> {
        self.spill()?;
        self.growing.sync()
    }

    pub(super) fn accept(&mut self) {
        self.block = 0;
        self.growing.accept();
    }

    /// Drops the rows of the incomplete block, and returns their number.
    pub(super) fn take_back(&mut self) -> u64 {
        self.csv = csv::Writer::from_writer(Vec::new());
        self.pending = 0;
        // If even this fails, readers still stop at the last complete block.
        let _ = self.growing.take_back();
        mem::take(&mut self.block)
    }

    pub(super) fn written(&self) -> Extent {
        self.growing.written()
    }

    pub(super) fn whole(&self) -> Extent {
        self.growing.whole()
    }

    pub(super) fn whole_bytes(&self) -> u64 {
        self.growing.whole_bytes()
    }
}

/// Writes one row as CSV.
pub(super) fn write_row<R: Row, W: Write>(
    to: &mut csv::Writer<W>,
    texts: &mut Texts,
    row: &R,
) -> csv::Result<()> {
    let mut result = Ok(());
    row.cells(&mut |cell| {
        if result.is_ok() {
            result = to.write_field(texts.csv(cell));
        }
    });
    result?;
    to.write_record(None::<&[u8]>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_can_be_taken_back() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create(&parent.path().join("e")).unwrap();
        let mut growing = Growing::new(folder.create_file("f").unwrap());
        growing.write(b"one\n", 1).unwrap();
        growing.accept();
        let whole = growing.whole();
        growing.write(b"two\nthr", 2).unwrap();
        growing.take_back().unwrap();
        assert_eq!(
            (growing.written(), folder.read("f", 99).unwrap()),
            (whole.clone(), b"one\n".to_vec())
        );
        growing.write(b"2\n", 1).unwrap();
        assert_eq!(folder.read("f", 99).unwrap(), b"one\n2\n");
        let resumed = Growing::resume(folder.open_to_append("f").unwrap(), &whole).unwrap();
        assert_eq!(resumed.unwrap().whole(), whole);
        assert_eq!(folder.read("f", 99).unwrap(), b"one\n");
        std::fs::write(folder.path_of("f"), b"0ne\n").unwrap();
        assert!(
            Growing::resume(folder.open_to_append("f").unwrap(), &whole)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn digests_are_those_of_sha256sum() {
        assert_eq!(
            Mark::default().extent().sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
