//! A `[[notify.webhook]]` parsed and allowed.
//!
//! Pure but for reading the secret's file.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use zeroize::Zeroizing;

use crate::config::notify::{Language, Webhook, WebhookTemplate};
use crate::notify::allowed::Allowed;
use crate::notify::routing::Routing;
use crate::outbound::{self, Destination};

/// A webhook that may be called.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Name in logs, metrics and the store.
    pub(super) name: String,
    /// Where to.
    pub(super) uri: Uri,
    /// Secret of the signature.
    pub(super) secret: Option<Arc<Zeroizing<Vec<u8>>>>,
    /// Shape of the body.
    pub(super) template: WebhookTemplate,
    /// Language of its sentences.
    pub(super) language: Language,
    /// What it is told, and when.
    pub(super) routing: Routing,
    /// Authority of the target's certificate, when not a public one.
    pub(super) ca: Option<PathBuf>,
    /// Where connections may go.
    pub(super) allowed: Arc<Allowed>,
}

impl Target {
    /// The target of `webhook`, if `allowed` has it.
    ///
    /// # Errors
    /// What is wrong, beginning with the key where it concerns one.
    pub(super) fn parse(webhook: &Webhook, allowed: &Arc<Allowed>) -> Result<Target, String> {
        let Destination { uri, host } = Destination::parse(&webhook.url)?;
        // A name is somebody's service; an address in figures may be any machine of the
        // site, and is named once more.
        let allowed = &match host.parse::<IpAddr>() {
            Ok(_) => allowed.clone(),
            Err(_) => allowed.or_own(&host),
        };
        if !allowed.may_lead_to(&host) {
            return Err(format!(
                "url: {host} is not allowed; add it, or its network, to notify.allow"
            ));
        }
        Ok(Target {
            name: webhook.name.clone(),
            secret: outbound::secret(
                "secret",
                webhook.secret.as_deref(),
                webhook.secret_file.as_deref(),
            )?
            .map(Arc::new),
            template: webhook.template,
            language: webhook.language,
            routing: Routing::parse(webhook.min_level.as_deref(), &webhook.route())?,
            ca: webhook.ca.clone(),
            allowed: allowed.clone(),
            uri,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> Webhook {
        Webhook {
            name: "hook".to_owned(),
            url: url.to_owned(),
            secret: None,
            secret_file: None,
            template: WebhookTemplate::Json,
            language: Language::En,
            min_level: None,
            ca: None,
            types: Vec::new(),
            sources: Vec::new(),
            quiet: None,
            repeat_minutes: None,
            escalate_to: None,
            escalate_after_minutes: None,
        }
    }

    fn is_refused(url: &str, allow: &[&str]) -> bool {
        let allow: Vec<String> = allow.iter().map(|entry| (*entry).to_owned()).collect();
        let allowed = Arc::new(Allowed::parse(&allow).expect("a list"));
        Target::parse(&webhook(url), &allowed).is_err()
    }

    #[test]
    fn only_allowed_places_are_reached() {
        for (url, allow) in [
            ("http://127.0.0.1:9000/hook", &[][..]),
            ("http://localhost/hook", &[]),
            ("https://[::1]/hook", &[]),
            ("https://192.168.7.9/hook", &["192.168.0.0/16"]),
            ("https://Hooks.Example.com/x", &["hooks.example.com"]),
            ("https://hooks.example.com/x", &["192.168.0.0/16"]),
            ("https://hooks.example.com/x", &[]),
        ] {
            assert!(!is_refused(url, allow), "{url} with {allow:?}");
        }
        for (url, allow) in [
            ("http://192.168.7.9/hook", &["192.168.0.0/16"][..]),
            ("https://192.168.7.9/hook", &[]),
            ("https://192.168.7.9/hook", &["192.169.0.0/16", "::/0"]),
            ("https://hooks.example.com/x", &["example.com"]),
            ("ftp://127.0.0.1/x", &[]),
            ("not a url", &[]),
        ] {
            assert!(is_refused(url, allow), "{url} with {allow:?}");
        }
    }
}
