//! Opens and closes connections to itself as fast as one client thread and one server thread can, and reports
//! the number opened from each address: `tcpreuse-churn SECONDS FIRST PEERS`.
//!
//! Prints its port, waits for a line, churns, and prints `ADDRESS OPENED` for each client.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "test support: stdout is the protocol with the test, and a failure must end the process"
)]

use std::{
    collections::BTreeMap,
    io::{Read, Write, stdin},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use tcpreuse_tests::traffic::{connect, source, turn};

fn number(words: &mut impl Iterator<Item = String>) -> u16 {
    let word = words.next().expect("three numbers");
    word.parse().expect("a number")
}

fn main() {
    let mut words = std::env::args().skip(1);
    let (seconds, first, peers) = (number(&mut words), number(&mut words), number(&mut words));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let mut byte = [0];
            while stream.read(&mut byte).is_ok_and(|read| read > 0) {
                stream.write_all(&byte).expect("an answer sent");
            }
        }
    });
    println!("{}", address.port());
    stdin().read_line(&mut String::new()).expect("a line");
    let end = Instant::now() + Duration::from_secs(u64::from(seconds));
    let mut opened: BTreeMap<u16, u64> = BTreeMap::new();
    for client in (first..first + peers).cycle() {
        if Instant::now() >= end {
            break;
        }
        let mut stream = connect(source(client), address).expect("a connection");
        turn(&mut stream);
        drop(stream);
        *opened.entry(client).or_default() += 1;
    }
    for (client, count) in opened {
        println!("{} {count}", source(client));
    }
}
