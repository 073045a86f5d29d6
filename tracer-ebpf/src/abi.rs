//! The binary interface between the BPF programs and the loader, one topic a file.
//!
//! Every struct is `#[repr(C)]`, at most 8-byte aligned, and has no implicit padding (where
//! the loader reads one from bytes, the compiler checks that). Multi-byte fields are in the machine's byte
//! order unless their documentation says "network order".

pub mod closed;
pub mod comm;
pub mod config;
pub mod conn;
pub mod live;
pub mod losses;
pub mod offsets;
pub mod peer;
pub mod ring;
pub mod slots;

/// Implements [`aya::Pod`] where the loader asks for it, and nothing elsewhere.
macro_rules! pod {
    ($($type:ty),+ $(,)?) => {
        $(
            #[cfg(feature = "user")]
            // SAFETY: `#[repr(C)]`, `Copy`, made of integers only, and without padding.
            unsafe impl aya::Pod for $type {}
        )+
    };
}
pub(crate) use pod;
