//! The BPF object: embedded at build time, or a file given instead.

use std::{borrow::Cow, fs::File, io::Read, path::Path};

use super::TraceError;

/// Built by the build script; empty without a BPF toolchain.
static EMBEDDED: &[u8] = aya::include_bytes_aligned!(env!("TCPREUSE_OBJECT"));

/// Larger than any object of ours: a guard against endless files.
const MAX_BYTES: u64 = 16 << 20;

/// The embedded object, or the one in `file`.
pub(super) fn read(file: Option<&Path>) -> Result<Cow<'static, [u8]>, TraceError> {
    let Some(path) = file else {
        return if EMBEDDED.is_empty() {
            Err(TraceError::NoObject)
        } else {
            Ok(Cow::Borrowed(EMBEDDED))
        };
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|source| TraceError::ReadObject {
            path: path.to_owned(),
            source,
        })?;
    Ok(Cow::Owned(bytes))
}

/// The object's name in messages.
pub(super) fn origin(file: Option<&Path>) -> String {
    file.map_or_else(
        || "embedded in this binary".to_owned(),
        |path| path.display().to_string(),
    )
}

/// The object built into this binary; empty if it was built without a BPF toolchain.
pub fn embedded() -> &'static [u8] {
    EMBEDDED
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
    use tracer_ebpf::hooks::{HOOKS, LIST, SEED};

    use super::*;

    #[test]
    fn the_object_has_the_programs_of_the_table_of_hooks() {
        if EMBEDDED.is_empty() {
            println!("SKIP the binary was built without its programs");
            return;
        }
        let file = object::File::parse(EMBEDDED).unwrap();
        let programs = |section: &str| -> BTreeSet<String> {
            let index = file.section_by_name(section).unwrap().index();
            file.symbols()
                .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.section_index() == Some(index))
                .map(|symbol| symbol.name().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            programs("tp_btf"),
            HOOKS
                .iter()
                .flat_map(|hook| hook.programs(true))
                .map(str::to_owned)
                .collect()
        );
        assert_eq!(programs("iter/tcp"), [SEED, LIST].map(str::to_owned).into());
    }
}
