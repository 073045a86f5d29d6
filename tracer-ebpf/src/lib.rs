//! What the BPF programs and the loader share: the layout of everything that crosses between kernel and user
//! space ([`abi`]), the pure rules both sides apply to it ([`transition`], [`buckets`], [`address`],
//! [`index`]), the kernel hooks ([`hooks`]), and the placeholders that the loader replaces ([`relocation`]).
//!
//! Nothing here calls a BPF helper, so all of it is tested on the host.
#![no_std]
#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "BPF has no panics to fall back on: each cast and index is proved beside it, by the types or for the verifier"
)]

pub mod abi;
pub mod address;
pub mod buckets;
pub mod hooks;
pub mod index;
pub mod relocation;
pub mod rhythm;
pub mod talk;
pub mod transition;
