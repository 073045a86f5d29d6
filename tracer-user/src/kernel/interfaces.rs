//! The names of network interfaces.

use std::ffi::CStr;

use hashbrown::HashMap;
use libc::{IF_NAMESIZE, c_char};

use super::netns;
use crate::model::sample::Peer;

/// Names the interfaces of peers in the namespace of the calling thread. Those of other namespaces stay
/// numbers.
pub fn name(peers: &mut [Peer]) {
    let mut bound = peers
        .iter_mut()
        .filter_map(|peer| Some((peer.id.netns, peer.id.interface.as_mut()?)))
        .peekable();
    // Most hosts have none, and looking at the namespace costs a system call.
    if bound.peek().is_none() {
        return;
    }
    let own = netns::own();
    let mut names = HashMap::new();
    for (_, interface) in bound.filter(|(netns, _)| Some(*netns) == own) {
        let index = interface.index();
        let name = names.entry(index).or_insert_with(|| name_of(index));
        *interface = interface.named(name.as_deref());
    }
}

/// The name of an interface; `None` if it is gone.
fn name_of(index: u32) -> Option<String> {
    let mut name: [c_char; IF_NAMESIZE] = [0; IF_NAMESIZE];
    // SAFETY: the buffer has the size that the function requires, and is written before it returns.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // `c_char` is signed on some machines.
    let bytes = name.map(|c| c.to_ne_bytes()[0]);
    let name = CStr::from_bytes_until_nul(&bytes).ok()?;
    Some(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn interfaces_have_names() {
        // Every namespace has it, under this number.
        assert_eq!(name_of(1).as_deref(), Some("lo"));
        assert_eq!(name_of(0), None);
    }
}
