//! The HTTP server: answers from the newest diagnosis alone, within limits.

mod answer;

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::answer::Answers;
use super::{door::Door, keeping::Promise, latest::Latest, secrets::Secrets};
use crate::kernel::privileges::{self, Role};

/// Connections at a time; the next ones wait.
const MAX_CONNECTIONS: usize = 64;

/// Streams of events at a time, so that the rest of the connections stay free for others.
const MAX_STREAMS: usize = 32;

/// Headers of a request, bytes and number.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// Time for the handshake of TLS, and for the head of a request, also the next one of a connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// No connection lives longer, whatever its client does or fails to do. Browsers open a stream again.
const LIFETIME: Duration = Duration::from_secs(600);

/// Pause after a connection could not be accepted, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// What the server needs.
pub struct Serving {
    /// Where it listens.
    pub doors: Vec<Door>,
    /// What it answers from.
    pub latest: watch::Receiver<Option<Arc<Latest>>>,
    /// Who may read.
    pub secrets: watch::Receiver<Arc<Secrets>>,
    /// How many accused peers have a series of their own.
    pub metrics_peers: usize,
    /// A diagnosis older than this means that sampling stands still.
    pub stale_after: Duration,
    /// The way to the loop that keeps evidence, if there is a place for it.
    pub keep: Option<mpsc::Sender<Asked>>,
}

/// A request to keep evidence, with the way back.
pub type Asked = oneshot::Sender<Promise>;

/// How a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
    /// TCP: any user of this machine, or with TLS and a token any machine.
    Tcp,
    /// A Unix socket: who may open it.
    Unix,
}

/// Starts it in a thread of its own, which gives up all that a server does not need.
///
/// # Errors
/// If the sockets cannot be used, or there can be no thread.
pub fn start(serving: Serving) -> io::Result<JoinHandle<()>> {
    for door in &serving.doors {
        match door {
            Door::Tcp(listener) => listener.set_nonblocking(true)?,
            Door::Unix(listener) => listener.set_nonblocking(true)?,
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new().name("http".to_owned()).spawn(move || {
        if let Err(error) = privileges::give_up(&Role::Serving) {
            log::warn!("{error}");
        }
        if let Err(error) = runtime.block_on(serve(serving)) {
            log::warn!("the HTTP server has ended: {error}");
        }
    })
}

async fn serve(serving: Serving) -> io::Result<()> {
    let Serving { doors, secrets, .. } = serving;
    let answers = Arc::new(Answers::new(
        serving.latest,
        secrets.clone(),
        serving.metrics_peers,
        serving.stale_after,
        MAX_STREAMS,
        serving.keep,
    ));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut accepting = tokio::task::JoinSet::new();
    for door in doors {
        let (answers, places, secrets) = (Arc::clone(&answers), Arc::clone(&places), secrets.clone());
        match door {
            Door::Tcp(listener) => {
                let listener = TcpListener::from_std(listener)?;
                accepting.spawn(async move {
                    loop {
                        let place = take(&places).await;
                        match listener.accept().await {
                            Ok((stream, _)) => {
                                let tls = secrets.borrow().tls.clone();
                                let answers = Arc::clone(&answers);
                                tokio::spawn(async move {
                                    match tls {
                                        None => connection(stream, Via::Tcp, answers, place).await,
                                        Some(tls) => {
                                            let hello = TlsAcceptor::from(tls).accept(stream);
                                            if let Ok(Ok(stream)) = timeout(PATIENCE, hello).await {
                                                connection(stream, Via::Tcp, answers, place).await;
                                            }
                                        }
                                    }
                                });
                            }
                            Err(_) => sleep(PAUSE).await,
                        }
                    }
                });
            }
            Door::Unix(listener) => {
                let listener = UnixListener::from_std(listener)?;
                accepting.spawn(async move {
                    loop {
                        let place = take(&places).await;
                        match listener.accept().await {
                            Ok((stream, _)) => {
                                tokio::spawn(connection(stream, Via::Unix, Arc::clone(&answers), place));
                            }
                            Err(_) => sleep(PAUSE).await,
                        }
                    }
                });
            }
        }
    }
    // They never end.
    while accepting.join_next().await.is_some() {}
    Ok(())
}

/// A place for a connection, as soon as there is one.
async fn take(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // The semaphore is never closed.
    Arc::clone(places).acquire_owned().await.ok()
}

async fn connection<S>(stream: S, via: Via, answers: Arc<Answers>, _place: Option<OwnedSemaphorePermit>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let answers = Arc::clone(&answers);
        let answer = answers.to(&request, via);
        async move { Ok::<_, Infallible>(answer.response().await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off is no fault of ours.
    let _ = timeout(LIFETIME, serving).await;
}

#[cfg(test)]
mod tests;
