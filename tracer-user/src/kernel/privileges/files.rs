//! Restricts the files a thread may open, with Landlock.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    path_beneath_rules,
};

use super::Role;

/// The newest rules we know; an older kernel enforces those it knows.
const RULES: ABI = ABI::V5;

/// The directory of terminals and other devices.
const DEVICES: &str = "/dev";

/// What a process uses, and when the machine started.
const OWN: [&str; 2] = ["/proc/self", "/proc/stat"];

/// Drops the calling thread's access to files its role does not need. Files already open stay open.
pub(super) fn restrict(role: &Role) -> Result<(), RulesetError> {
    match role {
        Role::Tracing => Ok(()),
        Role::Serving => only_read(OWN.iter().map(Path::new), None),
        Role::Showing { writes } => only_write(writes.iter().map(AsRef::as_ref)),
        Role::Reading { files } => only_read(files.iter().map(AsRef::as_ref), None),
        Role::Exporting { files, writes } => only_read(files.iter().map(AsRef::as_ref), Some(writes)),
    }
}

/// Files below these can be opened for reading, and those below `writes` be written; nothing else can be
/// opened, and nothing connected to.
fn only_read<'a>(below: impl Iterator<Item = &'a Path>, writes: Option<&Path>) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(RULES) & !AccessFs::Execute;
    Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .create()?
        .add_rules(path_beneath_rules(below, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(writes, all))?
        .restrict_self()
        .map(drop)
}

/// Nothing can be executed, and nothing written except below these, as far as they exist.
fn only_write<'a>(below: impl Iterator<Item = &'a Path>) -> Result<(), RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_write(RULES) | AccessFs::Execute)?
        .create()?
        .add_rules(path_beneath_rules(
            below.chain([Path::new(DEVICES)]),
            AccessFs::from_write(RULES),
        ))?
        .restrict_self()
        .map(drop)
}
