//! The BPF object: embedded at build time, or a file given instead.

use std::{borrow::Cow, fs::File, io::Read, path::Path};

use super::TraceError;

/// Built by the build script; empty when no BPF toolchain was there.
static EMBEDDED: &[u8] = aya::include_bytes_aligned!(env!("TCPREUSE_OBJECT"));

/// More than any object of ours: a guard against being pointed at something endless.
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

/// How the object is called in messages.
pub(super) fn origin(file: Option<&Path>) -> String {
    file.map_or_else(
        || "embedded in this binary".to_owned(),
        |path| path.display().to_string(),
    )
}

/// The object built into this binary; empty when it was built without a BPF toolchain.
pub fn embedded() -> &'static [u8] {
    EMBEDDED
}
