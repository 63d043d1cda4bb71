//! The webhook as a channel: body, headers and signature, posted.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::body;
use super::target::Target;
use crate::config::notify as config;
use crate::notify::allowed::Allowed;
use crate::notify::channel::{Channel, NotDelivered, Notification};
use crate::notify::http::Post;
use crate::notify::routing::Routing;

const EVENT: HeaderName = HeaderName::from_static("x-mfg-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-mfg-delivery");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-mfg-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-mfg-signature");

/// One webhook, and the client that calls it.
pub(crate) struct Webhook {
    target: Target,
    post: Post,
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
        let post = Post::open(target.uri.clone(), target.ca.as_deref(), &target.allowed)?;
        Ok(Webhook { target, post })
    }

    async fn call(&self, notification: &Notification) -> Result<(), NotDelivered> {
        let body = body::render(self.target.template, self.target.language, notification);
        let now_s = Timestamp::now().as_second();
        let mut headers = HeaderMap::new();
        headers.insert(EVENT, HeaderValue::from_static(notification.event_name()));
        headers.insert(TIMESTAMP, now_s.into());
        let delivery = HeaderValue::try_from(&*notification.delivery);
        headers.insert(DELIVERY, delivery.map_err(NotDelivered::retry)?);
        let secret = self.target.secret.as_ref();
        if let Some(signature) = secret.and_then(|secret| body::signature(secret, now_s, &body)) {
            let signature = HeaderValue::try_from(signature).map_err(NotDelivered::retry)?;
            headers.insert(SIGNATURE, signature);
        }
        self.post.json(headers, body, &[]).await
    }
}

impl Channel for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn name(&self) -> &str {
        &self.target.name
    }

    fn routing(&self) -> &Routing {
        &self.target.routing
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(self.call(notification))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.post.check())
    }
}
