//! Where a report goes: stdout, or a file that appears whole or not at all.

use std::{
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use crate::{
    cli::{Format, Output},
    evidence::Folder,
    exit::Failure,
    report::html::MARK,
    text::sanitise,
};

/// Means stdout.
const STDOUT: &str = "-";

/// Where a report goes, checked before there is one.
pub(super) enum Target {
    Stdout,
    File {
        folder: Folder,
        name: String,
        path: PathBuf,
    },
}

impl Target {
    /// Checks that a report can go there.
    ///
    /// # Errors
    /// If stdout is a terminal, the directory does not exist, or there is a file that is no report.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        if path == Path::new(STDOUT) {
            return match io::stdout().is_terminal() {
                true => Err(Failure::Usage(
                    "a report is a page for a browser: name a file for it, or redirect stdout to one"
                        .to_owned(),
                )),
                false => Ok(Self::Stdout),
            };
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            let shown = sanitise(&path.to_string_lossy());
            Failure::Usage(format!(
                "{shown}: is not the name of a file; give one such as report.html"
            ))
        })?;
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder = Folder::open_any(parent)?;
        let mut begins = vec![0; MARK.len()];
        let is_free = match folder.open_file(name) {
            Ok(mut file) => file.read_exact(&mut begins).is_ok() && begins == MARK.as_bytes(),
            Err(error) if error.is_missing() => true,
            Err(error) => return Err(error.into()),
        };
        if !is_free {
            let shown = sanitise(&path.to_string_lossy());
            return Err(Failure::Usage(format!(
                "{shown}: already exists and is not a report of tcpreuse; name a new file"
            )));
        }
        Ok(Self::File {
            folder,
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Where the report goes that is printed in this format; `None`: it is none.
    ///
    /// # Errors
    /// As for [`Self::of`].
    pub(super) fn of_output(output: &Output) -> Result<Option<Self>, Failure> {
        match output.format {
            Format::Html => Self::of(Path::new(STDOUT)).map(Some),
            Format::Text | Format::Json | Format::Figures | Format::Openmetrics | Format::Prometheus => {
                Ok(None)
            }
        }
    }

    /// Writes it there. Returns where, if that is a file.
    ///
    /// # Errors
    /// If it cannot be written; a file that was there before stays.
    pub(super) fn write(&self, page: &[u8]) -> Result<Option<&Path>, Failure> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(page)?;
                out.flush()?;
                Ok(None)
            }
            Self::File { folder, name, path } => {
                let written = folder.replace(name, page);
                written.map_err(|error| Failure::NotWritten(error.to_string()))?;
                Ok(Some(path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn refused(path: &Path) -> String {
        Target::of(path).err().unwrap().to_string()
    }

    #[test]
    fn only_a_report_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("report.html");
        let target = Target::of(&path).unwrap();
        let page = format!("{MARK}x");
        assert_eq!(target.write(page.as_bytes()).unwrap(), Some(&*path));
        let again = Target::of(&path).unwrap();
        again.write(format!("{MARK}y").as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{MARK}y"));
        let other = parent.path().join("notes.html");
        fs::write(&other, "<!DOCTYPE html><p>mine").unwrap();
        assert!(refused(&other).contains("is not a report"));
        assert_eq!(
            fs::read_dir(parent.path()).unwrap().count(),
            2,
            "nothing is left behind"
        );
    }

    #[test]
    fn no_link_is_followed() {
        let parent = tempfile::tempdir().unwrap();
        let victim = parent.path().join("victim");
        fs::write(&victim, format!("{MARK}x")).unwrap();
        let link = parent.path().join("link.html");
        symlink(&victim, &link).unwrap();
        assert!(refused(&link).contains("symbolic link"));
        let target = Target::of(&parent.path().join("new.html")).unwrap();
        symlink(&victim, parent.path().join("new.html")).unwrap();
        target.write(b"page").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), format!("{MARK}x"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for (path, wanted) in [
            ("/", "not the name of a file"),
            ("/nonexistent/report.html", "No such file"),
            ("/dev/null", "not a regular file"),
        ] {
            let said = refused(Path::new(path));
            assert!(said.contains(wanted), "{path}: {said}");
        }
    }
}
