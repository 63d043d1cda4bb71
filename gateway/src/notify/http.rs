//! What every channel over HTTP shares: connect where it is allowed, post, judge the
//! answer.
//!
//! A resolver in front of the connection drops every address that is not
//! allowed, at each connection anew. Redirects are not followed and answers are not
//! read: only the status counts. It must never log an address: many hold a secret.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::Service;

use super::allowed::Allowed;
use super::channel::NotDelivered;
use super::resolve;
use crate::outbound;

/// Time for a whole call, from resolving to the answer's status.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Who calls.
const USER_AGENT: &str = concat!("mfg-drone-gateway/", env!("CARGO_PKG_VERSION"));

type Connector = HttpsConnector<Dialer>;

/// Connects directly or by the proxy, as the list of what is allowed says.
#[derive(Clone, Debug)]
struct Dialer {
    direct: HttpConnector<AllowedResolver>,
    allowed: Arc<Allowed>,
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let host = to.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match self.allowed.proxy_to(host) {
            Err(reason) => Box::pin(async move { Err(reason.into()) }),
            Ok(None) => {
                let connecting = self.direct.call(to);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Ok(Some(proxy)) => {
                let mut tunnel = Tunnel::new(proxy.clone(), self.direct.clone());
                Box::pin(async move { tunnel.call(to).await.map_err(Into::into) })
            }
        }
    }
}

/// One address, and the client that posts to it.
pub(super) struct Post {
    uri: Uri,
    connector: Connector,
    client: Client<Connector, Full<Bytes>>,
}

impl Post {
    /// A client for `uri` that trusts the authorities in `ca`, or the public ones.
    ///
    /// # Errors
    /// What is wrong with `ca`.
    pub(super) fn open(
        uri: Uri,
        ca: Option<&Path>,
        allowed: &Arc<Allowed>,
    ) -> Result<Post, String> {
        let mut http = HttpConnector::new_with_resolver(AllowedResolver(allowed.clone()));
        http.enforce_http(false);
        http.set_connect_timeout(Some(CALL_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(outbound::tls(ca)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Dialer {
                direct: http,
                allowed: allowed.clone(),
            });
        // Minutes pass between two calls: a kept connection would be stale.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.clone());
        Ok(Post {
            uri,
            connector,
            client,
        })
    }

    /// Posts JSON. A status in `arrived` counts as delivered as well.
    pub(super) async fn json(
        &self,
        headers: HeaderMap,
        body: Vec<u8>,
        arrived: &[u16],
    ) -> Result<(), NotDelivered> {
        let mut request = Request::post(self.uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(Bytes::from(body)))
            .map_err(NotDelivered::retry)?;
        request.headers_mut().extend(headers);
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.client.request(request)).await;
        let answer = answer.map_err(|_| {
            NotDelivered::retry(format_args!("no answer in {} s", CALL_TIMEOUT.as_secs()))
        })?;
        let answer = answer.map_err(|error| NotDelivered::retry(outbound::chain(&error)))?;
        if arrived.contains(&answer.status().as_u16()) {
            return Ok(());
        }
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        // Some services write fractions of a second.
        let retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        judge(answer.status(), retry_after_s)
    }

    /// Whether a connection comes about.
    pub(super) async fn check(&self) -> Result<(), String> {
        outbound::reach(self.connector.clone(), self.uri.clone()).await
    }
}

/// What the status of an answer means. A refusal is one that the same request would meet
/// again.
fn judge(status: StatusCode, retry_after_s: Option<f64>) -> Result<(), NotDelivered> {
    let status = status.as_u16();
    match status {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500..=599 => Err(NotDelivered::Retry {
            reason: format!("answered with {status}"),
            after: retry_after_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        }),
        _ => Err(NotDelivered::Refused(format!(
            "refused with {status}; check the address and the secret"
        ))),
    }
}

/// Resolves names to the addresses that are allowed.
#[derive(Clone, Debug)]
struct AllowedResolver(Arc<Allowed>);

impl Service<Name> for AllowedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = resolve::addresses(&allowed, name.as_str(), 0).await?;
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_leads_only_where_it_is_allowed() {
        let mut resolver = AllowedResolver(Arc::new(
            Allowed::parse(&["192.0.2.0/24".to_owned()]).expect("parsed"),
        ));
        // Addresses as names resolve to themselves, without asking anybody.
        for (name, allowed) in [
            ("192.0.2.7", true),
            ("127.0.0.1", true),
            ("198.51.100.1", false),
        ] {
            let found = resolver.call(name.parse().expect("a name")).await;
            assert_eq!(found.is_ok(), allowed, "{name}: {found:?}");
        }
        // A name that is listed moves freely, but not to what is no host of its own.
        let list = ["hooks.example".to_owned(), "10.0.0.0/8".to_owned()];
        let listed = Allowed::parse(&list).expect("parsed");
        for (address, allowed) in [
            ("198.51.100.1", true),
            ("10.1.2.3", true),
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("0.0.0.0", false),
            ("fe80::1", false),
            ("224.0.0.1", false),
        ] {
            let to = address.parse().expect("an address");
            assert_eq!(listed.resolved("Hooks.example", to), allowed, "{address}");
        }
        let mut named = AllowedResolver(Arc::new(
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
        let judged = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            judge(status, Some(7.0))
        };
        for status in [200, 204, 299] {
            assert_eq!(judged(status), Ok(()), "{status}");
        }
        for status in [408, 425, 429, 500, 503, 599] {
            let later = NotDelivered::Retry {
                reason: format!("answered with {status}"),
                after: Some(Duration::from_secs(7)),
            };
            assert_eq!(judged(status), Err(later));
        }
        for status in [301, 400, 401, 404, 410, 499, 600] {
            let outcome = judged(status);
            assert!(
                matches!(&outcome, Err(NotDelivered::Refused(reason)) if reason.contains(&status.to_string())),
                "{outcome:?}"
            );
        }
    }
}
