//! Parses single settings. Error messages say which values are valid.

use super::When;
use crate::view::{
    app::Sort,
    columns::{COLUMNS, Column},
};

fn names() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|spec| spec.name).collect();
    names.join(", ")
}

fn column(name: &str) -> Result<Column, String> {
    Column::named(name).ok_or_else(|| format!("there is no column `{name}`; the columns are {}", names()))
}

pub(super) fn columns(listed: &[String]) -> Result<Vec<Column>, String> {
    let mut columns = Vec::new();
    for name in listed {
        let column = column(name)?;
        if columns.contains(&column) {
            return Err(format!("the column `{name}` is listed twice"));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Err("at least one column is needed".to_owned());
    }
    Ok(columns)
}

pub(super) fn sort(text: &str) -> Result<Sort, String> {
    let (reversed, name) = match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text),
    };
    let column = match name {
        "worst" => None,
        name => Some(column(name)?),
    };
    Ok(Sort { column, reversed })
}

pub(super) fn when(text: &str) -> Result<When, String> {
    match text {
        "auto" => Ok(When::Auto),
        "always" => Ok(When::Always),
        "never" => Ok(When::Never),
        other => Err(format!("`{other}` is not auto, always or never")),
    }
}
