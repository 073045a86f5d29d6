//! Debian's Apache httpd with the worker MPM, proxying to an upstream, for one test.

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    scenarios::installed::{HTTPS, LIMITED, NO_KEEP_ALIVE, REQUEST_LIMIT, TLS13_ONLY},
    servers::Certificate,
};

const BINARY: &str = "/usr/sbin/apache2";

const MODULES: &str = "/usr/lib/apache2/modules";

/// The port it listens on, on every address of its network namespace.
pub const PORT: u16 = 8080;

/// Time limit for starting all its threads.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// Settings of the server. The defaults are Apache's own, except for two that keep tests short.
#[derive(Clone, Copy, Debug)]
pub struct Knobs {
    /// `KeepAlive`
    pub keep_alive: bool,
    /// `KeepAliveTimeout`; Apache's own default is 5 s.
    pub keep_alive_timeout: Duration,
    /// `MaxKeepAliveRequests`, 0 for no limit; Apache's own default is 100.
    pub max_keep_alive_requests: u32,
    /// `MaxRequestWorkers`; must be a multiple of `threads_per_child`.
    pub max_request_workers: u32,
    /// `ThreadsPerChild`
    pub threads_per_child: u32,
    /// `ListenBackLog`
    pub listen_backlog: u32,
    /// `Timeout`
    pub timeout: Duration,
    /// Whether it serves HTTPS too, see [`super::scenarios::installed`].
    pub tls: bool,
    /// `AcceptFilter http data`, that is TCP_DEFER_ACCEPT; `none` if false.
    pub defer_accept: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            keep_alive: true,
            keep_alive_timeout: Duration::from_secs(2),
            max_keep_alive_requests: 0,
            max_request_workers: 150,
            threads_per_child: 25,
            listen_backlog: 511,
            timeout: Duration::from_secs(60),
            tls: false,
            defer_accept: true,
        }
    }
}

impl Knobs {
    /// The configuration file. Apache writes below `folder` only and ignores the system's configuration.
    fn config(&self, folder: &Path, upstream: SocketAddr, certificate: &Certificate) -> String {
        let folder = folder.display();
        let mut text = String::new();
        for module in [
            "mpm_worker",
            "authz_core",
            "authz_host",
            "status",
            "proxy",
            "proxy_http",
        ] {
            let _ = writeln!(text, "LoadModule {module}_module {MODULES}/mod_{module}.so");
        }
        let on_off = if self.keep_alive { "On" } else { "Off" };
        let filter = if self.defer_accept { "data" } else { "none" };
        let children = self.max_request_workers / self.threads_per_child;
        let _ = write!(
            text,
            "ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Mutex fcntl:{folder} default
User www-data
Group www-data
Listen {PORT}
ListenBackLog {}
AcceptFilter http {filter}
Timeout {}
KeepAlive {on_off}
KeepAliveTimeout {}ms
MaxKeepAliveRequests {}
# All children from the start to the end: when a poll waits, it is not for a child to be born.
StartServers {children}
ServerLimit {children}
ThreadsPerChild {threads}
ThreadLimit {threads}
MaxRequestWorkers {workers}
MinSpareThreads 1
MaxSpareThreads {}
<Location /server-status>
SetHandler server-status
</Location>
ProxyPass /server-status !
ProxyPass / http://{upstream}/ retry=0
",
            self.listen_backlog,
            self.timeout.as_secs(),
            self.keep_alive_timeout.as_millis(),
            self.max_keep_alive_requests,
            self.max_request_workers + self.threads_per_child,
            threads = self.threads_per_child,
            workers = self.max_request_workers,
        );
        if self.tls {
            text.push_str(&sites(certificate));
        }
        text
    }
}

/// The ports for HTTPS, each with its settings. The rest is inherited.
fn sites(Certificate { path, key, .. }: &Certificate) -> String {
    let mut text = String::new();
    for module in ["socache_shmcb", "ssl"] {
        let _ = writeln!(text, "LoadModule {module}_module {MODULES}/mod_{module}.so");
    }
    let _ = writeln!(text, "AcceptFilter https none");
    for (port, line) in [
        (HTTPS, String::new()),
        (LIMITED, format!("MaxKeepAliveRequests {REQUEST_LIMIT}")),
        (NO_KEEP_ALIVE, "KeepAlive Off".to_owned()),
        (TLS13_ONLY, "SSLProtocol TLSv1.3".to_owned()),
    ] {
        let _ = write!(
            text,
            "Listen {port}
<VirtualHost *:{port}>
SSLEngine on
SSLCertificateFile {path}
SSLCertificateKeyFile {key}
{line}
</VirtualHost>
"
        );
    }
    text
}

/// A running server, killed on drop.
#[derive(Debug)]
pub struct Apache {
    child: Child,
    folder: TempDir,
}

impl Apache {
    /// Whether Apache and its worker MPM are installed.
    pub fn is_installed() -> bool {
        Path::new(BINARY).exists() && Path::new(MODULES).join("mod_mpm_worker.so").exists()
    }

    /// Starts the server in the calling thread's network namespace and waits until all its workers are idle.
    ///
    /// # Panics
    /// If it does not start; the message contains its log.
    pub fn start(knobs: &Knobs, upstream: SocketAddr, certificate: &Certificate) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Apache's children run as another user and must be able to enter the folder.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let config = folder.path().join("apache.conf");
        fs::write(&config, knobs.config(folder.path(), upstream, certificate)).expect("its configuration");
        // If the test is killed, Apache gets SIGTERM and stops its children.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", BINARY, "-D", "FOREGROUND", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("stderr")).expect("a file for its stderr"))
            .process_group(0)
            .spawn()
            .expect("setpriv");
        let mut apache = Self { child, folder };
        apache.wait_until_idle(knobs.max_request_workers);
        apache
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, PORT).into()
    }

    /// The status page of `mod_status`; needs a free worker.
    ///
    /// # Errors
    /// If the server does not answer within a second.
    pub fn status(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address(), Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream
            .write_all(b"GET /server-status?auto HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    }

    fn wait_until_idle(&mut self, workers: u32) {
        let deadline = Instant::now() + STARTS_WITHIN;
        // One worker is busy answering this request.
        let wanted = workers - 1;
        loop {
            let idle = self.status().ok().and_then(|status| {
                let (_, rest) = status.split_once("IdleWorkers: ")?;
                rest.lines().next()?.trim().parse::<u32>().ok()
            });
            if idle.is_some_and(|idle| idle >= wanted) {
                return;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "apache2 does not start ({ended:?}), {idle:?} of {workers} workers idle: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Everything the server has logged.
    pub fn log(&self) -> String {
        ["stderr", "error.log"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // SIGTERM would wait for held polls, hence SIGKILL. The children share their parent's process group
        // and nothing else is in it. The server may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
