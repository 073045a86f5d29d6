//! The targets, grouped by topic.

mod btf;
mod command_line;
mod demo;
mod evidence;
mod kernel;
mod rows;
mod settings;
mod status;
mod text;
mod view;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the target and of its folder of inputs.
    pub name: &'static str,
    /// Runs one input. Panics on a fault.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 14] = [
    Target {
        name: "btf",
        run: btf::run,
    },
    Target {
        name: "kernel",
        run: kernel::run,
    },
    Target {
        name: "rows",
        run: rows::run,
    },
    Target {
        name: "evidence",
        run: evidence::damaged,
    },
    Target {
        name: "files",
        run: evidence::replaced,
    },
    Target {
        name: "report",
        run: evidence::reported,
    },
    Target {
        name: "status-page",
        run: status::page,
    },
    Target {
        name: "status-url",
        run: status::url,
    },
    Target {
        name: "settings",
        run: settings::run,
    },
    Target {
        name: "command-line",
        run: command_line::run,
    },
    Target {
        name: "text",
        run: text::run,
    },
    Target {
        name: "names",
        run: text::names,
    },
    Target {
        name: "view",
        run: view::run,
    },
    Target {
        name: "demo",
        run: demo::run,
    },
];
