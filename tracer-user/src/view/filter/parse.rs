//! Parses a filter. An error says what would be valid.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Field, Filter, Test, Than, Word};
use crate::view::{
    columns::{COLUMNS, Column, Kind},
    row::States,
};

/// Alternative names of fields, beside the names and titles of columns.
const ALIASES: [(&str, Field); 5] = [
    ("ip", Field::Column(Column::Peer)),
    ("v", Field::Column(Column::Verdict)),
    ("process", Field::Column(Column::Owner)),
    ("state", Field::State),
    ("s", Field::State),
];

/// The operator between a field and its value; `None` matches a part of the words.
type Operator = (&'static str, Option<Than>);

/// Two-character operators first.
const OPERATORS: [Operator; 6] = [
    (">=", Some(Than::AtLeast)),
    ("<=", Some(Than::AtMost)),
    (">", Some(Than::More)),
    ("<", Some(Than::Less)),
    ("=", Some(Than::Equal)),
    (":", None),
];

/// Normalises words for comparison: people write `CLOSE_WAIT`, `close-wait` and `closewait`, `FIN_WAIT1` and
/// `fin-wait-1`.
pub(super) fn plain(words: &str) -> String {
    words.to_ascii_lowercase().replace(['_', '-'], "")
}

impl Filter {
    /// Parses what was typed.
    ///
    /// # Errors
    /// If a field is unknown or its value has the wrong type; in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut alternatives = Vec::new();
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            if word == "|" || word.eq_ignore_ascii_case("or") {
                alternatives.push(std::mem::take(&mut words));
            } else {
                words.extend(Word::parse(word)?);
            }
        }
        alternatives.push(words);
        // An incomplete alternative would admit everything.
        alternatives.retain(|words| !words.is_empty());
        Ok(Self { alternatives })
    }
}

impl Word {
    fn parse(word: &str) -> Result<Option<Self>, String> {
        let (mut negated, word) = match word.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let (field, operator, value) = match split(word) {
            Some((name, operator, value)) => {
                // `verdict!=reusing`
                let name = name
                    .strip_suffix('!')
                    .inspect(|_| negated = !negated)
                    .unwrap_or(name);
                (field(name)?, operator, value)
            }
            None => (Field::Any, (":", None), word),
        };
        // `verdict:!reusing`
        let value = value
            .strip_prefix('!')
            .inspect(|_| negated = !negated)
            .unwrap_or(value);
        let parts = value.split('|').filter(|part| !part.is_empty());
        let tests: Vec<Test> = parts
            .map(|part| Test::parse(field, operator, part))
            .collect::<Result<_, _>>()?;
        match (tests.is_empty(), operator.1) {
            (false, _) => Ok(Some(Self { tests, negated })),
            // Incomplete.
            (true, None) => Ok(None),
            (true, Some(_)) => Err(format!("`{word}` needs a value, as in open>10 or idle<5s")),
        }
    }
}

impl Test {
    fn parse(field: Field, (sign, than): Operator, value: &str) -> Result<Self, String> {
        if let Field::Column(column) = field
            && let kind @ (Kind::Number | Kind::Time | Kind::Bytes) = kind(column)
        {
            let number = amount(kind, value)?;
            let than = than.unwrap_or(Than::Equal);
            return Ok(Self::Number(column, than, number, value.to_owned()));
        }
        if field == Field::State {
            is_state(value, than)?;
        }
        let of_addresses = matches!(field, Field::Any | Field::Column(Column::Peer));
        match (network(value).filter(|_| of_addresses), than) {
            (Some(network), None | Some(Than::Equal)) => Ok(Self::Network(network)),
            (None, None) => Ok(Self::Part(field, plain(value))),
            (None, Some(Than::Equal)) => Ok(Self::Whole(field, plain(value))),
            _ => Err(format!(
                "{sign} is for numbers; words are compared with : (a part) or = (the whole)"
            )),
        }
    }
}

/// Checks that the value is the name of a state, or without `=` a part of one.
fn is_state(value: &str, than: Option<Than>) -> Result<(), String> {
    let is = |name: &&str| match than {
        None => plain(name).contains(&plain(value)),
        Some(_) => plain(name) == plain(value),
    };
    match States::NAMES.iter().any(is) {
        true => Ok(()),
        false => Err(format!(
            "there is no state `{value}`; there are {}",
            States::NAMES.join(" ")
        )),
    }
}

/// The type of a column's values. A port is displayed like a name, but is a number.
fn kind(column: Column) -> Kind {
    match column {
        Column::Port => Kind::Number,
        column => column.spec().kind,
    }
}

/// The field, operator and value of a word, if it has them.
fn split(word: &str) -> Option<(&str, Operator, &str)> {
    let at = word.find([':', '<', '>', '='])?;
    let (name, rest) = word.split_at(at);
    let letters = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '/' | '!');
    // An IPv6 address has colons too, but no field consists of hexadecimal digits only.
    let hex = rest.starts_with(':') && name.chars().all(|c| c.is_ascii_hexdigit());
    if name.is_empty() || !name.chars().all(letters) || hex {
        return None;
    }
    let operator = OPERATORS.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
    Some((name, operator, rest.get(operator.0.len()..)?))
}

fn field(name: &str) -> Result<Field, String> {
    let lower = name.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(known, _)| *known == lower);
    alias
        .map(|(_, field)| *field)
        .or_else(|| Column::named(name).map(Field::Column))
        .ok_or_else(|| format!("there is no field `{name}`; there are {}", fields()))
}

/// The fields, by the titles of their columns as seen on the screen.
pub(super) fn fields() -> String {
    let titles = COLUMNS
        .iter()
        .map(|spec| spec.title.to_ascii_lowercase().replace(' ', "_"));
    titles.chain(["state".to_owned()]).collect::<Vec<_>>().join(" ")
}

/// A whole address or network.
fn network(text: &str) -> Option<IpNet> {
    let canonical = |address: IpAddr| IpNet::from(address.to_canonical());
    match text.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => text.parse::<IpAddr>().ok().map(canonical),
    }
}

/// A number as written and displayed: durations in ns, bytes in powers of 1024.
fn amount(kind: Kind, text: &str) -> Result<f64, String> {
    let units: &[(&str, f64)] = match kind {
        Kind::Time => &[
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("h", 3_600e9),
            ("d", 86_400e9),
            ("", 1e9),
        ],
        Kind::Bytes => &[
            ("K", 1024.0),
            ("M", 1_048_576.0),
            ("G", 1_073_741_824.0),
            ("T", 1_099_511_627_776.0),
            ("B", 1.0),
            ("", 1.0),
        ],
        Kind::Number | Kind::Words | Kind::Chart => &[("", 1.0)],
    };
    let single = units.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.parse::<f64>().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number * factor)
    });
    let several = || {
        let whole = humantime::parse_duration(text)
            .ok()
            .filter(|_| kind == Kind::Time);
        whole.map(|time| time.as_secs_f64() * 1e9)
    };
    single.or_else(several).ok_or_else(|| {
        let like = match kind {
            Kind::Time => "a time like 500ms, 5s or 1m30s",
            Kind::Bytes => "bytes like 800, 64K or 1.5M",
            Kind::Number | Kind::Words | Kind::Chart => "a number like 10",
        };
        format!("`{text}` is not {like}")
    })
}
