//! The line to the upstream: where it is, what is counted, and whether it is asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::HeaderValue;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::breaker::Breaker;
use super::failure::Failure;
use crate::config;
use crate::outbound::{self, Destination};
use crate::shares::Shares;
use readings::clock::{Mono, Timestamp, wall_now};

/// Time for a connection to stand: the upstream is on the site.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection without a request is kept. Under the 5 s after which
/// common Python servers close theirs, so that few requests meet a closed one.
const IDLE: Duration = Duration::from_secs(4);
/// Connections kept without a request: as many as a dashboard's polls use.
const MAX_IDLE: usize = 4;
/// Longest text kept of what went wrong last.
const MAX_WORDS: usize = 300;

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// What requests share.
pub(super) struct Link {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Put in front of the API's path; without a slash at its end.
    pub(super) prefix: String,
    pub(super) key: Option<HeaderValue>,
    pub(super) timeout: Duration,
    pub(super) max_request_bytes: u64,
    pub(super) max_response_bytes: u64,
    pub(super) connector: HttpsConnector<HttpConnector>,
    pub(super) client: HttpClient,
    /// Requests under way, of at most so many.
    pub(super) places: Arc<Shares>,
    pub(super) most_places: usize,
    pub(super) breaker: Mutex<Breaker>,
    pub(super) last_failure: Mutex<Option<(Timestamp, String)>>,
    pub(super) counters: Counters,
}

/// Counters since start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) answered: AtomicU64,
    pub(super) unreachable: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) bad: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) left_alone: AtomicU64,
    pub(super) client_gone: AtomicU64,
    pub(super) too_large: AtomicU64,
    /// Answers that ended before their end.
    pub(super) cut: AtomicU64,
    /// Reads sent again because a kept connection had been closed.
    pub(super) repeated: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
}

impl Link {
    pub(super) fn new(config: &config::Upstream, url: &str) -> Result<Link, String> {
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
        Ok(Link {
            scheme,
            authority,
            prefix,
            key,
            timeout: Duration::from_secs(config.timeout_s),
            max_request_bytes: config.max_request_bytes,
            max_response_bytes: config.max_response_bytes,
            connector,
            client,
            places: Arc::default(),
            most_places: config.max_in_flight,
            breaker: Mutex::new(Breaker::new(
                config.breaker_failures,
                Duration::from_secs(config.breaker_pause_s),
            )),
            last_failure: Mutex::new(None),
            counters: Counters::default(),
        })
    }

    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // It is whole between any two statements.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what went wrong, for people.
    pub(super) fn remember(&self, words: &str) {
        let words: String = words.chars().take(MAX_WORDS).collect();
        tracing::warn!(upstream = %self.authority, "{words}");
        *self
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((wall_now(), words));
    }

    /// It failed while an answer was being passed back.
    pub(super) fn ill(&self, words: &str, now: Mono) {
        self.remember(words);
        self.breaker().fail(now);
    }

    pub(super) fn count(&self, failure: &Failure) {
        let counters = &self.counters;
        let counter = match failure {
            Failure::NotConfigured => return,
            Failure::LeftAlone { .. } => &counters.left_alone,
            Failure::Busy => &counters.busy,
            Failure::Unreachable(_) => &counters.unreachable,
            Failure::TimedOut(_) => &counters.timed_out,
            Failure::Unavailable { .. } | Failure::Bad(_) | Failure::Refused(_) => &counters.bad,
            Failure::AnswerTooLarge(_) | Failure::RequestTooLarge(_) => &counters.too_large,
            Failure::ClientGone => &counters.client_gone,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Rounded up: who comes back after it is not too early.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000) as u64
}
