//! The demo's long-poll server: HTTP/1.1 on loopback, with one task per connection. The format of requests
//! and replies is in `http`.
//!
//! It behaves well, except that it never closes a connection after a request for `/leak`: that is the real
//! fault behind the verdict `close-wait-leak`.

use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::http::{Path, Request};

/// Length of the accept queue. Far more than is ever needed, so that the demo does not show `never-accepted`
/// by accident.
const BACKLOG: u32 = 1024;

/// Pause after a failed accept, so that a shortage of descriptors does not cause a busy loop.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// How the server treats its clients.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Time for the next request to arrive completely before the server closes the connection.
    pub keep_alive: Duration,
    /// Maximum number of connections, including leaked ones. Further ones are closed at once.
    pub max_connections: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        // Longer than any client's pause, so that the server never closes first.
        Self {
            keep_alive: Duration::from_secs(60),
            max_connections: 1024,
        }
    }
}

/// A running server. It stops on [`shutdown`](Self::shutdown), or soon after it is dropped.
#[derive(Debug)]
pub struct LongPollServer {
    local_addr: SocketAddr,
    /// Nothing is ever sent on it. The server stops when this end is dropped, for whatever reason.
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl LongPollServer {
    /// Listens on a free port of 127.0.0.1 and starts to serve.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let local_addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, config, stopped));
        Ok(Self {
            local_addr,
            stop,
            accepting,
        })
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes every socket, including leaked ones, and returns when the last task has ended.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.accepting.await {
            log::error!("the demo's server ended early: {error}");
        }
    }
}

async fn accept(listener: TcpListener, config: ServerConfig, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                // Left in the queue, it would suggest that the server is out of workers.
                Ok((stream, _)) if connections.len() >= config.max_connections => drop(stream),
                Ok((stream, client)) => {
                    connections.spawn(async move {
                        if let Err(error) = serve(stream, config.keep_alive).await {
                            log::debug!("closing on {client}: {error}");
                        }
                    });
                }
                Err(error) => {
                    log::warn!("the demo's server cannot accept: {error}");
                    sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

/// Serves one connection until it ends. On an error the server closes first.
async fn serve(stream: TcpStream, keep_alive: Duration) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut leaks = false;
    // The timeout covers the whole head, so that sending a byte now and then does not extend it.
    while let Some(request) = timeout(keep_alive, Request::read(&mut stream)).await?? {
        leaks |= request.path == Path::Leak;
        // The socket is not watched during the hold, as in servers with a thread per request. If the client
        // closes during a poll, the connection stays in CLOSE_WAIT until the hold is over.
        sleep(request.hold).await;
        timeout(keep_alive, stream.write_all(request.reply().as_bytes())).await??;
        if request.close {
            return Ok(());
        }
    }
    if leaks {
        // The deliberate fault: the client's FIN has been read, but `stream` is kept.
        pending::<()>().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use procfs::net::TcpState;
    use tokio::{io::AsyncReadExt, runtime::Handle};

    use super::{super::http, *};
    use crate::demo::testing::{eventually, sockets};

    const TICK: Duration = Duration::from_millis(200);

    fn start(keep_alive: Duration, max_connections: usize) -> LongPollServer {
        LongPollServer::start(ServerConfig {
            keep_alive,
            max_connections,
        })
        .unwrap()
    }

    async fn connect(server: &LongPollServer) -> BufReader<TcpStream> {
        BufReader::new(TcpStream::connect(server.local_addr()).await.unwrap())
    }

    async fn poll(stream: &mut BufReader<TcpStream>, path: Path, close: bool) {
        let request = Request {
            path,
            hold: Duration::from_millis(20),
            close,
        };
        stream.write_all(request.to_string().as_bytes()).await.unwrap();
        http::read_reply(stream).await.unwrap();
    }

    /// Whether the server has closed: by a FIN, or by a RST if it left data unread.
    async fn closed(stream: &mut BufReader<TcpStream>) -> bool {
        matches!(timeout(TICK, stream.read_u8()).await, Ok(Err(_)))
    }

    #[tokio::test]
    async fn polls_travel_over_one_connection_until_the_client_asks_to_close() {
        let server = start(10 * TICK, 9);
        let mut stream = connect(&server).await;
        for _ in 0..3 {
            poll(&mut stream, Path::Poll, false).await;
        }
        assert!(!closed(&mut stream).await);
        poll(&mut stream, Path::Poll, true).await;
        assert!(closed(&mut stream).await);
        server.shutdown().await;
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_closed_after_the_keep_alive_time() {
        let server = start(TICK / 4, 9);
        let mut stream = connect(&server).await;
        poll(&mut stream, Path::Poll, false).await;
        assert!(closed(&mut stream).await);
        server.shutdown().await;
    }

    #[tokio::test]
    async fn hostile_input_closes_the_connection_and_nothing_else() {
        let server = start(10 * TICK, 9);
        for input in [
            "\0\u{1}\u{2}\r\n\r\n".to_owned(),
            format!("GET /poll HTTP/1.1\r\nX: {}", "x".repeat(8192)),
        ] {
            let mut stream = connect(&server).await;
            stream.write_all(input.as_bytes()).await.unwrap();
            assert!(closed(&mut stream).await);
        }
        poll(&mut connect(&server).await, Path::Poll, false).await;
        server.shutdown().await;
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_are_closed_at_once() {
        let server = start(10 * TICK, 1);
        let mut first = connect(&server).await;
        poll(&mut first, Path::Poll, false).await;
        assert!(closed(&mut connect(&server).await).await);
        poll(&mut first, Path::Poll, false).await;
        server.shutdown().await;
    }

    #[tokio::test]
    async fn the_leaking_path_leaves_close_wait_until_shutdown() {
        let server = start(TICK, 9);
        let address = server.local_addr();
        let leaked = || sockets(|entry| entry.local_address == address && entry.state == TcpState::CloseWait);
        let mut stream = connect(&server).await;
        poll(&mut stream, Path::Leak, false).await;
        stream.shutdown().await.unwrap();
        eventually("the leak", || leaked() == 1).await;
        sleep(2 * TICK).await;
        assert!(!closed(&mut stream).await);
        assert_eq!(leaked(), 1, "the keep-alive time does not end a leak");
        server.shutdown().await;
        assert!(closed(&mut stream).await);
        assert_eq!(
            sockets(|entry| entry.local_address == address && entry.state != TcpState::TimeWait),
            0
        );
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }
}
