//! The types of a blob, by number and by name. Each access is checked, and nothing is decoded before it is
//! needed.

use std::{
    ffi::CStr,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use bytes::Bytes;

use super::{
    MAX_FILE_BYTES,
    error::{Container, Defect},
    format::{Header, Kind, Reader, Type},
};

/// The types and strings of a blob, with indexes to find them.
#[derive(Debug)]
pub(super) struct Types {
    records: Bytes,
    strings: Bytes,
    /// The offsets in `records` at which types 1, 2, … start.
    starts: Vec<u32>,
    /// Hash of the name and number of each type that can be looked up by name, sorted. Unlike a map, a sorted
    /// list keeps types of one name together even if a hostile blob has many.
    names: Vec<(u32, u32)>,
}

impl Types {
    pub(super) fn parse(data: Bytes) -> Result<Self, Defect> {
        if let Some(container) = Container::of(&data) {
            return Err(Defect::Container(container));
        }
        if data.len() > MAX_FILE_BYTES {
            return Err(Defect::TooLarge);
        }
        let header = Header::read(&data)?;
        let strings = data.slice(header.strings);
        if strings.first() != Some(&0) || strings.last() != Some(&0) {
            return Err(Defect::UnboundedStrings);
        }
        let records = data.slice(header.types);
        let mut types = Self {
            records,
            strings,
            starts: Vec::new(),
            names: Vec::new(),
        };
        types.index()?;
        Ok(types)
    }

    fn index(&mut self) -> Result<(), Defect> {
        // A kernel's records have 25 to 30 bytes on average.
        let mut starts = Vec::with_capacity(self.records.len() / 24);
        let mut names = Vec::with_capacity(self.records.len() / 48);
        let mut reader = Reader::new(&self.records);
        let mut id = 0;
        while !reader.is_empty() {
            id += 1;
            let start = self.records.len() - reader.len();
            starts.push(u32::try_from(start).map_err(|_| Defect::TooLarge)?);
            let ty = Type::read(id, &mut reader)?;
            if matches!(
                ty.kind,
                Kind::Struct | Kind::Union | Kind::Enum | Kind::Typedef | Kind::Func | Kind::Var
            ) {
                let name = self.name(ty.name)?;
                if !name.is_empty() {
                    names.push((hash(name), id));
                }
            }
        }
        names.sort_unstable();
        (self.starts, self.names) = (starts, names);
        Ok(())
    }

    /// The number of types, without void.
    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// The type with a number; 0 is void.
    pub(super) fn get(&self, id: u32) -> Result<Type<'_>, Defect> {
        let Some(index) = id.checked_sub(1) else {
            return Ok(Type::VOID);
        };
        let record = self
            .starts
            .get(index as usize)
            .and_then(|start| self.records.get(*start as usize..))
            .ok_or(Defect::NoType(id))?;
        Type::read(id, &mut Reader::new(record))
    }

    /// The name at an offset in the strings.
    pub(super) fn name(&self, offset: u32) -> Result<&[u8], Defect> {
        self.strings
            .get(offset as usize..)
            .and_then(|rest| CStr::from_bytes_until_nul(rest).ok())
            .map(CStr::to_bytes)
            .ok_or(Defect::NoName(offset))
    }

    /// All structs, unions, enums, typedefs, functions and variables with a name, by number.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = Result<Type<'_>, Defect>> {
        let wanted = hash(name.as_bytes());
        let from = self.names.partition_point(|(hash, _)| *hash < wanted);
        self.names
            .iter()
            .skip(from)
            .take_while(move |(hash, _)| *hash == wanted)
            .map(|(_, id)| self.get(*id))
            .filter(move |found| match found {
                Ok(ty) => self.name(ty.name).is_ok_and(|found| found == name.as_bytes()),
                Err(_) => true,
            })
    }
}

/// Half a hash is enough to make wrong matches rare; names are compared anyway.
fn hash(name: &[u8]) -> u32 {
    let full = BuildHasherDefault::<DefaultHasher>::new().hash_one(name);
    (full >> 32) as u32
}
