//! Finding a compiler for the BPF half of tcpreuse, and building the object with it.
//!
//! This half is shared: `cargo xtask` uses it by hand, the build script of the `tcpreuse` package on
//! every build. It therefore changes nothing on the machine but the target directory it is given;
//! installing what is missing is the business of the `xtask` binary.

pub mod isolate;
pub mod object;
pub mod probe;
pub mod toolchain;
pub mod version;
