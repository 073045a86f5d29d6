//! Sockets that systemd has opened before the agent starts.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::{
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    process::Command,
};

use rustix::stdio::dup2_stdin;
use tcpreuse_tests::{
    agent::{ADDRESS, Agent},
    namespace::Namespace,
    need_root,
    program::binary,
};

/// A command that runs the program with a listening socket, as systemd would.
fn handed(socket: impl Into<OwnedFd>) -> Command {
    let socket = socket.into();
    let mut command = Command::new("sh");
    // The process ID stays when the shell becomes the program. Descriptors begin at 3.
    command
        .args(["-c", r#"LISTEN_PID=$$ exec "$0" "$@" 3<&0 </dev/null"#])
        .env("LISTEN_FDS", "1")
        .arg(binary());
    // SAFETY: between fork and exec only one system call runs, and it does not allocate.
    unsafe {
        command.pre_exec(move || Ok(dup2_stdin(&socket)?));
    }
    command
}

/// The agent answers a request that came before it started, and listens only where it was told.
fn assert_answers_there(agent: Agent, mut client: impl Read, address: &str) {
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    assert!(reply.ends_with("\r\n\r\nok\n"), "{reply}");
    TcpStream::connect(ADDRESS).unwrap_err();
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
    let line = format!("tracing; listening on {address}\n");
    assert!(errors.contains(&line), "{errors}");
}

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn it_answers_on_a_tcp_socket_of_systemd() {
    need_root!();
    let namespace = Namespace::new();
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(REQUEST).unwrap();
    let agent = Agent::spawn(handed(socket), &namespace, &[]);
    assert_answers_there(agent, client, &address.to_string());
}

#[test]
fn it_answers_on_a_unix_socket_of_systemd() {
    need_root!();
    let (namespace, folder) = (Namespace::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("http");
    let socket = UnixListener::bind(&path).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(REQUEST).unwrap();
    let agent = Agent::spawn(handed(socket), &namespace, &[]);
    assert_answers_there(agent, client, &format!("unix:{}", path.display()));
}
