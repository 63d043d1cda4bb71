//! A service that people use already, as a channel: who it is, and where it is.
//!
//! Each service is a file under `services/` with its [`Kind`]: what it takes, and how a
//! message looks to it. Everything else is the same for all of them and stands here.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::Value;

use super::allowed::Allowed;
use super::channel::{Channel, NotDelivered, Notification};
use super::http::Post;
use super::message::Message;
use super::routing::Routing;
use crate::config::notify as config;
use crate::config::notify::Language;
use crate::outbound::{self, Destination};

/// How one service is spoken to.
pub(super) struct Kind {
    /// As its section is called.
    pub(super) name: &'static str,
    /// Where it is, where all of its users call the same address.
    pub(super) usual_url: Option<&'static str>,
    /// Whether it takes `token`, or does not work without.
    pub(super) token: Token,
    /// Whether it takes `to`.
    pub(super) takes_to: bool,
    /// The address to post to, of the one that a person writes.
    pub(super) address: fn(&Uri, &config::Service) -> Result<String, String>,
    /// What is posted.
    pub(super) body: fn(&MessageContext<'_>) -> Value,
    /// Header by which the service passes over what it has taken already.
    pub(super) once_header: Option<&'static str>,
    /// Statuses that mean that it was taken, beside those of success.
    pub(super) arrived: &'static [u16],
    /// How often it wants to hear of what still stands, and what it is sent then.
    pub(super) standing: Option<(Duration, StandingBody)>,
}

/// What a service is sent of all that stands.
type StandingBody = fn(&[Notification], Language) -> Value;

/// Whether a service takes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    None,
    Optional,
    Needed,
}

impl Kind {
    /// A service that takes JSON at the address that it gave, which grants access.
    pub(super) const fn hook(name: &'static str, body: fn(&MessageContext<'_>) -> Value) -> Kind {
        Kind {
            name,
            usual_url: None,
            token: Token::None,
            takes_to: false,
            address: |uri, _| Ok(uri.to_string()),
            body,
            once_header: None,
            arrived: &[],
            standing: None,
        }
    }
}

/// What is to be said, and to whom.
pub(super) struct MessageContext<'a> {
    pub(super) notification: &'a Notification,
    pub(super) message: &'a Message,
    /// The section's `url`, as a person wrote it.
    pub(super) url: &'a Uri,
    pub(super) to: Option<&'a str>,
}

/// One section of a service.
pub(super) struct Service {
    kind: &'static Kind,
    name: String,
    routing: Routing,
    language: Language,
    url: Uri,
    to: Option<String>,
    authorization: Option<HeaderValue>,
    post: Post,
}

impl Service {
    /// The channel of a section.
    ///
    /// # Errors
    /// What is wrong with it, beginning with the key where it concerns one.
    pub(super) fn open(
        kind: &'static Kind,
        section: &config::Service,
        allowed: &Arc<Allowed>,
    ) -> Result<Service, String> {
        let url = outbound::secret("url", section.url.as_deref(), section.url_file.as_deref())?;
        let url = match (&url, kind.usual_url) {
            (Some(url), _) => std::str::from_utf8(url).map_err(|_| "url: it is not UTF-8")?,
            (None, Some(usual)) => usual,
            (None, None) => return Err("url: it is missing; or set url_file".to_owned()),
        };
        let Destination { uri, host } = Destination::parse(url.trim())?;
        let allowed = allowed.or_own(&host);
        if !allowed.may_lead_to(&host) {
            return Err(format!(
                "url: {host} is not allowed; add it, or its network, to notify.allow"
            ));
        }
        if section.to.is_some() && !kind.takes_to {
            return Err(format!("to: {} has nobody to choose", kind.name));
        }
        let address = (kind.address)(&uri, section)?;
        let address = address.parse().map_err(|error| format!("url: {error}"))?;
        Ok(Service {
            kind,
            name: section.name.clone(),
            routing: Routing::parse(section.min_level.as_deref(), &section.route())?,
            language: section.language,
            to: section.to.clone(),
            authorization: authorization(kind, section)?,
            post: Post::open(address, section.ca.as_deref(), &allowed)?,
            url: uri,
        })
    }

    fn headers(&self, once: Option<&str>) -> Result<HeaderMap, NotDelivered> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let (Some(name), Some(once)) = (self.kind.once_header, once) {
            let once = HeaderValue::try_from(once).map_err(NotDelivered::retry)?;
            headers.insert(name, once);
        }
        Ok(headers)
    }

    async fn call(&self, notification: &Notification) -> Result<(), NotDelivered> {
        let message = Message::of(notification, self.language);
        let body = (self.kind.body)(&MessageContext {
            notification,
            message: &message,
            url: &self.url,
            to: self.to.as_deref(),
        });
        let once = notification.once(&self.name);
        let headers = self.headers(Some(&once))?;
        let body = body.to_string().into_bytes();
        self.post.json(headers, body, self.kind.arrived).await
    }
}

/// The header that carries the token, marked as secret.
fn authorization(kind: &Kind, section: &config::Service) -> Result<Option<HeaderValue>, String> {
    let token = outbound::secret(
        "token",
        section.token.as_deref(),
        section.token_file.as_deref(),
    )?;
    match (&token, kind.token) {
        (Some(_), Token::None) => {
            return Err(format!(
                "token: {} takes none; its url is the secret",
                kind.name
            ));
        }
        (None, Token::Needed) => return Err("token: it is missing; or set token_file".to_owned()),
        _ => {}
    }
    let Some(token) = token else { return Ok(None) };
    let bytes = [b"Bearer ", token.as_slice()].concat();
    let mut value = HeaderValue::try_from(bytes).map_err(|_| "token: it is not a token")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

impl Channel for Service {
    fn kind(&self) -> &'static str {
        self.kind.name
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn routing(&self) -> &Routing {
        &self.routing
    }

    fn takes_several(&self) -> bool {
        self.kind.standing.is_none()
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

    fn standing_every(&self) -> Option<Duration> {
        self.kind.standing.map(|(every, _)| every)
    }

    fn send_standing<'a>(
        &'a self,
        standing: &'a [Notification],
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(async move {
            let Some((_, body)) = self.kind.standing else {
                return Ok(());
            };
            let body = body(standing, self.language).to_string().into_bytes();
            self.post.json(self.headers(None)?, body, &[]).await
        })
    }
}
