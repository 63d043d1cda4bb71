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
        self.url = without_secrets(&self.url);
    }
}

/// Where a URL leads, without what may grant access: some carry it in their path (as
/// receivers shaped like Slack's do), some in the query or before the host.
pub(crate) fn without_secrets(url: &str) -> String {
    const REMOVED: &str = "(removed)";
    let parsed: Option<http::Uri> = url.parse().ok();
    let place = parsed.as_ref().and_then(|uri| {
        let (scheme, host) = (uri.scheme_str()?, uri.host()?);
        let port = uri.port().map(|port| format!(":{port}"));
        Some(format!(
            "{scheme}://{host}{}/{REMOVED}",
            port.unwrap_or_default()
        ))
    });
    place.unwrap_or_else(|| REMOVED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_host_and_port_alone() {
        for (url, shown) in [
            (
                "https://hooks.example/services/s3cret",
                "https://hooks.example/(removed)",
            ),
            (
                "https://hooks.example?key=s3cret",
                "https://hooks.example/(removed)",
            ),
            (
                "https://u:s3cret@hooks.example:9/x",
                "https://hooks.example:9/(removed)",
            ),
            ("https://s3cret@[::1]/", "https://[::1]/(removed)"),
            ("https://u:s3c ret@hooks.example", "(removed)"),
            ("s3cret", "(removed)"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
