//! An empty BPF program, which shows the cost of running any program at all.

use aya::{Btf, Ebpf, programs::BtfTracePoint};
use tracer_ebpf::hooks::Hook;

use super::Stage;

/// Its name in the object.
pub(in crate::bench) const EMPTY: &str = "empty";

/// The program, attached until this is dropped.
pub struct Empty {
    _programs: Ebpf,
}

impl Empty {
    pub(super) fn start(stage: &Stage, hook: Hook) -> Result<Self, String> {
        let path = stage.empty.as_deref().ok_or("no object given (--empty-object)")?;
        let mut programs = Ebpf::load_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
        attach(&mut programs, hook).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { _programs: programs })
    }
}

fn attach(programs: &mut Ebpf, hook: Hook) -> Result<(), Box<dyn std::error::Error>> {
    let btf = Btf::from_sys_fs()?;
    let program = programs.program_mut(EMPTY).ok_or("has no empty program")?;
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load(hook.tracepoint, &btf)?;
    program.attach()?;
    Ok(())
}
