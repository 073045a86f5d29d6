//! The directories that `--from` names: as they are, or by a pattern with `*` and `?`, which a shell may have
//! left.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// A pattern finds no more directories.
const MAX_FOUND: usize = 10_000;

/// The directories, each once, in the order given; those of a pattern by name. A pattern that finds none
/// stays, so that it can be named.
pub(super) fn expand(given: &[PathBuf]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for path in given {
        let found = match path.to_str() {
            Some(text) if is_pattern(text) && fs::symlink_metadata(path).is_err() => matching(path),
            _ => Vec::new(),
        };
        let found = if found.is_empty() {
            vec![path.clone()]
        } else {
            found
        };
        for path in found {
            if !all.contains(&path) {
                all.push(path);
            }
        }
    }
    all
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn matching(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_str().unwrap_or_default();
        let Component::Normal(_) = part else {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        };
        if !is_pattern(text) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut deeper = Vec::new();
        for path in found {
            let folder = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                &path
            };
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            // As in a shell, a hidden one has to be asked for.
            let mut names: Vec<String> = names
                .filter(|name| (text.starts_with('.') || !name.starts_with('.')) && fits(text, name))
                .collect();
            names.sort_unstable();
            deeper.extend(names.into_iter().map(|name| path.join(name)));
            deeper.truncate(MAX_FOUND);
        }
        found = deeper;
    }
    found.retain(|path| path.is_dir());
    found
}

/// Whether a name fits a pattern, in time proportional to the product of their lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Which lengths of the name the pattern so far fits.
    let mut fit = vec![false; name.len() + 1];
    if let Some(none) = fit.first_mut() {
        *none = true;
    }
    for part in pattern {
        let mut next = vec![false; fit.len()];
        for length in 0..fit.len() {
            let before = length.checked_sub(1);
            let before_fit = |all: &[bool]| {
                before
                    .and_then(|before| all.get(before))
                    .copied()
                    .unwrap_or(false)
            };
            let is_same = |length: usize| name.get(length).is_some_and(|c| part == '?' || *c == part);
            let fits = match part {
                '*' => fit.get(length).copied().unwrap_or(false) || before_fit(&next),
                _ => before_fit(&fit) && before.is_some_and(is_same),
            };
            if let Some(place) = next.get_mut(length) {
                *place = fits;
            }
        }
        fit = next;
    }
    fit.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_others() {
        for (pattern, name, wanted) in [
            ("*", "web1", true),
            ("web?", "web1", true),
            ("web?", "web", false),
            ("w*b*1", "web-b1", true),
            ("w*b*1", "web-b2", false),
            ("**", "", true),
            ("?", "é", true),
            ("web1", "web12", false),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_finds_directories_by_name_and_each_once() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["b/evidence", "a/evidence", ".hidden/evidence", "c"] {
            fs::create_dir_all(parent.path().join(name)).unwrap();
        }
        fs::write(parent.path().join("d"), "").unwrap();
        let path = |name: &str| parent.path().join(name);
        let found = expand(&[path("b/evidence"), path("*/evidence"), path("x*"), path("?")]);
        let wanted = ["b/evidence", "a/evidence", "x*", "a", "b", "c"].map(path);
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_name_with_a_star_is_a_name_if_there_is_one() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["a*", "ab"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let path = parent.path().join("a*");
        assert_eq!(expand(std::slice::from_ref(&path)), [path]);
    }
}
