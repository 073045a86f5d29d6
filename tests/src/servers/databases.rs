//! Redis with a password, and PostgreSQL with SCRAM.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use super::{Certificate, Server, command, installed, write};
use crate::eventually;

/// PostgreSQL's user; its database is `postgres`.
pub const USER: &str = "tester";

/// The password of Redis and of PostgreSQL's user.
pub const PASSWORD: &str = "secret";

/// What has to be installed for Redis. Debian's package of tools has the server under its other name.
pub const REDIS: &str = "redis-check-rdb";

/// What has to be installed for PostgreSQL.
pub const POSTGRESQL: [&str; 3] = ["initdb", "postgres", "psql"];

/// Redis on every address, with these further arguments.
///
/// # Panics
/// If it is not installed.
pub fn redis(folder: &Path, port: u16, arguments: &[&str]) -> Command {
    let mut redis = Command::new("setpriv");
    redis
        .args([
            "--pdeathsig",
            "TERM",
            "bash",
            "-c",
            "exec -a redis-server \"$@\"",
            "-",
        ])
        .arg(installed(REDIS).expect("Redis"))
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "0.0.0.0",
            "--requirepass",
            PASSWORD,
        ])
        .args(["--save", "", "--dir", &folder.display().to_string()])
        .args(arguments);
    redis
}

/// Starts PostgreSQL on every address, with these further settings, and waits until it accepts a login. With
/// a certificate, clients may ask for TLS.
///
/// # Panics
/// If it does not start.
pub fn postgresql(folder: &Path, port: u16, certificate: Option<&Certificate>, settings: &[&str]) -> Server {
    let data = folder.join("data").display().to_string();
    let password = write(folder, "password", PASSWORD);
    // PostgreSQL refuses to run as root, and its user makes the folder of its data.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("a mode");
    let as_postgres = |program: &str| {
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "TERM",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
            ])
            .arg(installed(program).expect("a program"));
        command
    };
    let made = as_postgres("initdb")
        .args(["-D", &data])
        .args([
            "--no-sync",
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            &password,
        ])
        .output()
        .expect("initdb");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut access = OpenOptions::new()
        .append(true)
        .open(Path::new(&data).join("pg_hba.conf"))
        .expect("its list of who may log in");
    writeln!(access, "host all all 127.0.0.0/8 scram-sha-256").expect("a line");
    let mut postgres = as_postgres("postgres");
    postgres.args(["-D", &data]);
    if let Some(Certificate { path, key, .. }) = certificate {
        // It insists on a key that is its own and that nobody else can read.
        for (from, to) in [(path, "server.crt"), (key, "server.key")] {
            let copied = as_postgres("install")
                .args(["-m", "600", from, &format!("{data}/{to}")])
                .status();
            assert!(copied.is_ok_and(|status| status.success()), "a copy of {from}");
        }
        postgres.args(["-c", "ssl=on"]);
    }
    let sockets = format!("unix_socket_directories={}", folder.display());
    postgres.args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=*", "fsync=off", &sockets]
        .iter()
        .chain(settings)
    {
        postgres.args(["-c", setting]);
    }
    let server = Server::start(postgres, port);
    // It listens before it accepts logins.
    eventually("PostgreSQL to accept a login", || {
        let output = psql(port).args(["-c", "select 1"]).output();
        output.is_ok_and(|output| output.status.success())
    });
    server
}

/// PostgreSQL's own client, logged in, in clear.
///
/// # Panics
/// If it is not installed.
pub fn psql(port: u16) -> Command {
    let mut client = command("psql");
    client
        .env("PGPASSWORD", PASSWORD)
        .env("PGSSLMODE", "disable")
        .args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ])
        .args(["-U", USER, "-d", "postgres"]);
    client
}
