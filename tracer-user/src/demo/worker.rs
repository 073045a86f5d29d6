//! A single client: it opens, polls and closes according to its behaviour, and counts what it does. Starting
//! and stopping it is up to `clients`.

use std::{
    io,
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::{
    behaviour::{Behaviour, MOST_ROUNDS, Pace},
    cast::Client,
    http::{self, Path, Request},
    jitter::Jitter,
};

/// How long after the hold a reply may still come. On loopback, only a dead server is this late.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client's counts, and the connections it still holds.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) polls: u64,
    pub(super) failed: u64,
    pub(super) held: Vec<Connection>,
}

impl Work {
    fn absorb(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.polls += other.polls;
        self.failed += other.failed;
        self.held.extend(other.held);
    }
}

/// The client's end of a connection. Dropping it closes it.
pub(super) type Connection = BufReader<TcpStream>;

pub(super) struct Worker {
    client: Client,
    server: SocketAddr,
    stop: watch::Receiver<bool>,
    jitter: Jitter,
    work: Work,
}

impl Worker {
    pub(super) fn new(client: Client, server: SocketAddr, stop: watch::Receiver<bool>) -> Self {
        let jitter = Jitter::new(client.source.to_bits().into());
        Self {
            client,
            server,
            stop,
            jitter,
            work: Work::default(),
        }
    }

    /// Works until it is stopped. A poll in flight is completed first, so that nothing is opened or closed
    /// after this returns.
    pub(super) async fn run(mut self) -> Work {
        let pace = self.client.behaviour.pace();
        let wait = self.jitter.within(pace.start.clone());
        if self.pause(wait).await {
            match self.client.behaviour {
                Behaviour::Reusing => self.reuse(&pace).await,
                Behaviour::PilingUp => self.pile_up(&pace).await,
                Behaviour::CloseWaitLeak => self.open_poll_close(Path::Leak, &pace).await,
                Behaviour::FreshPerRequest | Behaviour::TooQuiet => {
                    self.open_poll_close(Path::Poll, &pace).await;
                }
            }
        }
        self.work
    }

    /// Keeps one connection, and opens another one only if it breaks.
    async fn reuse(&mut self, pace: &Pace) {
        let mut kept = None;
        for _ in 0..pace.most {
            if kept.is_none() {
                kept = self.open().await;
            }
            if let Some(connection) = kept.take() {
                kept = self.poll(connection, Path::Poll, pace).await;
            }
            if !self.pause_between(pace).await {
                break;
            }
        }
        self.work.held.extend(kept);
    }

    async fn open_poll_close(&mut self, path: Path, pace: &Pace) {
        for _ in 0..pace.most {
            if let Some(connection) = self.open().await
                && let Some(connection) = self.poll(connection, path, pace).await
            {
                drop(connection);
                self.work.closed += 1;
            }
            if !self.pause_between(pace).await {
                break;
            }
        }
    }

    async fn pile_up(&mut self, pace: &Pace) {
        let mut others = JoinSet::new();
        for _ in 0..pace.most {
            if let Some(connection) = self.open().await {
                others.spawn(self.beside().keep_polling(connection));
            }
            if !self.pause_between(pace).await {
                break;
            }
        }
        for other in others.join_all().await {
            self.work.absorb(other);
        }
    }

    /// A copy of this client without any work done, to run in parallel.
    fn beside(&mut self) -> Self {
        let (stop, jitter) = (self.stop.clone(), self.jitter.fork());
        Self {
            client: self.client,
            server: self.server,
            stop,
            jitter,
            work: Work::default(),
        }
    }

    async fn keep_polling(mut self, connection: Connection) -> Work {
        let pace = self.client.behaviour.pace();
        let mut kept = Some(connection);
        for _ in 0..MOST_ROUNDS {
            let Some(connection) = kept.take() else { break };
            kept = self.poll(connection, Path::Poll, &pace).await;
            if !self.pause_between(&pace).await {
                break;
            }
        }
        self.work.held.extend(kept);
        self.work
    }

    /// Connects from the client's own address. There is no timeout: an abandoned connect could still succeed
    /// in the kernel, and the two counts would differ.
    async fn open(&mut self) -> Option<Connection> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddrV4::new(self.client.source, 0).into())?;
            socket.connect(self.server).await
        };
        match connect.await {
            Ok(stream) => {
                self.work.opened += 1;
                Some(BufReader::new(stream))
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Polls once. Returns the connection, or closes it if the poll failed.
    async fn poll(&mut self, mut connection: Connection, path: Path, pace: &Pace) -> Option<Connection> {
        let hold = self.jitter.within(pace.hold.clone());
        let request = Request {
            path,
            hold,
            close: false,
        };
        let exchange = async {
            connection.write_all(request.to_string().as_bytes()).await?;
            http::read_reply(&mut connection).await
        };
        match timeout(hold + PATIENCE, exchange)
            .await
            .unwrap_or_else(|late| Err(late.into()))
        {
            Ok(()) => {
                self.work.polls += 1;
                Some(connection)
            }
            Err(error) => {
                drop(connection);
                self.work.closed += 1;
                self.fail(&error)
            }
        }
    }

    fn fail(&mut self, error: &io::Error) -> Option<Connection> {
        self.work.failed += 1;
        log::debug!("client {}: {error}", self.client.source);
        None
    }

    async fn pause_between(&mut self, pace: &Pace) -> bool {
        let pause = self.jitter.within(pace.pause.clone());
        self.pause(pause).await
    }

    /// Waits for `duration`. Returns false as soon as the client must stop, also if the stopping end is gone.
    async fn pause(&mut self, duration: Duration) -> bool {
        timeout(duration, self.stop.wait_for(|stop| *stop)).await.is_err()
    }
}
