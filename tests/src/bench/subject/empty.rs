//! BPF programs to compare with: an empty one shows the cost of running any program at all, another one that of
//! a look at what a process has read.

use aya::{Btf, Ebpf, programs::BtfTracePoint};
use tracer_ebpf::hooks::Hook;

use super::Stage;

/// Their names in the object.
pub(super) const EMPTY: &str = "empty";
pub(super) const LOOK: &str = "look";

/// One of them, attached until this is dropped.
pub struct Empty {
    _programs: Ebpf,
}

impl Empty {
    pub(super) fn start(stage: &Stage, name: &str, hook: Hook) -> Result<Self, String> {
        let path = stage.empty.as_deref().ok_or("no object given (--empty-object)")?;
        let mut programs = Ebpf::load_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
        attach(&mut programs, name, hook).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { _programs: programs })
    }
}

fn attach(programs: &mut Ebpf, name: &str, hook: Hook) -> Result<(), Box<dyn std::error::Error>> {
    let btf = Btf::from_sys_fs()?;
    let program = programs
        .program_mut(name)
        .ok_or_else(|| format!("has no program {name}"))?;
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load(hook.tracepoint, &btf)?;
    program.attach()?;
    Ok(())
}
