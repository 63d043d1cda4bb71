//! `[notify]`: where alerts are sent, by channels of several kinds.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The kinds of channels: lists of tables in `[notify]`, a key each.
pub(super) const KINDS: &[&str] = &[
    "webhook",
    "slack",
    "teams",
    "discord",
    "ntfy",
    "alertmanager",
    "line",
    "email",
];

/// `[notify]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Networks (CIDR) and host names to which channels may go. Empty: where their own
    /// addresses lead, and for webhooks to an address in figures, this host only.
    pub allow: Vec<String>,
    /// The HTTP proxy by which everything but mail and MQTT goes that is not on this host:
    /// `http://proxy.site.example:3128`.
    pub proxy: Option<String>,
    /// Webhooks in order.
    pub webhook: Vec<Webhook>,
    /// Slack, by incoming webhooks.
    pub slack: Vec<Service>,
    /// Microsoft Teams, by workflows.
    pub teams: Vec<Service>,
    /// Discord, by webhooks.
    pub discord: Vec<Service>,
    /// Topics of an ntfy server.
    pub ntfy: Vec<Service>,
    /// Alertmanagers.
    pub alertmanager: Vec<Service>,
    /// LINE, by its Messaging API.
    pub line: Vec<Service>,
    /// E-mail, by a mail server that takes it.
    pub email: Vec<Email>,
}

impl Notify {
    /// The services, with their kinds.
    pub(crate) fn services(&self) -> [(&'static str, &[Service]); 6] {
        [
            ("slack", &self.slack),
            ("teams", &self.teams),
            ("discord", &self.discord),
            ("ntfy", &self.ntfy),
            ("alertmanager", &self.alertmanager),
            ("line", &self.line),
        ]
    }

    /// Names and addresses of the channels that do not go by HTTP.
    pub(crate) fn beside_http(&self) -> impl Iterator<Item = (&str, &str)> {
        let mails = self.email.iter();
        mails.map(|one| (one.name.as_str(), one.smtp.as_str()))
    }

    /// Scheme, host and port of the address in the section called `name`.
    pub(crate) fn address_of(&self, name: &str) -> Option<String> {
        let webhooks = self.webhook.iter().map(|one| (&one.name, Some(&one.url)));
        let services = self
            .services()
            .into_iter()
            .flat_map(|(_, services)| services);
        let services = services.map(|one| (&one.name, one.url.as_ref()));
        let urls = webhooks.chain(services);
        let urls = urls.map(|(name, url)| (name.as_str(), url.map(String::as_str)));
        let others = self.beside_http().map(|(name, url)| (name, Some(url)));
        let (_, url) = urls.chain(others).find(|(called, _)| *called == name)?;
        place(url?)
    }

    /// Removes what grants access or names a private place, for what leaves the machine.
    pub(crate) fn redact(&mut self) {
        for webhook in &mut self.webhook {
            webhook.redact();
        }
        let services = [
            &mut self.slack,
            &mut self.teams,
            &mut self.discord,
            &mut self.ntfy,
            &mut self.alertmanager,
            &mut self.line,
        ];
        for service in services.into_iter().flatten() {
            service.redact();
        }
        for email in &mut self.email {
            email.redact();
        }
        self.proxy = self.proxy.as_deref().map(place_alone);
    }
}

/// What stands in the place of a secret.
const REMOVED: &str = "(removed)";

/// Where a URL leads, without what may grant access: some carry it in their path (as
/// receivers shaped like Slack's do), some in the query or before the host.
pub(crate) fn without_secrets(url: &str) -> String {
    match place(url) {
        Some(place) => format!("{place}/{REMOVED}"),
        None => REMOVED.to_owned(),
    }
}

/// The same of an address that is a host and no more: such a one stays as it is.
pub(crate) fn place_alone(url: &str) -> String {
    match place(url) {
        Some(place) if place == url.trim_end_matches('/') => url.to_owned(),
        _ => without_secrets(url),
    }
}

/// In which language people are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

/// What a channel is told, and when: the same keys in every section.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Route {
    pub(crate) types: Vec<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) quiet: Option<String>,
    pub(crate) repeat_minutes: Option<u32>,
    pub(crate) escalate_to: Option<String>,
    pub(crate) escalate_after_minutes: Option<u32>,
}

/// The keys stand in each section: serde flattens none of a section that refuses unknown
/// ones.
macro_rules! routed {
    ($($section:ty),+) => {$(
        impl $section {
            /// What it is told, and when.
            pub(crate) fn route(&self) -> Route {
                Route {
                    types: self.types.clone(),
                    sources: self.sources.clone(),
                    quiet: self.quiet.clone(),
                    repeat_minutes: self.repeat_minutes,
                    escalate_to: self.escalate_to.clone(),
                    escalate_after_minutes: self.escalate_after_minutes,
                }
            }
        }
    )+};
}
routed!(Webhook, Service, Email);

/// Shape of a webhook's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookTemplate {
    /// `docs/notification.schema.json`: the alert as in the API, and in words.
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
    /// Language of its sentences.
    #[serde(default)]
    pub language: Language,
    /// Least level sent.
    #[serde(default)]
    pub min_level: Option<String>,
    /// PEM file of the authority that signed the target's certificate.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Only alerts of these types; all when empty.
    #[serde(default)]
    pub types: Vec<String>,
    /// Only alerts of these sources, `*` at the end for all that begin so; all when empty.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Hours that only what is critical disturbs, as `22:00-06:00`.
    #[serde(default)]
    pub quiet: Option<String>,
    /// How often what nobody has acknowledged is told again.
    #[serde(default)]
    pub repeat_minutes: Option<u32>,
    /// Name of the channel that is told of what nobody has acknowledged, and after how long.
    #[serde(default)]
    pub escalate_to: Option<String>,
    /// See `escalate_to`.
    #[serde(default)]
    pub escalate_after_minutes: Option<u32>,
}

impl Webhook {
    fn redact(&mut self) {
        self.secret = self.secret.as_ref().map(|_| REMOVED.to_owned());
        self.url = without_secrets(&self.url);
    }
}

/// `[[notify.slack]]`, `teams`, `discord`, `ntfy`, `alertmanager` and `line`: services
/// that are spoken to over HTTPS. Which of them takes a token is judged by its channel.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Name in logs and metrics.
    pub name: String,
    /// `https://` anywhere allowed, `http://` for loopback only; or `url_file`. LINE
    /// has one of its own.
    #[serde(default)]
    pub url: Option<String>,
    /// File holding the address, where it grants access.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// Access token of ntfy, Alertmanager or LINE; or `token_file`.
    #[serde(default)]
    pub token: Option<String>,
    /// File holding the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// LINE: id of the user, group or room; all friends of the account when absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Language of its sentences.
    #[serde(default)]
    pub language: Language,
    /// Least level sent.
    #[serde(default)]
    pub min_level: Option<String>,
    /// PEM file of the authority that signed the target's certificate.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Only alerts of these types; all when empty.
    #[serde(default)]
    pub types: Vec<String>,
    /// Only alerts of these sources, `*` at the end for all that begin so; all when empty.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Hours that only what is critical disturbs, as `22:00-06:00`.
    #[serde(default)]
    pub quiet: Option<String>,
    /// How often what nobody has acknowledged is told again.
    #[serde(default)]
    pub repeat_minutes: Option<u32>,
    /// Name of the channel that is told of what nobody has acknowledged, and after how long.
    #[serde(default)]
    pub escalate_to: Option<String>,
    /// See `escalate_to`.
    #[serde(default)]
    pub escalate_after_minutes: Option<u32>,
}

impl Service {
    fn redact(&mut self) {
        self.token = self.token.as_ref().map(|_| REMOVED.to_owned());
        self.url = self.url.as_deref().map(without_secrets);
    }
}

/// `[[notify.email]]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Name in logs and metrics.
    pub name: String,
    /// The mail server: `smtps://HOST` (TLS at once), or `smtp://HOST` (STARTTLS, without
    /// which nothing is sent off this host).
    pub smtp: String,
    /// Who it is from: `drones@site.example`, or `Drones <drones@site.example>`.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Name at the mail server, where it asks for one.
    #[serde(default)]
    pub username: Option<String>,
    /// Password there; or `password_file`.
    #[serde(default)]
    pub password: Option<String>,
    /// File holding the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Language of its sentences.
    #[serde(default)]
    pub language: Language,
    /// Least level sent.
    #[serde(default)]
    pub min_level: Option<String>,
    /// PEM file of the authority that signed the server's certificate.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Only alerts of these types; all when empty.
    #[serde(default)]
    pub types: Vec<String>,
    /// Only alerts of these sources, `*` at the end for all that begin so; all when empty.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Hours that only what is critical disturbs, as `22:00-06:00`.
    #[serde(default)]
    pub quiet: Option<String>,
    /// How often what nobody has acknowledged is told again.
    #[serde(default)]
    pub repeat_minutes: Option<u32>,
    /// Name of the channel that is told of what nobody has acknowledged, and after how long.
    #[serde(default)]
    pub escalate_to: Option<String>,
    /// See `escalate_to`.
    #[serde(default)]
    pub escalate_after_minutes: Option<u32>,
}

impl Email {
    fn redact(&mut self) {
        self.password = self.password.as_ref().map(|_| REMOVED.to_owned());
        self.smtp = place_alone(&self.smtp);
        // Whose addresses they are is nobody's business either.
        self.to = vec![REMOVED.to_owned(); self.to.len()];
    }
}

/// Where a URL leads, without what may be secret in it.
pub(crate) fn place(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    Some(match uri.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
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

    #[test]
    fn what_may_be_secret_in_an_address_is_not_shown() {
        let secretive = "https://user:pass@hooks.example:8443/T0K3N?x=1";
        let shown = place(secretive);
        assert_eq!(shown.as_deref(), Some("https://hooks.example:8443"));
        assert_eq!(
            place("http://192.0.2.7/").as_deref(),
            Some("http://192.0.2.7")
        );
        assert_eq!(place("nonsense"), None);
    }
}
