//! Keeping what was chosen in the view: in the settings file, whose other lines stay as they are.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{file, own_file, read};
use crate::{cli::SettingsFlags, exit::Failure, view::columns::Column};

/// Where settings are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saving {
    /// The file that is read, if there is one.
    read: Option<PathBuf>,
    /// The file that is written.
    path: PathBuf,
}

impl Saving {
    /// The file named by a flag, else the user's own; `None` without either. What is in the file for all
    /// users is carried over into one's own.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub fn of(given: &SettingsFlags, get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Failure> {
        let path = given.config.clone().or_else(|| own_file(&get));
        let read = read(given, &get)?.map(|(path, _)| path);
        Ok(path.map(|path| Self { read, path }))
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory it is in.
    pub fn folder(&self) -> PathBuf {
        match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => ".".into(),
        }
    }

    /// Keeps the columns.
    ///
    /// # Errors
    /// If the file cannot be read or written, in words.
    pub fn save_columns(&self, columns: &[Column]) -> Result<(), String> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("there is no directory {0}: mkdir -p {0}", self.folder().display())
            }
            _ => format!("cannot save in {}: {error}", self.path.display()),
        };
        let text = match &self.read {
            Some(path) => file::read(path).map_err(failed)?,
            None => String::new(),
        };
        let text = with_columns(&text, columns)
            .ok_or_else(|| format!("{} is not valid, so it is left alone", self.path.display()))?;
        write(&self.path, &text).map_err(failed)
    }
}

/// Replaces a file's text in place, so that it stays its owner's. Links are not followed: under sudo, the
/// directory may be another user's.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|known| !known.is_file()) {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0))
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// A settings file with these columns; `None` if the file is not valid.
fn with_columns(text: &str, columns: &[Column]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Found {
        columns: Option<Spanned<Value>>,
    }
    let found: Found = toml::from_str(text).ok()?;
    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.spec().name))
        .collect();
    let list = format!("[{}]", names.join(", "));
    let new = match found.columns.map(|value| value.span()) {
        Some(span) => format!("{}{list}{}", text.get(..span.start)?, text.get(span.end..)?),
        // In front of everything, since what follows the title of a table belongs to the table.
        None => format!("columns = {list}\n{text}"),
    };
    toml::from_str::<Found>(&new).is_ok().then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::default_file;

    const CHOSEN: [Column; 2] = [Column::Peer, Column::Open];

    #[test]
    fn only_the_columns_change() {
        let list = "columns = [\"peer\", \"open_now\"]\n";
        for (text, wanted) in [
            ("", list.to_owned()),
            ("sort = \"opens\"\n", format!("{list}sort = \"opens\"\n")),
            (
                "# mine\ncolumns = [\n  \"port\", # why\n]\n[thresholds]\nmin_pile = 5\n",
                format!("# mine\n{list}[thresholds]\nmin_pile = 5\n"),
            ),
            (
                "[names]\n\"::/0\" = \"x\"\n",
                format!("{list}[names]\n\"::/0\" = \"x\"\n"),
            ),
        ] {
            assert_eq!(with_columns(text, &CHOSEN), Some(wanted));
        }
        assert_eq!(with_columns("columns = [", &CHOSEN), None);
        let saved = with_columns(&default_file(), &CHOSEN).unwrap();
        assert!(saved.contains(list) && saved.len() < default_file().len());
    }

    #[test]
    fn a_file_is_replaced_in_place_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let saving = |read: Option<&Path>, path: &Path| Saving {
            read: read.map(Path::to_owned),
            path: path.to_owned(),
        };
        saving(None, &path).save_columns(&CHOSEN).unwrap();
        saving(Some(&path), &path).save_columns(&CHOSEN[..1]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "columns = [\"peer\"]\n");
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let said = saving(Some(&link), &link).save_columns(&CHOSEN).unwrap_err();
        assert!(said.ends_with("it is not a regular file"), "{said}");
        let nowhere = folder.path().join("none/config.toml");
        let said = saving(None, &nowhere).save_columns(&CHOSEN).unwrap_err();
        assert!(said.contains("none: mkdir -p "), "{said}");
    }
}
