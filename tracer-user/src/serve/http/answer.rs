//! The answer to a request.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Bytes,
    header::{
        ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, HOST, HeaderValue, ORIGIN, REFERRER_POLICY, VARY, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

use super::{Asked, Via};
use crate::{
    report::{
        json,
        openmetrics::{Metrics, ProcessFigures, Style},
        timestamp,
    },
    serve::{
        keeping::Promise,
        latest::Latest,
        page,
        reply::{Reply, gzip},
        secrets::Secrets,
    },
};

/// Nothing from elsewhere, and nothing that is written in the page itself runs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Where evidence is asked for.
const KEEP: &str = "/api/keep";

/// How many versions of the whole diagnosis readers may hold at a time: with many peers each has tens of
/// megabytes, and a slow reader keeps the one that it asked for.
const MAX_DOCUMENTS: usize = 4;

/// How long such a request waits for the loop that samples.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is made anew for each diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Metrics(Style),
    Diagnosis,
    Page,
    Event,
}

/// What was made of the newest diagnosis, by what it is and whether it is compressed.
#[derive(Default)]
struct Cache {
    number: Option<u64>,
    made: Vec<(Made, bool, Bytes)>,
}

/// Something made, for as long as somebody reads it.
struct Document {
    bytes: Vec<u8>,
    /// Of a whole diagnosis, to be one of [`MAX_DOCUMENTS`].
    _permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Document {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why something is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unmade {
    /// Readers hold as many versions as there may be.
    Held,
    /// It could not be written.
    Failed,
}

/// Answers requests.
pub(super) struct Answers {
    latest: watch::Receiver<Option<Arc<Latest>>>,
    secrets: watch::Receiver<Arc<Secrets>>,
    metrics_peers: usize,
    stale_after: Duration,
    streams: Arc<Semaphore>,
    documents: Arc<Semaphore>,
    cache: Mutex<Cache>,
    keep: Option<mpsc::Sender<Asked>>,
}

/// What a request comes to.
pub(super) enum Answer {
    /// This.
    Ready(Response<Reply>),
    /// What the loop that keeps evidence says.
    Asked(oneshot::Receiver<Promise>),
}

impl Answer {
    /// The response, with what all of them have in common.
    pub(super) async fn response(self) -> Response<Reply> {
        let mut response = match self {
            Self::Ready(response) => response,
            Self::Asked(promise) => match timeout(PATIENCE, promise).await {
                Ok(Ok(promise)) => promised(&promise),
                _ => plain(StatusCode::SERVICE_UNAVAILABLE, "sampling stands still\n"),
            },
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl Answers {
    pub(super) fn new(
        latest: watch::Receiver<Option<Arc<Latest>>>,
        secrets: watch::Receiver<Arc<Secrets>>,
        metrics_peers: usize,
        stale_after: Duration,
        streams: usize,
        keep: Option<mpsc::Sender<Asked>>,
    ) -> Self {
        Self {
            latest,
            secrets,
            metrics_peers,
            stale_after,
            streams: Arc::new(Semaphore::new(streams)),
            documents: Arc::new(Semaphore::new(MAX_DOCUMENTS)),
            cache: Mutex::default(),
            keep,
        }
    }

    /// The answer. What the request sends beside its head is not read.
    pub(super) fn to<B>(self: &Arc<Self>, request: &Request<B>, via: Via) -> Answer {
        let is_order = request.uri().path() == KEEP;
        Answer::Ready(match self.refused(request.headers(), via) {
            Some(refused) => refused,
            None if is_order && request.method() == Method::POST => return self.ask(request.headers(), via),
            None if is_order => not_allowed("POST", "this is an order: POST it\n"),
            None if ![Method::GET, Method::HEAD].contains(request.method()) => {
                not_allowed("GET, HEAD", "this can only be read\n")
            }
            None => self.found(request),
        })
    }

    /// Asks for evidence to be kept. On TCP that needs a token, and must not come from another page in the
    /// browser of somebody who has given it.
    fn ask(&self, headers: &HeaderMap, via: Via) -> Answer {
        let refused = |status, why| Answer::Ready(plain(status, why));
        let is_foreign = headers.get(ORIGIN).is_some_and(|origin| {
            let host = headers.get(HOST).map_or(&b""[..], |host| host.as_bytes());
            host.is_empty() || !origin.as_bytes().ends_with(&[b"//", host].concat())
        });
        if via == Via::Tcp && (is_foreign || !self.secrets.borrow().has_token()) {
            let why = "this needs the Unix socket (--listen unix:PATH) or a token (--token-file)\n";
            return refused(StatusCode::FORBIDDEN, why);
        }
        let Some(keep) = &self.keep else {
            return refused(
                StatusCode::CONFLICT,
                "there is no place for evidence (--evidence DIR)\n",
            );
        };
        let (answer, promise) = oneshot::channel();
        match keep.try_send(answer) {
            Ok(()) => Answer::Asked(promise),
            Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "too many ask at once\n"),
        }
    }

    /// Who may open the Unix socket may read. On TCP a token decides, or else the name by which the server is
    /// called: a web page from elsewhere can make its own name mean this machine.
    fn refused(&self, headers: &HeaderMap, via: Via) -> Option<Response<Reply>> {
        if via == Via::Unix {
            return None;
        }
        let secrets = self.secrets.borrow();
        if secrets.has_token() {
            if secrets.admit(headers) {
                return None;
            }
            let mut refused = plain(StatusCode::UNAUTHORIZED, "a token is needed (--token-file)\n");
            let ask = HeaderValue::from_static("Basic realm=\"tcpreuse\"");
            refused.headers_mut().insert(WWW_AUTHENTICATE, ask);
            return Some(refused);
        }
        let is_ours = headers
            .get(HOST)
            .is_none_or(|host| host.to_str().is_ok_and(means_this_machine));
        (!is_ours).then(|| {
            plain(
                StatusCode::MISDIRECTED_REQUEST,
                "this is not the host of that name\n",
            )
        })
    }

    fn found<B>(self: &Arc<Self>, request: &Request<B>) -> Response<Reply> {
        let headers = request.headers();
        match request.uri().path() {
            "/page.css" => fixed("text/css; charset=utf-8", page::CSS),
            "/page.js" => fixed("text/javascript; charset=utf-8", page::SCRIPT),
            "/icon.svg" => fixed("image/svg+xml", page::ICON),
            "/healthz" => self.health(),
            "/events" => self.events(request.method()),
            "/" => self.made(Made::Page, headers),
            "/api/diagnosis" => self.made(Made::Diagnosis, headers),
            "/metrics" => self.made(Made::Metrics(style(headers)), headers),
            _ => plain(
                StatusCode::NOT_FOUND,
                "there are /, /metrics, /api/diagnosis, /healthz and, to POST, /api/keep\n",
            ),
        }
    }

    fn newest(&self) -> Option<Arc<Latest>> {
        self.latest.borrow().clone()
    }

    fn health(&self) -> Response<Reply> {
        match self.newest() {
            Some(latest) if latest.at.elapsed() <= self.stale_after => plain(StatusCode::OK, "ok\n"),
            Some(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "sampling stands still\n"),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "there is no sample yet\n"),
        }
    }

    fn made(&self, what: Made, headers: &HeaderMap) -> Response<Reply> {
        let Some(latest) = self.newest() else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "there is no sample yet\n");
        };
        let zipped = accepts_gzip(headers);
        let body = match self.cached(what, zipped, &latest) {
            Ok(body) => body,
            Err(Unmade::Held) => {
                let why = "slow readers hold as many of these as there may be\n";
                return plain(StatusCode::SERVICE_UNAVAILABLE, why);
            }
            Err(Unmade::Failed) => {
                return plain(StatusCode::INTERNAL_SERVER_ERROR, "this could not be written\n");
            }
        };
        let content_type = match what {
            Made::Metrics(style) => style.content_type(),
            Made::Diagnosis => "application/json",
            Made::Page | Made::Event => "text/html; charset=utf-8",
        };
        let mut response = fixed(content_type, body);
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if zipped {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// Made once for all who ask, and once for each diagnosis.
    fn cached(&self, what: Made, zipped: bool, latest: &Latest) -> Result<Bytes, Unmade> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.number != Some(latest.number) {
            *cache = Cache {
                number: Some(latest.number),
                made: Vec::new(),
            };
        }
        let known = cache
            .made
            .iter()
            .find(|(made, zip, _)| (*made, *zip) == (what, zipped));
        if let Some((_, _, bytes)) = known {
            return Ok(bytes.clone());
        }
        let permit = match what {
            Made::Diagnosis => {
                let documents = Arc::clone(&self.documents);
                Some(documents.try_acquire_owned().map_err(|_| Unmade::Held)?)
            }
            Made::Metrics(_) | Made::Page | Made::Event => None,
        };
        let mut made = self.make(what, latest).ok_or(Unmade::Failed)?;
        if zipped {
            made = gzip(&made).map_err(|_| Unmade::Failed)?;
        }
        // It was made by appending, which takes room for up to twice as much.
        made.shrink_to_fit();
        let bytes = Bytes::from_owner(Document {
            bytes: made,
            _permit: permit,
        });
        cache.made.push((what, zipped, bytes.clone()));
        Ok(bytes)
    }

    fn make(&self, what: Made, latest: &Latest) -> Option<Vec<u8>> {
        match what {
            Made::Metrics(style) => {
                let metrics = Metrics {
                    counted: Arc::clone(&latest.counted),
                    diagnosis: Arc::clone(&latest.diagnosis),
                    max_peers: self.metrics_peers,
                    sample_took: Some(latest.took),
                    process: ProcessFigures::read().ok(),
                };
                let mut text = String::new();
                metrics.write(style, &mut text).ok()?;
                Some(text.into_bytes())
            }
            Made::Diagnosis => {
                let mut document = Vec::new();
                json::write(&mut document, &latest.diagnosis, &latest.origin).ok()?;
                Some(document)
            }
            Made::Page => Some(page::whole(latest).into_bytes()),
            Made::Event => Some(page::event(latest).into_bytes()),
        }
    }

    /// The page's live part, whenever there is a new diagnosis.
    fn events(self: &Arc<Self>, method: &Method) -> Response<Reply> {
        let Ok(place) = Arc::clone(&self.streams).try_acquire_owned() else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "too many are watching\n");
        };
        // A slow reader misses some diagnoses; it gets the newest next.
        let (send, events) = mpsc::channel(1);
        if method == Method::GET {
            let (answers, mut latest) = (Arc::clone(self), self.latest.clone());
            tokio::spawn(async move {
                let _place = place;
                loop {
                    let newest = latest.borrow_and_update().clone();
                    let event = newest.and_then(|newest| answers.cached(Made::Event, false, &newest).ok());
                    if let Some(event) = event
                        && send.send(event).await.is_err()
                    {
                        return;
                    }
                    tokio::select! {
                        () = send.closed() => return,
                        changed = latest.changed() => if changed.is_err() { return },
                    }
                }
            });
        }
        let mut response = Response::new(Reply::Stream(events));
        let content_type = HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

fn style(headers: &HeaderMap) -> Style {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
        true => Style::OpenMetrics,
        false => Style::Prometheus,
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let names_it = |one: &str| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        coding.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    };
    accepted.is_some_and(|accepted| accepted.split(',').any(names_it))
}

/// Whether the name in a request is one of this machine alone.
fn means_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

fn fixed(content_type: &'static str, body: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::text(body));
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn promised(promise: &Promise) -> Response<Reply> {
    let document = serde_json::json!({
        "directory": promise.directory.to_string_lossy(),
        "until": timestamp(promise.until),
    });
    let mut response = fixed("application/json", format!("{document}\n"));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn not_allowed(allowed: &'static str, text: &'static str) -> Response<Reply> {
    let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, text);
    refused
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    refused
}

fn plain(status: StatusCode, text: &'static str) -> Response<Reply> {
    let mut response = fixed("text/plain; charset=utf-8", text);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
