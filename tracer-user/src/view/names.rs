//! Names of the addresses on the screen, looked up one at a time by their own thread, and only on request.
//! Until a name arrives, the address is shown.

mod reverse;

use std::{
    net::IpAddr,
    sync::mpsc::{SyncSender, sync_channel},
};

use hashbrown::{HashMap, HashSet};
use ipnet::IpNet;

use self::reverse::reverse;
use super::fit::visible;

/// Maximum number of addresses waiting for a look-up; others are requested again while they are on the
/// screen.
const MAX_WAITING: usize = 64;

/// Maximum number of names remembered; then all are forgotten.
const MAX_KNOWN: usize = 8192;

/// The names known so far.
#[derive(Debug, Default)]
pub struct Names {
    on: bool,
    known: HashMap<IpAddr, Option<String>>,
    asked: HashSet<IpAddr>,
    resolver: Option<SyncSender<IpAddr>>,
}

impl Names {
    /// No names, and no resolver.
    pub fn off() -> Self {
        Self::default()
    }

    /// Whether names are shown.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Turns names on or off.
    pub fn toggle(&mut self) {
        self.on = !self.on;
    }

    /// Sets the resolver.
    pub fn ask_at(&mut self, resolver: SyncSender<IpAddr>) {
        self.resolver = Some(resolver);
    }

    /// The name of a single address.
    pub fn of(&self, network: IpNet) -> Option<&str> {
        if !self.on || network.prefix_len() != network.max_prefix_len() {
            return None;
        }
        self.known.get(&network.addr())?.as_deref()
    }

    /// Requests the name of an address on the screen. Never blocks.
    pub fn want(&mut self, network: IpNet) {
        let address = network.addr();
        let single = network.prefix_len() == network.max_prefix_len();
        if !self.on || !single || self.known.contains_key(&address) || self.asked.contains(&address) {
            return;
        }
        if let Some(resolver) = &self.resolver
            && resolver.try_send(address).is_ok()
        {
            self.asked.insert(address);
        }
    }

    /// Takes in an answer.
    pub fn learn(&mut self, address: IpAddr, name: Option<&str>) {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.asked.remove(&address);
        let name = name.map(visible).filter(|name| !name.is_empty());
        self.known.insert(address, name);
    }
}

/// Starts the resolver thread. It ends with the process, since a look-up cannot be interrupted.
pub fn start(answer: impl Fn(IpAddr, Option<String>) -> bool + Send + 'static) -> SyncSender<IpAddr> {
    let (ask, asked) = sync_channel(MAX_WAITING);
    let work = move || {
        while let Ok(address) = asked.recv() {
            if !answer(address, reverse(address)) {
                return;
            }
        }
    };
    // Without the thread no answer ever arrives, and addresses are shown.
    let _ = std::thread::Builder::new().name("names".to_owned()).spawn(work);
    ask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_is_asked_for_once_and_only_when_on() {
        let (ask, asked) = sync_channel(2);
        let mut names = Names::off();
        names.ask_at(ask);
        names.want(net("192.0.2.1/32"));
        assert!(asked.try_recv().is_err(), "off");
        names.toggle();
        for network in [
            "192.0.2.1/32",
            "192.0.2.1/32",
            "192.0.2.0/24",
            "192.0.2.2/32",
            "192.0.2.3/32",
        ] {
            names.want(net(network));
        }
        assert_eq!(asked.try_iter().count(), 2, "the third found no room");
        names.want(net("192.0.2.3/32"));
        assert_eq!(asked.try_iter().count(), 1, "and is asked for again");
    }

    #[test]
    fn hostile_names_are_harmless() {
        let mut names = Names::off();
        names.toggle();
        names.learn([192, 0, 2, 1].into(), Some("a\u{1b}[31m\u{202e}b"));
        names.learn([192, 0, 2, 2].into(), Some("\u{7}\u{200b}"));
        assert_eq!(names.of(net("192.0.2.1/32")), Some("a[31mb"));
        assert_eq!(names.of(net("192.0.2.2/32")), None);
    }
}
