//! An initramfs: a cpio archive in its "newc" form.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use cpio::newc;

const DIRECTORY: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const FILE: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An archive as it is written.
pub(super) struct Archive<W> {
    to: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, entries: 0 }
    }

    /// A directory; those above it have to come before.
    pub(super) fn directory(&mut self, path: &str) -> Result<()> {
        self.entry(path, DIRECTORY, (0, 0), &[])
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.entry(path, LINK, (0, 0), target.as_bytes())
    }

    /// A character device with its two numbers.
    pub(super) fn device(&mut self, path: &str, numbers: (u32, u32)) -> Result<()> {
        self.entry(path, CHARACTER_DEVICE, numbers, &[])
    }

    /// A file of this machine, links followed.
    pub(super) fn file(&mut self, path: &str, from: &Path) -> Result<()> {
        let read = || Ok::<_, io::Error>((fs::read(from)?, fs::metadata(from)?));
        let (content, metadata) = read().with_context(|| format!("cannot read {}", from.display()))?;
        let mode = FILE | metadata.permissions().mode() & 0o777;
        self.entry(path, mode, (0, 0), &content)
    }

    /// A file with this content.
    pub(super) fn text(&mut self, path: &str, content: &str) -> Result<()> {
        self.entry(path, FILE | 0o644, (0, 0), content.as_bytes())
    }

    /// Ends it, and gives back what it was written to.
    pub(super) fn finish(self) -> Result<W> {
        let end = || {
            let mut to = newc::trailer(self.to)?;
            to.flush()?;
            Ok::<_, io::Error>(to)
        };
        end().context("cannot write the archive")
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> Result<()> {
        self.entries += 1;
        let size = u32::try_from(content.len()).with_context(|| format!("{path} is too large"))?;
        let header = newc::Builder::new(path)
            .ino(self.entries)
            .mode(mode)
            .rdev_major(device.0)
            .rdev_minor(device.1);
        let mut to = header.write(&mut self.to, size);
        to.write_all(content)
            .and_then(|()| to.finish().map(drop))
            .context("cannot write the archive")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_the_kernel_documents_them() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("dev").unwrap();
        archive.device("dev/console", (5, 1)).unwrap();
        archive.text("plan", "hello").unwrap();
        let bytes = archive.finish().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.len() % 4, 0);
        assert!(text.starts_with(
            "070701000000010000\
             41ed0000000000000000000000010000000000000000000000000000000000000000000000000000000400000000dev\0"
        ));
        let plan = text.find("plan\0").unwrap();
        let header = text.get(plan - 110..plan).unwrap();
        assert_eq!(header.get(..6), Some("070701"));
        assert_eq!(header.get(54..62), Some("00000005"));
        // Name and content each fill up to four bytes.
        assert_eq!(text.get(plan..plan + 14), Some("plan\0\0hello\0\0\0"));
        assert!(text.contains("TRAILER!!!\0"));
    }
}
