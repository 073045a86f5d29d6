//! A Spark cluster on this machine: a master and two workers, as processes of their own.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::servers::Server;

/// How many workers there are, and what each has.
const WORKERS: u16 = 2;
const CORES: &str = "1";
const MEMORY: &str = "3g";

/// What the driver has; it only plans.
const DRIVER_MEMORY: &str = "1g";

const LOOPBACK: &str = "127.0.0.1";

/// A running cluster; dropping it ends it.
#[derive(Debug)]
pub struct Cluster {
    python: PathBuf,
    home: PathBuf,
    folder: PathBuf,
    // The workers end first.
    _workers: Vec<Server>,
    master: Server,
}

impl Cluster {
    /// Starts it from the `pyspark` that this Python has, and waits until all of it listens. What it writes
    /// is in `folder`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(python: &Path, folder: &Path) -> Self {
        let find = "import os, pyspark; print(os.path.dirname(pyspark.__file__))";
        let found = Command::new(python).args(["-c", find]).output().expect("Python");
        let home = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
        assert!(found.status.success(), "{} has no pyspark", python.display());
        let start = |role: &str, args: &[&str]| {
            let mut command = Command::new("setpriv");
            command
                .args(["--pdeathsig", "TERM"])
                .arg(home.join("bin/spark-class"))
                .arg(format!("org.apache.spark.deploy.{role}"))
                .args(["--host", LOOPBACK, "--webui-port", "0"])
                .args(args)
                .env("SPARK_LOCAL_IP", LOOPBACK)
                .env("SPARK_HOME", &home);
            command
        };
        let port = free_port();
        let master = Server::start(start("master.Master", &["--port", &port.to_string()]), port);
        let address = address(port);
        let worker = |n: u16| {
            let port = free_port();
            let work = folder.join(format!("worker{n}"));
            let args = ["--cores", CORES, "--memory", MEMORY, "--port", &port.to_string()];
            let mut command = start("worker.Worker", &args);
            command.arg("--work-dir").arg(work).arg(&address);
            Server::start(command, port)
        };
        Self {
            _workers: (0..WORKERS).map(worker).collect(),
            python: python.to_owned(),
            home: home.clone(),
            folder: folder.to_owned(),
            master,
        }
    }

    /// A command that runs a Python program on all of the cluster. The program's arguments follow.
    pub fn submit(&self, program: &Path) -> Command {
        let mut command = Command::new(self.home.join("bin/spark-submit"));
        let cores = WORKERS.to_string();
        command
            .args(["--master", &address(self.master.address.port())])
            .args([
                "--driver-memory",
                DRIVER_MEMORY,
                "--executor-memory",
                EXECUTOR_MEMORY,
            ])
            .args(["--executor-cores", CORES, "--total-executor-cores", &cores])
            // It waits for both, so that both take part.
            .args(["--conf", "spark.scheduler.minRegisteredResourcesRatio=1.0"])
            .args(["--conf", "spark.ui.enabled=false"])
            // Each partition starts a process to judge; the default of 200 is for many more cores.
            .args(["--conf", "spark.sql.shuffle.partitions=4"])
            .args(["--conf", &format!("spark.local.dir={}", self.folder.display())])
            .arg(program)
            .env("SPARK_LOCAL_IP", LOOPBACK)
            .env("SPARK_HOME", &self.home)
            .env("PYSPARK_PYTHON", &self.python)
            .stdin(Stdio::null());
        command
    }
}

/// What a worker gives to the job.
const EXECUTOR_MEMORY: &str = "2g";

fn address(port: u16) -> String {
    format!("spark://{LOOPBACK}:{port}")
}

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
