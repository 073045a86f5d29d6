//! Values of every type come back as they were, in rows of any number.

use std::{fs::File, net::IpAddr};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use proptest::prelude::*;

use super::super::{
    figures, files,
    table::{Table, Type, schema},
};
use crate::evidence::{
    Folder,
    cells::{Cell, CellType},
    export::KINDS,
};

#[derive(Clone, Debug)]
struct Values {
    number: Option<u64>,
    flag: Option<bool>,
    share: Option<u16>,
    time: Option<i64>,
    address: Option<IpAddr>,
    text: Option<String>,
    numbers: Option<[u32; 3]>,
}

fn values() -> impl Strategy<Value = Values> {
    (
        any::<Option<u64>>(),
        any::<Option<bool>>(),
        prop::option::of(0..=1000_u16),
        any::<Option<i64>>(),
        any::<Option<IpAddr>>(),
        any::<Option<String>>(),
        any::<Option<[u32; 3]>>(),
    )
        .prop_map(|(number, flag, share, time, address, text, numbers)| Values {
            number,
            flag,
            share,
            time,
            address,
            text,
            numbers,
        })
}

const COLUMNS: [(&str, Type); 7] = [
    ("number", Type::Like(CellType::Number)),
    ("flag", Type::Like(CellType::Flag)),
    ("share", Type::Like(CellType::Share)),
    ("time", Type::Like(CellType::Time)),
    ("address", Type::Like(CellType::Address)),
    ("text", Type::Like(CellType::Text)),
    ("numbers", Type::Numbers),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn values_come_back(rows in prop::collection::vec(values(), 0..50)) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::enter(parent.path()).unwrap();
        let path = folder.path_of("x");
        let columns = COLUMNS.map(|(name, kind)| (name.to_owned(), kind));
        let file = folder.begin_file("x").unwrap();
        let mut table = Table::begin((file, path.clone()), &columns, Vec::new()).unwrap();
        for row in &rows {
            table.put(row.number.map_or(Cell::Unknown, Cell::Number));
            table.put(row.flag.map_or(Cell::Unknown, Cell::Flag));
            table.put(row.share.map_or(Cell::Unknown, Cell::Share));
            table.put(row.time.map_or(Cell::Unknown, |ns| Cell::Time(ns.into())));
            table.put(row.address.map_or(Cell::Unknown, Cell::Address));
            table.put(row.text.as_deref().map_or(Cell::Unknown, Cell::Outside));
            table.put_numbers(row.numbers.as_ref().map(<[u32; 3]>::as_slice));
            table.end_row().unwrap();
        }
        prop_assert_eq!(table.finish().unwrap().0, rows.len() as u64);
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let read: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        prop_assert_eq!(read.len(), rows.len());
        for (read, row) in read.iter().zip(&rows) {
            let long = |n: Option<i64>| n.map_or(Field::Null, Field::Long);
            let text = row.text.as_deref().map(crate::text::sanitise);
            let bytes = row.address.map(|address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            });
            prop_assert_eq!(&read[0], &long(row.number.and_then(|n| i64::try_from(n).ok())));
            prop_assert_eq!(&read[1], &row.flag.map_or(Field::Null, Field::Bool));
            let share = row.share.map_or(Field::Null, |n| Field::Double(f64::from(n) / 1000.0));
            prop_assert_eq!(&read[2], &share);
            prop_assert_eq!(&read[3], &long(row.time));
            let address = row.address.map(|address| address.to_string());
            prop_assert_eq!(&read[4], &address.map_or(Field::Null, Field::Str));
            prop_assert_eq!(&read[5], &bytes.map_or(Field::Null, |bytes| Field::Bytes(bytes.into())));
            prop_assert_eq!(&read[6], &text.map_or(Field::Null, Field::Str));
            let numbers = row.numbers.map(|numbers| numbers.map(i64::from).to_vec());
            prop_assert_eq!(super::numbers(&read[7]), numbers);
        }
    }
}

#[test]
fn each_column_has_a_name_of_its_own() {
    for kind in KINDS {
        let columns = files::columns(kind);
        schema(&columns).unwrap();
        let mut names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{kind:?}");
    }
}

#[test]
fn what_rows_lack_is_a_figure() {
    use crate::model::{figure::Table as _, peer::Counters};
    for name in figures::NOT_IN_ROWS {
        assert!(Counters::NAMES.contains(name), "{name}");
    }
}
