//! The webhook's client: connect where it is allowed, post, judge the answer.
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
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use tower::Service;

use super::body;
use super::target::Target;
use crate::config::notify as config;
use crate::notify::allowed::Allowed;
use crate::notify::channel::{Channel, NotDelivered, Notification};
use crate::outbound;
use readings::Level;

/// Time for a whole call, from resolving to the answer's status.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// One webhook, and the client that calls it.
pub(crate) struct Webhook {
    target: Target,
    connector: HttpsConnector<HttpConnector<AllowedResolver>>,
    client: Client<HttpsConnector<HttpConnector<AllowedResolver>>, Full<Bytes>>,
}

impl Webhook {
    /// The channel of a `[[notify.webhook]]`.
    ///
    /// # Errors
    /// What is wrong with it, beginning with the key where it concerns one.
    pub(crate) fn open(
        config: &config::Webhook,
        allowed: &Arc<Allowed>,
    ) -> Result<Webhook, String> {
        let target = Target::parse(config, allowed)?;
        let mut http = HttpConnector::new_with_resolver(AllowedResolver(target.allowed.clone()));
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
        Ok(Webhook {
            target,
            connector,
            client,
        })
    }

    async fn call(&self, notification: &Notification) -> Result<(), NotDelivered> {
        let request = self.request(notification).map_err(NotDelivered::retry)?;
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.client.request(request)).await;
        let answer = answer.map_err(|_| {
            NotDelivered::retry(format_args!("no answer in {} s", CALL_TIMEOUT.as_secs()))
        })?;
        let answer = answer.map_err(|error| NotDelivered::retry(outbound::chain(&error)))?;
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        judge(answer.status(), retry_after_s)
    }

    fn request(&self, notification: &Notification) -> http::Result<Request<Full<Bytes>>> {
        let body = body::render(self.target.template, notification);
        let now_s = Timestamp::now().as_second();
        let mut request = Request::post(self.target.uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("mfg-drone-gateway/", env!("CARGO_PKG_VERSION")),
            )
            .header("x-mfg-event", notification.event_name())
            .header("x-mfg-delivery", &notification.delivery)
            .header("x-mfg-timestamp", now_s);
        let secret = self.target.secret.as_ref();
        if let Some(signature) = secret.and_then(|secret| body::signature(secret, now_s, &body)) {
            request = request.header("x-mfg-signature", signature);
        }
        request.body(Full::new(Bytes::from(body)))
    }
}

impl Channel for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn name(&self) -> &str {
        &self.target.name
    }

    fn min_level(&self) -> Option<Level> {
        self.target.min_level
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(self.call(notification))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(outbound::reach(
            self.connector.clone(),
            self.target.uri.clone(),
        ))
    }
}

/// What the status of an answer means. A refusal is one that the same request would meet
/// again.
fn judge(status: StatusCode, retry_after_s: Option<u64>) -> Result<(), NotDelivered> {
    let status = status.as_u16();
    match status {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500..=599 => Err(NotDelivered::Retry {
            reason: format!("answered with {status}"),
            after: retry_after_s.map(Duration::from_secs),
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
            let host = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || {
                (host.as_str(), 0).to_socket_addrs().map(Vec::from_iter)
            });
            let mut found = found.await.map_err(io::Error::other)??;
            found.retain(|address| allowed.resolved(name.as_str(), address.ip()));
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
            judge(status, Some(7))
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
