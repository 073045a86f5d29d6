//! The names of the files that grow: plain for the current segment, with a number for older ones, which are
//! compressed. `connections.csv` is not, so that other programs can read it.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use super::{Folder, JOURNAL, error::EvidenceError, rows::Kind};

/// Ending of the name of a compressed file.
const COMPRESSED: &str = ".zst";

/// Level of compression: rows shrink to about a tenth, and it takes a second per 200 MB.
const LEVEL: i32 = 3;

/// Name of a file of rows of an older segment.
pub(super) fn rows_name(kind: Kind, segment: u64) -> String {
    format!("{}-{segment:06}.csv", kind.stem())
}

/// Name of a file of rows of the current segment.
pub(super) fn current_rows_name(kind: Kind) -> String {
    format!("{}.csv", kind.stem())
}

/// Name of the journal of an older segment.
pub(super) fn journal_name(segment: u64) -> String {
    format!("{JOURNAL}-{segment:06}.jsonl")
}

/// Name of the current journal.
pub(super) fn current_journal_name() -> String {
    format!("{JOURNAL}.jsonl")
}

/// The name of a file once it is compressed.
pub(super) fn compressed_name(name: &str) -> String {
    format!("{name}{COMPRESSED}")
}

/// The name of a file before it was compressed.
pub(super) fn plain_name(name: &str) -> &str {
    name.strip_suffix(COMPRESSED).unwrap_or(name)
}

/// Whether a file is compressed, by its name.
pub(super) fn is_compressed(name: &str) -> bool {
    name.ends_with(COMPRESSED)
}

/// The name under which a file of an older segment is there: a compressed one is complete as soon as it has
/// its name.
pub(super) fn as_stored(folder: &Folder, name: String) -> String {
    let compressed = compressed_name(&name);
    match folder.open_file(&compressed) {
        Ok(_) => compressed,
        Err(_) => name,
    }
}

/// The older segments that have a journal, in order.
pub(super) fn older(folder: &Folder) -> Result<Vec<u64>, EvidenceError> {
    let mut found: Vec<u64> = folder
        .names()?
        .iter()
        .filter_map(|name| {
            let number = plain_name(name)
                .strip_prefix(JOURNAL)?
                .strip_prefix('-')?
                .strip_suffix(".jsonl")?;
            number.parse().ok()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The journals: those of the older segments with their numbers, then the current one.
pub(super) fn journals(folder: &Folder) -> Result<Vec<(Option<u64>, String)>, EvidenceError> {
    let older = older(folder)?.into_iter();
    Ok(older
        .map(|segment| (Some(segment), as_stored(folder, journal_name(segment))))
        .chain([(None, current_journal_name())])
        .collect())
}

/// Where a segment's rows are: a recorder killed while it numbered a segment may have renamed some of its
/// files but not the journal.
pub(super) fn find(folder: &Folder, kind: Kind, segment: Option<u64>) -> String {
    let numbered = segment.map(|segment| as_stored(folder, rows_name(kind, segment)));
    numbered
        .filter(|name| folder.open_file(name).is_ok())
        .unwrap_or_else(|| current_rows_name(kind))
}

/// Reads an open file at an offset of its own, so that several can read the same file.
pub(super) struct Reader {
    file: Arc<File>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(to, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// The content of a file that grows or grew, whether it is compressed or not.
pub(super) enum Source {
    /// As it was written.
    Plain(Reader),
    /// Compressed since.
    Compressed(Box<zstd::Decoder<'static, BufReader<Reader>>>),
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// If it is not a regular file, or cannot be opened.
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Self, EvidenceError> {
        Self::of(name, Arc::new(folder.open_file(name)?), 0)
            .map_err(|error| EvidenceError::io(&folder.path_of(name), "cannot read it", error))
    }

    /// Reads an open file from this offset in its content on. What comes before it in a compressed file is
    /// decompressed all the same.
    pub(super) fn of(name: &str, file: Arc<File>, from: u64) -> io::Result<Self> {
        if !is_compressed(name) {
            return Ok(Self::Plain(Reader { file, at: from }));
        }
        let mut decoder = zstd::Decoder::new(Reader { file, at: 0 })?;
        io::copy(&mut Read::by_ref(&mut decoder).take(from), &mut io::sink())?;
        Ok(Self::Compressed(Box::new(decoder)))
    }
}

impl Read for Source {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(to),
            Self::Compressed(decoder) => decoder.read(to),
        }
    }
}

/// Compresses a file beside itself; the plain one stays until the manifest knows of the other. Returns the
/// name of the compressed file.
pub(super) fn compress(folder: &Folder, name: &str) -> Result<String, EvidenceError> {
    let compressed = compressed_name(name);
    let mut plain = folder.open_file(name)?;
    folder.replace_with(&compressed, |to| {
        let mut encoder = zstd::Encoder::new(to, LEVEL)?;
        encoder.include_checksum(true)?;
        io::copy(&mut plain, &mut encoder)?;
        encoder.finish().map(drop)
    })?;
    Ok(compressed)
}
