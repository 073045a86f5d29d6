//! What a real server loses: requests per second of nginx, traced and recorded at its end, relative to
//! untraced.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    churn::{TWO_CPUS, has_two_cpus, on_cpu},
    math::{median, number, spread},
    overhead::{Plan, STEADY},
    subject::{Stage, Subject},
};
use crate::{eventually, namespace::Namespace};

const NGINX: &str = "/usr/sbin/nginx";

/// Clients, each with a connection that is kept.
pub const CLIENTS: usize = 200;

/// New connections under way at once.
const AT_ONCE: usize = 32;

/// Requests per second, one value per round.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// Without tracing, before and after each of the others.
    pub untraced: Vec<f64>,
    /// With tracing.
    pub traced: Vec<f64>,
    /// The one relative to the other.
    pub ratio: Vec<f64>,
}

impl Rates {
    /// The median ratio; `None` if the untraced rate varied too much to compare with.
    pub fn ratio(&self) -> Option<f64> {
        let is_steady = spread(&self.untraced).is_some_and(|spread| spread <= STEADY);
        median(&self.ratio).filter(|_| is_steady)
    }
}

/// The results with both kinds of clients.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// Connections are kept.
    pub kept: Rates,
    /// Each request has a connection of its own.
    pub fresh: Rates,
}

/// Measures both kinds of clients in turn.
///
/// # Errors
/// Why it cannot be measured here.
///
/// # Panics
/// If not root, or if the server does not answer.
pub fn measure(
    plan: Plan,
    stage: impl FnOnce(&Namespace, u16) -> Stage,
    say: impl Fn(&str),
) -> Result<Served, String> {
    if !Path::new(NGINX).is_file() {
        return Err("nginx is not installed".to_owned());
    }
    if !has_two_cpus() {
        return Err(TWO_CPUS.to_owned());
    }
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "0");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = on_cpu(1, || Server::start(folder.path()));
    let stage = stage(&namespace, server.address.port());
    let mut served = Served::default();
    for round in 1..=plan.rounds {
        say(&format!("served: round {round} of {}", plan.rounds));
        compared(&mut served.kept, &stage, || {
            on_cpu(0, || kept(&server, plan.slice))
        })?;
        compared(&mut served.fresh, &stage, || {
            on_cpu(0, || fresh(&server, plan.slice))
        })?;
    }
    Ok(served)
}

fn compared(rates: &mut Rates, stage: &Stage, run: impl Fn() -> f64) -> Result<(), String> {
    let before = run();
    let running = Subject::RecordingServer.start(stage)?;
    let traced = run();
    drop(running);
    let after = run();
    rates.untraced.extend([before, after]);
    rates.traced.push(traced);
    rates.ratio.push(traced / f64::midpoint(before, after));
    Ok(())
}

/// Requests per second on connections that are kept.
fn kept(server: &Server, time: Duration) -> f64 {
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| server.connect()).collect();
    let mut requests = 0;
    let begun = Instant::now();
    while begun.elapsed() < time {
        for client in &mut clients {
            client.write_all(KEPT).expect("a request sent");
        }
        for client in &mut clients {
            let mut answer = Vec::new();
            while !answer.ends_with(BODY) {
                assert!(read(client, &mut answer) > 0, "the connection is kept");
            }
            requests += 1;
        }
    }
    number(requests) / begun.elapsed().as_secs_f64()
}

/// Requests per second, each on a connection of its own.
fn fresh(server: &Server, time: Duration) -> f64 {
    let mut requests = 0;
    let begun = Instant::now();
    while begun.elapsed() < time {
        let mut clients: Vec<TcpStream> = (0..AT_ONCE).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.write_all(LAST).expect("a request sent");
        }
        for client in &mut clients {
            let mut answer = Vec::new();
            while read(client, &mut answer) > 0 {}
            assert!(answer.ends_with(BODY), "an answer");
            requests += 1;
        }
    }
    number(requests) / begun.elapsed().as_secs_f64()
}

const KEPT: &[u8] = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n";
const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n";
const BODY: &[u8] = b"-- the end --";

fn read(client: &mut TcpStream, answer: &mut Vec<u8>) -> usize {
    let mut buffer = [0; 1024];
    let read = client.read(&mut buffer).expect("an answer");
    answer.extend(&buffer[..read]);
    read
}

/// nginx as one process; killed on drop.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(folder: &Path) -> Self {
        // The port is free again when the listener is dropped.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let address = address.expect("a free port");
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(folder, address)).expect("its configuration");
        let child = Command::new(NGINX)
            .arg("-c")
            .arg(config)
            .arg("-e")
            .arg(folder.join("errors"))
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx");
        let server = Self { child, address };
        eventually("nginx to listen", || TcpStream::connect(address).is_ok());
        server
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("a connection");
        client.set_nodelay(true).expect("TCP_NODELAY");
        client
    }
}

fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let body = String::from_utf8_lossy(BODY);
    // No master, so that killing it ends all of it.
    format!(
        "daemon off; master_process off; pid {folder}/pid;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{ listen {address} backlog=4096; location / {{ return 200 '{body}'; }} }}
        }}\n"
    )
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsteady_server_gives_no_ratio() {
        let rates = |untraced: &[f64]| Rates {
            untraced: untraced.to_vec(),
            traced: vec![98.0],
            ratio: vec![0.98],
        };
        assert_eq!(rates(&[100.0, 101.0]).ratio(), Some(0.98));
        assert_eq!(rates(&[100.0, 200.0]).ratio(), None);
        assert_eq!(Rates::default().ratio(), None);
    }
}
