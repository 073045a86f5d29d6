//! The door to the modules for tests, benchmarks and fuzz targets in other crates.

macro_rules! open {
    ($($module:ident),*) => {
        $(pub mod $module {
            pub use crate::$module::*;
        })*
    };
}

open!(
    cli,
    config,
    demo,
    diagnosis,
    evidence,
    exit,
    filter,
    kernel,
    model,
    report,
    server_status,
    source,
    text,
    view
);
