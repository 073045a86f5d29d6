//! The walk along a member's path: through aliases and into anonymous structs and unions, to an offset and a
//! size.

use super::{
    Member,
    error::Defect,
    format::{Kind, Type},
    types::Types,
};

/// Maximum number of types and members that one query may look at. The largest structs of a kernel need some
/// hundreds at each step of a path; only damaged or hostile types, which may contain themselves or fan out
/// endlessly, need more. Nothing here recurses, so this limit bounds time, memory and stack.
const MAX_STEPS: u32 = 1 << 16;

/// BTF does not contain it; the tracing programs are for 64-bit kernels only.
const POINTER_BYTES: u32 = 8;

/// The result of following a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Found(Member),
    BitField,
    NoStruct,
    NoMember,
}

/// The structs and unions with a name. A kernel may have several: those with members come first, then the
/// order of the file counts.
pub(super) fn structs<'a>(types: &'a Types, name: &str) -> Result<Vec<Type<'a>>, Defect> {
    let mut found = types
        .named(name)
        .filter(|found| found.as_ref().map_or(true, |ty| ty.kind.has_members()))
        .collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|ty| ty.vlen == 0);
    Ok(found)
}

/// Follows `path` in the first struct of that name which has it.
pub(super) fn find(types: &Types, structure: &str, path: &str) -> Result<Answer, Defect> {
    let candidates = structs(types, structure)?;
    let mut walk = Walk {
        types,
        steps_left: MAX_STEPS,
    };
    for candidate in &candidates {
        if let Some(field) = walk.follow(*candidate, path)? {
            return walk.place(field);
        }
    }
    Ok(if candidates.is_empty() {
        Answer::NoStruct
    } else {
        Answer::NoMember
    })
}

/// A member as recorded in its struct.
#[derive(Clone, Copy, Debug)]
struct Field {
    type_id: u32,
    /// Bits from the start of the outermost struct.
    bit: u64,
    /// Width of a bit-field; 0 if it is not one.
    width: u32,
}

struct Walk<'a> {
    types: &'a Types,
    steps_left: u32,
}

impl<'a> Walk<'a> {
    fn step(&mut self) -> Result<(), Defect> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Defect::Endless)?;
        Ok(())
    }

    /// The type behind typedefs and qualifiers.
    fn bare(&mut self, mut id: u32) -> Result<Type<'a>, Defect> {
        loop {
            self.step()?;
            let ty = self.types.get(id)?;
            match ty.kind {
                Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    id = ty.size_or_type;
                }
                _ => return Ok(ty),
            }
        }
    }

    fn follow(&mut self, root: Type<'a>, path: &str) -> Result<Option<Field>, Defect> {
        let mut at = Field {
            type_id: root.id,
            bit: 0,
            width: 0,
        };
        for name in path.split('.') {
            let holder = self.bare(at.type_id)?;
            match self.member(holder, at.bit, name)? {
                Some(field) => at = field,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// The member `name` of `holder`, which starts at `bit`, or of an anonymous struct or union inside it.
    fn member(&mut self, holder: Type<'a>, bit: u64, name: &str) -> Result<Option<Field>, Defect> {
        // An empty step would match anonymous members.
        if name.is_empty() || !holder.kind.has_members() {
            return Ok(None);
        }
        let mut pending = vec![(holder, bit)];
        while let Some((holder, base)) = pending.pop() {
            let mut body = holder.body;
            while let (Some(name_offset), Some(type_id), Some(raw)) = (body.u32(), body.u32(), body.u32()) {
                self.step()?;
                let (offset, width) = if holder.kind_flag {
                    (raw & 0x00ff_ffff, raw >> 24)
                } else {
                    (raw, 0)
                };
                let field = Field {
                    type_id,
                    bit: base + u64::from(offset),
                    width,
                };
                let found = self.types.name(name_offset)?;
                if found == name.as_bytes() {
                    return Ok(Some(field));
                }
                if found.is_empty() {
                    let inner = self.bare(type_id)?;
                    if inner.kind.has_members() {
                        pending.push((inner, field.bit));
                    }
                }
            }
        }
        Ok(None)
    }

    fn place(&mut self, field: Field) -> Result<Answer, Defect> {
        if field.width > 0 {
            return Ok(Answer::BitField);
        }
        let ty = self.bare(field.type_id)?;
        let size = self.size(ty)?;
        if !field.bit.is_multiple_of(8) {
            return Err(Defect::Unaligned {
                bit: field.bit,
                bits: u64::from(size) * 8,
            });
        }
        let offset = u32::try_from(field.bit / 8).map_err(|_| Defect::Overflow(ty.id))?;
        Ok(Answer::Found(Member { offset, size }))
    }

    fn size(&mut self, ty: Type<'a>) -> Result<u32, Defect> {
        let (mut element, mut count) = (ty, 1_u64);
        loop {
            let size = match element.kind {
                Kind::Int | Kind::Float | Kind::Enum | Kind::Enum64 | Kind::Struct | Kind::Union => {
                    element.size_or_type
                }
                Kind::Ptr => POINTER_BYTES,
                Kind::Array => {
                    let mut body = element.body;
                    let (Some(element_id), Some(_index_type), Some(len)) =
                        (body.u32(), body.u32(), body.u32())
                    else {
                        return Err(Defect::CutType(element.id));
                    };
                    count = count.checked_mul(u64::from(len)).ok_or(Defect::Overflow(ty.id))?;
                    element = self.bare(element_id)?;
                    continue;
                }
                kind => return Err(Defect::NoSize { id: element.id, kind }),
            };
            return count
                .checked_mul(u64::from(size))
                .and_then(|bytes| u32::try_from(bytes).ok())
                .ok_or(Defect::Overflow(ty.id));
        }
    }
}
