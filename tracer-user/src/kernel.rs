//! Everything that deals with the kernel: its types, the programs, their maps, its namespaces.

pub mod btf;
pub mod cgroup;
pub mod clock;
mod decode;
#[cfg(feature = "testing")]
pub mod decoding;
pub mod doctor;
mod error;
#[cfg(feature = "testing")]
pub mod fuzzing;
pub mod interfaces;
pub mod load;
mod mapping;
pub mod netns;
mod object;
pub mod offsets;
pub mod owners;
mod peers;
pub mod privileges;
pub mod records;
mod relocate;
mod retire;
mod room;
pub mod settings;
mod sockets;
#[cfg(test)]
mod stack;
mod sweep;
mod tables;
pub mod tracer;

pub use error::TraceError;
#[cfg(any(test, feature = "testing"))]
pub use object::embedded as embedded_object;
