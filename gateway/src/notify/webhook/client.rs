//! One webhook call: connect where it is allowed, post, judge the answer.
//!
//! A resolver in front of the connection drops every address that is not
//! allowed. Redirects are not followed and answers are not read: only the
//! status counts.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use thiserror::Error;
use tower::Service;

use super::body;
use super::target::{Allowed, Target};
use crate::outbound;
use store::OutboxRecord;

/// Time for a whole call, from resolving to the answer's status.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a notification did not arrive.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// Not answered: try again.
    #[error("{0}")]
    Unreachable(String),
    /// Answered with a status that may pass: try again.
    #[error("answered with {status}")]
    Later {
        /// The status.
        status: u16,
        /// What `Retry-After` asks for, in seconds.
        retry_after_s: Option<u64>,
    },
    /// Answered with a status that says the request itself is wrong.
    #[error("refused with {0}; check the address and the secret")]
    Refused(u16),
}

/// Calls one target.
pub(in crate::notify) struct Caller {
    target: Target,
    connector: HttpsConnector<HttpConnector<Guard>>,
    client: Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>,
}

impl Caller {
    /// A caller of `target`.
    ///
    /// # Errors
    /// What is wrong with the file of its certificate authority.
    pub(in crate::notify) fn new(target: Target) -> Result<Caller, String> {
        let mut http = HttpConnector::new_with_resolver(Guard(target.allowed.clone()));
        http.enforce_http(false);
        http.set_connect_timeout(Some(CALL_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(outbound::tls(target.ca.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        // Minutes pass between two calls: a kept connection would be stale.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.clone());
        Ok(Caller {
            target,
            connector,
            client,
        })
    }

    /// The target.
    pub(in crate::notify) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the target takes connections; it is sent nothing.
    ///
    /// # Errors
    /// Why not, in words.
    pub(in crate::notify) async fn reach(&self) -> Result<(), String> {
        outbound::reach(self.connector.clone(), self.target.uri.clone()).await
    }

    /// Sends one notification under the number `delivery`.
    ///
    /// # Errors
    /// [`CallError`].
    pub(in crate::notify) async fn call(
        &self,
        record: &OutboxRecord,
        delivery: &str,
    ) -> Result<(), CallError> {
        let request = self
            .request(record, delivery)
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.client.request(request)).await;
        let answer = answer.map_err(|_| {
            CallError::Unreachable(format!("no answer in {} s", CALL_TIMEOUT.as_secs()))
        })?;
        let answer = answer.map_err(|error| CallError::Unreachable(outbound::chain(&error)))?;
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        judge(answer.status(), retry_after_s)
    }

    fn request(&self, record: &OutboxRecord, delivery: &str) -> http::Result<Request<Full<Bytes>>> {
        let body = body::render(self.target.template, record, delivery);
        let now_s = Timestamp::now().as_second();
        let mut request = Request::post(self.target.uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("mfg-drone-gateway/", env!("CARGO_PKG_VERSION")),
            )
            .header("x-mfg-event", body::event_name(record.event))
            .header("x-mfg-delivery", delivery)
            .header("x-mfg-timestamp", now_s);
        let secret = self.target.secret.as_ref();
        if let Some(signature) = secret.and_then(|secret| body::signature(secret, now_s, &body)) {
            request = request.header("x-mfg-signature", signature);
        }
        request.body(Full::new(Bytes::from(body)))
    }
}

fn judge(status: StatusCode, retry_after_s: Option<u64>) -> Result<(), CallError> {
    match status.as_u16() {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500..=599 => Err(CallError::Later {
            status: status.as_u16(),
            retry_after_s,
        }),
        refused => Err(CallError::Refused(refused)),
    }
}

/// Resolves names to the addresses that are allowed.
#[derive(Clone, Debug)]
struct Guard(Arc<Allowed>);

impl Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let by_name = allowed.host(&host);
            let found = tokio::task::spawn_blocking(move || {
                (host.as_str(), 0).to_socket_addrs().map(Vec::from_iter)
            });
            let mut found = found.await.map_err(io::Error::other)??;
            found.retain(|address| by_name || allowed.address(address.ip()));
            if found.is_empty() {
                return Err(io::Error::other(format!(
                    "{name} leads to no address that notify.allow lists"
                )));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_leads_only_where_it_is_allowed() {
        let mut guard = Guard(Arc::new(
            Allowed::parse(&["192.0.2.0/24".to_owned()]).expect("parsed"),
        ));
        // Addresses as names resolve to themselves, without asking anybody.
        for (name, allowed) in [
            ("192.0.2.7", true),
            ("127.0.0.1", true),
            ("198.51.100.1", false),
        ] {
            let found = guard.call(name.parse().expect("a name")).await;
            assert_eq!(found.is_ok(), allowed, "{name}: {found:?}");
        }
        let mut named = Guard(Arc::new(
            Allowed::parse(&["198.51.100.1.example".to_owned()]).expect("parsed"),
        ));
        assert!(
            named
                .call("198.51.100.1".parse().expect("a name"))
                .await
                .is_err(),
            "another name"
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_for_ever() {
        let judged = |status: u16| judge(StatusCode::from_u16(status).expect("a status"), None);
        assert_eq!(judged(204), Ok(()));
        assert!(matches!(
            judged(429),
            Err(CallError::Later { status: 429, .. })
        ));
        assert!(matches!(judged(503), Err(CallError::Later { .. })));
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(judged(status), Err(CallError::Refused(status)));
        }
    }
}
