//! A host of a fleet: nginx and a recorder, under a host name of its own.

use std::{path::Path, path::PathBuf, process::Command};

use super::network::{Machine, PORT};
use crate::{
    program::binary,
    recorder::Recorder,
    servers::{Server, web::nginx},
};

/// Takes a host name for itself alone, and becomes the command that follows.
const UNDER_NAME: &str = r#"printf %s "$0" > /proc/sys/kernel/hostname && exec "$@""#;

/// What is recorded, given to each host alike.
const ARGS: &[&str] = &["--direction", "inbound", "--interval", "1s"];

/// A host at work.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) evidence: PathBuf,
    recorder: Recorder,
    _server: Server,
}

impl Host {
    /// Starts nginx and then the recorder, which writes into a directory of the host's name.
    pub(super) fn start(number: usize, machine: &Machine, folder: &Path) -> Self {
        let name = format!("web{number}");
        machine.enter();
        let own = folder.join(format!("{name}.nginx"));
        std::fs::create_dir(&own).expect("a folder for nginx");
        let server = format!(
            "keepalive_requests 1000000; keepalive_timeout 1h;
             server {{ listen {PORT}; location / {{ return 200 \"{name}\\n\"; }} }}"
        );
        let server = Server::start(nginx(&own, &server), PORT);
        let evidence = folder.join(&name);
        let mut command = Command::new("unshare");
        command.args(["--uts", "sh", "-c", UNDER_NAME, &name]);
        command.arg(binary()).arg("record");
        let port = PORT.to_string();
        let args = [ARGS, &["--port", &port]].concat();
        Self {
            recorder: Recorder::spawn(command, &machine.namespace, &evidence, &args),
            name,
            evidence,
            _server: server,
        }
    }

    /// Ends the recorder; returns the host's name and its recording.
    pub(super) fn finish(self) -> (String, PathBuf) {
        self.recorder.finish();
        (self.name, self.evidence)
    }
}
