//! The service behind vision, datasets and models: requests that were checked
//! here are passed on to it, with limits both ways.
//!
//! What goes over the line is built anew, never copied: method, path, type and
//! body; the upstream's own key, never the client's. Back come status, type and
//! body. Nothing is held as a whole, nothing is tried twice that could act
//! twice. This room must never invent an answer: without an upstream, or while
//! it is left alone, the client is told so.

mod body;
mod breaker;
mod call;
mod measured;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;
use tokio::sync::Semaphore;

use crate::config;
use crate::outbound::{self, Destination};
use readings::clock::{Mono, Timestamp, wall_now};

use breaker::Breaker;
pub(crate) use breaker::BreakerState;

/// Time for a connection to stand: the upstream is on the site.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection without a request is kept. Under the 5 s after which
/// common Python servers close theirs, so that few requests meet a closed one.
const IDLE: Duration = Duration::from_secs(4);
/// Connections kept without a request: as many as a dashboard's polls use.
const MAX_IDLE: usize = 4;
/// Longest text kept of what went wrong last.
const MAX_WORDS: usize = 300;

/// Why `[upstream]` cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("upstream: {0}")]
pub(crate) struct UpstreamError(pub String);

/// What is to be passed on; checked by the caller.
pub(crate) struct Forward {
    /// Method.
    pub method: Method,
    /// Path of the API, for example `/api/models`.
    pub path: String,
    /// Type of the body.
    pub content_type: Option<HeaderValue>,
    /// Body; none for requests without.
    pub body: Option<Body>,
    /// Largest body of this route in bytes.
    pub limit: u64,
    /// Time the client has for each piece of its body.
    pub client_timeout: Duration,
}

/// Why there is no answer to pass back.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is none to ask.
    #[error("No vision service is configured on this gateway: set upstream.url")]
    NotConfigured,
    /// It has failed too often and is left alone.
    #[error("The vision service does not answer; it is tried again in {retry_after_s} s")]
    LeftAlone {
        /// When to come back.
        retry_after_s: u64,
    },
    /// As many requests as allowed are under way.
    #[error("Too many requests to the vision service are under way; try again in a moment")]
    Busy,
    /// No connection.
    #[error("The vision service cannot be reached: {0}")]
    Unreachable(String),
    /// It says itself that it is not available.
    #[error("The vision service is not available at the moment")]
    Unavailable {
        /// When it wants to be asked again.
        retry_after_s: Option<u64>,
    },
    /// It gave no sign of life in time.
    #[error("The vision service did not answer within {0} s")]
    TimedOut(u64),
    /// It broke off, or what it said makes no sense.
    #[error("The vision service failed: {0}")]
    Bad(String),
    /// It does not accept the gateway's key, or forbids what it asks.
    #[error("The vision service refuses the gateway's key (status {0}); check upstream.key")]
    Refused(u16),
    /// Its answer is over the cap.
    #[error(
        "The answer of the vision service is larger than upstream.max_response_bytes ({0} bytes)"
    )]
    AnswerTooLarge(u64),
    /// The client's body is over the cap.
    #[error("Request body too large: at most {0} bytes")]
    RequestTooLarge(u64),
    /// The client's body did not come, or not to its end.
    #[error("Request body did not arrive")]
    ClientGone,
}

/// What an upstream is doing, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamView {
    /// What the breaker lets through.
    pub breaker: BreakerState,
    /// Seconds until it is tried again, while it is left alone.
    pub retry_in_s: Option<u64>,
    /// What went wrong last, and when.
    pub last_failure: Option<(Timestamp, String)>,
}

/// The upstream; clones share it. Without a configured one there is nothing
/// behind it, and every request is told so.
#[derive(Clone)]
pub(crate) struct Upstream {
    shared: Option<Arc<Shared>>,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// What requests share.
struct Shared {
    scheme: Scheme,
    authority: Authority,
    /// Put in front of the API's path; without a slash at its end.
    prefix: String,
    key: Option<HeaderValue>,
    timeout: Duration,
    max_request_bytes: u64,
    max_response_bytes: u64,
    connector: HttpsConnector<HttpConnector>,
    client: HttpClient,
    places: Arc<Semaphore>,
    breaker: Mutex<Breaker>,
    last_failure: Mutex<Option<(Timestamp, String)>>,
    figures: Figures,
}

/// Counters since start.
#[derive(Debug, Default)]
struct Figures {
    answered: AtomicU64,
    unreachable: AtomicU64,
    timed_out: AtomicU64,
    bad: AtomicU64,
    busy: AtomicU64,
    left_alone: AtomicU64,
    client_gone: AtomicU64,
    too_large: AtomicU64,
    /// Answers that ended before their end.
    cut: AtomicU64,
    /// Reads sent again because a kept connection had been closed.
    repeated: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl Upstream {
    /// Reads what the configuration names; opens no connection yet.
    ///
    /// # Errors
    /// [`UpstreamError`] saying what is wrong and what to do.
    pub(crate) fn new(config: &config::Upstream) -> Result<Upstream, UpstreamError> {
        let Some(url) = &config.url else {
            return Ok(Upstream { shared: None });
        };
        let shared = Shared::new(config, url).map_err(UpstreamError)?;
        Ok(Upstream {
            shared: Some(Arc::new(shared)),
        })
    }

    /// How it is; none without a configured one.
    #[must_use]
    pub(crate) fn view(&self) -> Option<UpstreamView> {
        let shared = self.shared.as_ref()?;
        let (breaker, wait) = {
            let breaker = shared.breaker();
            (breaker.state(), breaker.wait(Mono::now()))
        };
        let last_failure = shared
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Some(UpstreamView {
            breaker,
            retry_in_s: wait.map(whole_seconds),
            last_failure,
        })
    }

    /// Whether it takes connections; it is sent nothing. None without a configured
    /// one.
    pub(crate) async fn reach(&self) -> Option<Result<(), String>> {
        let shared = self.shared.as_ref()?;
        let uri = http::Uri::builder()
            .scheme(shared.scheme.clone())
            .authority(shared.authority.clone())
            .path_and_query("/")
            .build();
        Some(match uri {
            Ok(uri) => outbound::reach(shared.connector.clone(), uri).await,
            Err(error) => Err(error.to_string()),
        })
    }

    /// Passes a request on and its answer back, as the upstream gave it.
    ///
    /// # Errors
    /// [`Failure`]; then nothing of an answer was passed back.
    pub(crate) async fn forward(&self, forward: Forward) -> Result<Response<Body>, Failure> {
        let shared = self.shared.as_ref().ok_or(Failure::NotConfigured)?;
        call::run(shared, forward)
            .await
            .inspect_err(|failure| shared.count(failure))
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        formatter
            .debug_struct("Upstream")
            .field("configured", &self.shared.is_some())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn new(config: &config::Upstream, url: &str) -> Result<Shared, String> {
        let parts = Destination::parse(url)?.uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("url: write https://host:port".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err(
                "url: a name or password in it would be logged; use upstream.key".to_owned(),
            );
        }
        let path = parts.path_and_query.filter(|path| path.query().is_none());
        let prefix = path
            .ok_or("url: it must not have a query")?
            .path()
            .trim_end_matches('/')
            .to_owned();
        let key = outbound::secret("key", config.key.as_deref(), config.key_file.as_deref())?;
        let key = key.map(|key| HeaderValue::from_bytes(&key)).transpose();
        let mut key = key.map_err(|_| "key: it must be printable ASCII without line breaks")?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(outbound::tls(config.ca.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector.clone());
        Ok(Shared {
            scheme,
            authority,
            prefix,
            key,
            timeout: Duration::from_secs(config.timeout_s),
            max_request_bytes: config.max_request_bytes,
            max_response_bytes: config.max_response_bytes,
            connector,
            client,
            places: Arc::new(Semaphore::new(config.max_in_flight)),
            breaker: Mutex::new(Breaker::new(
                config.breaker_failures,
                Duration::from_secs(config.breaker_pause_s),
            )),
            last_failure: Mutex::new(None),
            figures: Figures::default(),
        })
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // It is whole between any two statements.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what went wrong, for people.
    fn remember(&self, words: &str) {
        let words: String = words.chars().take(MAX_WORDS).collect();
        tracing::warn!(upstream = %self.authority, "{words}");
        *self
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((wall_now(), words));
    }

    /// It failed while an answer was being passed back.
    fn ill(&self, words: &str, now: Mono) {
        self.remember(words);
        self.breaker().fail(now);
    }

    fn count(&self, failure: &Failure) {
        let figures = &self.figures;
        let counter = match failure {
            Failure::NotConfigured => return,
            Failure::LeftAlone { .. } => &figures.left_alone,
            Failure::Busy => &figures.busy,
            Failure::Unreachable(_) => &figures.unreachable,
            Failure::TimedOut(_) => &figures.timed_out,
            Failure::Unavailable { .. } | Failure::Bad(_) | Failure::Refused(_) => &figures.bad,
            Failure::AnswerTooLarge(_) | Failure::RequestTooLarge(_) => &figures.too_large,
            Failure::ClientGone => &figures.client_gone,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Rounded up: who comes back after it is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000) as u64
}

/// Whether a status says that the upstream itself is in trouble.
fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error()
}
