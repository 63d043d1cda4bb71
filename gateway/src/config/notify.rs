//! `[notify]`: where alerts are sent, by channels of several kinds.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The kinds of channels: lists of tables in `[notify]`, a key each.
pub(super) const KINDS: &[&str] = &["webhook"];

/// `[notify]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Webhooks in order.
    pub webhook: Vec<Webhook>,
    /// Networks (CIDR) and host names to which channels may go; empty: none off loopback.
    pub allow: Vec<String>,
}

impl Notify {
    /// Removes what grants access or names a private place, for what leaves the machine.
    pub(crate) fn redact(&mut self) {
        for webhook in &mut self.webhook {
            webhook.redact();
        }
    }
}

/// Shape of a webhook's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookTemplate {
    /// The alert as in the API.
    #[default]
    Json,
    /// `{"text": …}` with attachments, as Slack-compatible receivers want it.
    Slack,
}

/// `[[notify.webhook]]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Name in logs and metrics.
    pub name: String,
    /// `https://` anywhere allowed, `http://` for loopback only.
    pub url: String,
    /// Secret of the HMAC-SHA256 signature; or `secret_file`.
    #[serde(default)]
    pub secret: Option<String>,
    /// File holding the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Shape of the body.
    #[serde(default)]
    pub template: WebhookTemplate,
    /// Least level sent.
    #[serde(default)]
    pub min_level: Option<String>,
    /// PEM file of the authority that signed the target's certificate.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

impl Webhook {
    fn redact(&mut self) {
        self.secret = self.secret.as_ref().map(|_| "(removed)".to_owned());
        // Slack-shaped receivers carry their secret in the path.
        let host: Vec<&str> = self.url.splitn(4, '/').take(3).collect();
        self.url = format!("{}/(removed)", host.join("/"));
    }
}
