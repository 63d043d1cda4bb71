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
mod failure;
mod link;
mod measured;

use std::fmt;
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use http::Response;
use thiserror::Error;

use crate::config;
use crate::outbound;
use link::{Link, whole_seconds};
use readings::clock::{Mono, Timestamp};

pub(crate) use breaker::BreakerState;
pub(crate) use call::Forward;
pub(crate) use failure::Failure;

/// Why `[upstream]` cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("upstream: {0}")]
pub(crate) struct UpstreamError(pub String);

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
    link: Option<Arc<Link>>,
}

impl Upstream {
    /// Reads what the configuration names; opens no connection yet.
    ///
    /// # Errors
    /// [`UpstreamError`] saying what is wrong and what to do.
    pub(crate) fn new(config: &config::Upstream) -> Result<Upstream, UpstreamError> {
        let Some(url) = &config.url else {
            return Ok(Upstream { link: None });
        };
        let link = Link::new(config, url).map_err(UpstreamError)?;
        Ok(Upstream {
            link: Some(Arc::new(link)),
        })
    }

    /// How it is; none without a configured one.
    #[must_use]
    pub(crate) fn view(&self) -> Option<UpstreamView> {
        let link = self.link.as_ref()?;
        let (breaker, wait) = {
            let breaker = link.breaker();
            (breaker.state(), breaker.wait(Mono::now()))
        };
        let last_failure = link
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
        let link = self.link.as_ref()?;
        let uri = http::Uri::builder()
            .scheme(link.scheme.clone())
            .authority(link.authority.clone())
            .path_and_query("/")
            .build();
        Some(match uri {
            Ok(uri) => outbound::reach(link.connector.clone(), uri).await,
            Err(error) => Err(error.to_string()),
        })
    }

    /// Passes a request on and its answer back, as the upstream gave it.
    ///
    /// # Errors
    /// [`Failure`]; then nothing of an answer was passed back.
    pub(crate) async fn forward(&self, forward: Forward) -> Result<Response<Body>, Failure> {
        let link = self.link.as_ref().ok_or(Failure::NotConfigured)?;
        call::run(link, forward)
            .await
            .inspect_err(|failure| link.count(failure))
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        formatter
            .debug_struct("Upstream")
            .field("configured", &self.link.is_some())
            .finish_non_exhaustive()
    }
}
