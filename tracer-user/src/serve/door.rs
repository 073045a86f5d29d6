//! Where it listens.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    os::{
        fd::{FromRawFd, IntoRawFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::{fs::Mode, process::umask};

/// Where to listen unless told otherwise.
pub const DEFAULT: &str = "127.0.0.1:9779";

/// What an address of a Unix socket begins with.
const UNIX: &str = "unix:";

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(UNIX) {
            Some("") => Err("unix: needs a path, like unix:/run/tcpreuse/http".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| format!("an address has a port, like {DEFAULT} or [::1]:9779, or is unix:PATH")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum Door {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl Door {
    /// Opens one.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).map(Self::Tcp),
            Address::Unix(path) => unix(path).map(Self::Unix),
        }
    }

    /// Takes what systemd hands over. To be called once, before there are other threads.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn inherited() -> io::Result<Vec<Self>> {
        let handed = sd_notify::listen_fds()?;
        handed
            .map(|number| {
                // SAFETY: systemd opened it for this process (LISTEN_PID says so), and this is its only
                // owner.
                let listener = unsafe { TcpListener::from_raw_fd(number) };
                match listener.local_addr() {
                    Ok(_) => Ok(Self::Tcp(listener)),
                    Err(_) => {
                        let number = listener.into_raw_fd();
                        // SAFETY: as above; the other owner has just given it up.
                        let listener = unsafe { UnixListener::from_raw_fd(number) };
                        listener.local_addr().map(|_| Self::Unix(listener))
                    }
                }
            })
            .collect()
    }

    /// Where it is.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or_else(|| Path::new("(unnamed)"));
                Ok(Address::Unix(path.to_owned()))
            }
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self.address() {
            Ok(Address::Tcp(address)) => address.ip().to_canonical().is_loopback(),
            Ok(Address::Unix(_)) => true,
            Err(_) => false,
        }
    }
}

/// A socket for its user and group. One that a process left behind is replaced.
fn unix(path: &Path) -> io::Result<UnixListener> {
    let before = umask(Mode::from_raw_mode(0o117));
    let mut listener = UnixListener::bind(path);
    let in_use = matches!(&listener, Err(error) if error.kind() == ErrorKind::AddrInUse);
    let refused =
        || matches!(UnixStream::connect(path), Err(error) if error.kind() == ErrorKind::ConnectionRefused);
    if in_use && refused() && fs::remove_file(path).is_ok() {
        listener = UnixListener::bind(path);
    }
    umask(before);
    listener
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        for text in ["127.0.0.1:9779", "[::1]:0", "unix:/run/x y"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["9779", "localhost", "unix:", "/run/x", "127.0.0.1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        let is_local = |text: &str| Door::open(&text.parse().unwrap()).unwrap().is_local();
        assert!(is_local("127.0.0.1:0"));
        assert!(!is_local("0.0.0.0:0"));
    }

    /// A killed agent leaves its socket behind.
    #[test]
    fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http");
        let address = Address::Unix(path.clone());
        let first = Door::open(&address).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert_eq!(Door::open(&address).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(first);
        assert!(Door::open(&address).unwrap().is_local());
    }
}
