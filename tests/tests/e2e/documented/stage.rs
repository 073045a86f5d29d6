//! Where the commands run: traffic and servers in a network namespace, and a folder with what the pages name.

use std::{
    env, fs,
    net::Ipv4Addr,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tcpreuse_tests::{
    StopOnDrop,
    documented::ROOT,
    namespace::{Namespace, own_mounts},
    program::binary,
    traffic::{EchoServer, source, visit},
};
use tempfile::TempDir;

use crate::{capacity::status_page, judge::hosts};

/// The hierarchy of cgroups, in a place that is the stage's own.
pub(super) const CGROUPS: &str = "/run/cgroups";

/// The ports that the pages trace.
const PORTS: [u16; 4] = [443, 1883, 5432, 8080];

/// Where the programs that the lines name are, in the folder.
const BIN: &str = "bin";

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-aT").args([from, to]).status();
    assert!(
        copied.unwrap().success(),
        "{} to {}",
        from.display(),
        to.display()
    );
}

/// Stands in for DuckDB's shell, which Python's package does not have.
const DUCKDB: &str = "#!/bin/sh\nexec python3 -c 'import duckdb, sys; duckdb.execute(sys.stdin.read())'\n";

/// A folder with what the pages name: recordings of one host and of several, a lake, the repository's
/// `packaging`, and the programs.
pub(super) struct Template(TempDir);

impl Template {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (from, name) in [
            ("tests/fuzz/recording", "evidence"),
            ("tests/fuzz/recording", "DIR"),
            ("packaging", "packaging"),
        ] {
            copy(&Path::new(ROOT).join(from), &at(name));
        }
        hosts(folder.path(), &["web1", "web2", "web3"]);
        fs::create_dir(at("hosts")).unwrap();
        hosts(&at("hosts"), &["web1", "web2", "web3"]);
        let mut export = Command::new(binary());
        let exported = export
            .args(["export", "web1", "--out", "lake"])
            .current_dir(&folder);
        assert!(exported.output().unwrap().status.success());
        fs::create_dir(at(BIN)).unwrap();
        symlink(binary(), at(BIN).join("tcpreuse")).unwrap();
        fs::write(at(BIN).join("duckdb"), DUCKDB).unwrap();
        fs::set_permissions(at(BIN).join("duckdb"), fs::Permissions::from_mode(0o755)).unwrap();
        // As if the archive were unpacked here.
        symlink(binary(), at("tcpreuse")).unwrap();
        // A reply that is an error is to be one for curl, too.
        fs::write(at(".curlrc"), "fail\n").unwrap();
        // `--owner` makes another user of the program.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A copy of the template for one block, and a `/run` for it alone, with a network namespace named `web`.
pub(super) struct Stage(TempDir);

impl Stage {
    /// The calling thread enters it.
    pub(super) fn new(template: &Path) -> Self {
        own_mounts();
        let namespace = Namespace::current();
        namespace.run("mount -t tmpfs none /run");
        fs::create_dir(CGROUPS).unwrap();
        namespace.run(&format!("mount -t cgroup2 none {CGROUPS}"));
        namespace.run("ip netns add web");
        let folder = TempDir::new().unwrap();
        copy(template, folder.path());
        Self(folder)
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// A shell that is to run a line in the folder of a stage. It fails if any command of a pipe does.
pub(super) fn shell(line: &str, folder: &Path) -> Command {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = [folder.join(BIN)]
        .into_iter()
        .chain(python())
        .chain(env::split_paths(&inherited));
    let mut command = Command::new("bash");
    command
        .args(["-o", "pipefail", "-c", line])
        .current_dir(folder)
        .env("PATH", env::join_paths(path).unwrap())
        .env("HOME", folder)
        .env_remove("XDG_CONFIG_HOME");
    command
}

/// Where `cargo xtask setup --tests` has put the Python that has DuckDB.
fn python() -> Option<PathBuf> {
    let own = env::current_exe().unwrap();
    let mut folders = own.ancestors().map(|path| path.join("python/bin"));
    folders.find(|path| path.is_dir())
}

/// Whether that Python is there.
pub(super) fn has_duckdb() -> bool {
    let mut import = shell("python3 -c 'import duckdb'", Path::new(ROOT));
    import.output().unwrap().status.success()
}

/// Does some work in a new network namespace, which the calling thread enters. There are servers at the ports
/// of the pages, and clients that come and go.
pub(super) fn with_traffic(work: impl FnOnce()) {
    let _namespace = Namespace::new();
    status_page(80);
    let servers = PORTS.map(|port| EchoServer::start((Ipv4Addr::LOCALHOST, port)));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopOnDrop(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (n, server) in (0..).zip(&servers) {
                    visit(source(n), server.address);
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        work();
    });
}
