//! Servers and clients that are installed on the machine, as processes of a test.

pub mod databases;
pub mod messages;
pub mod web;

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Pid, Signal, kill_process_group};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use crate::eventually;

/// The path of an installed program, even if it is not on everybody's `PATH`.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql");
    let postgresql = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"));
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .chain(postgresql)
        .map(|folder| folder.join(program))
        .find(|file| file.exists())
}

/// The first of these programs that is not installed.
pub fn missing<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let mut programs = programs.iter().copied();
    programs.find(|program| installed(program).is_none())
}

/// A server process, killed on drop with everything it has started.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it in the calling thread's network namespace and waits until it listens on this port.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(mut command: Command, port: u16) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = Self { child, address };
        eventually(&format!("{command:?} to listen"), || {
            TcpStream::connect(address).is_ok()
        });
        server
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A command that gets SIGTERM if the test is killed.
///
/// # Panics
/// If the program is not installed.
pub fn command(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM"])
        .arg(installed(program).unwrap_or_else(|| panic!("{program} is not installed")));
    command
}

/// A temporary folder that every user can read.
///
/// # Panics
/// If it cannot be created.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    folder
}

/// Writes a file and returns its path.
///
/// # Panics
/// If it cannot be written.
pub fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path.display().to_string()
}

/// A self-signed certificate for `localhost`, in files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Path of the certificate.
    pub path: String,
    /// Path of its key.
    pub key: String,
    /// The certificate itself, for a client that trusts it.
    pub der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes one and writes it to a folder.
    ///
    /// # Panics
    /// If that fails.
    pub fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(["localhost".to_owned()])
            .and_then(|params| params.self_signed(&key))
            .expect("a certificate");
        Self {
            path: write(folder, "certificate.pem", &certificate.pem()),
            key: write(folder, "key.pem", &key.serialize_pem()),
            der: certificate.der().clone(),
        }
    }
}
