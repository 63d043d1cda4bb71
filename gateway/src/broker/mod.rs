//! The MQTT broker of the site: where it is, how it is spoken to.
//!
//! Knows connections and messages, and nothing of what they say. One message can be sent
//! by itself and waited for (`once`), or a connection kept with a last will (`session`).
//! MQTT 5 by a client library behind the types of this room; nothing outside names it.

mod once;
mod session;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use rumqttc::mqttbytes::v5::{LastWill, PublishProperties};
use rumqttc::{MqttOptions, PublishOptions, QoS, TlsConfiguration, Transport};
use zeroize::Zeroizing;

use crate::config::Mqtt;
use crate::outbound;

pub(crate) use session::{Session, SessionEvent};

/// Port of `mqtts://` where none is written.
const TLS_PORT: u16 = 8883;
/// Port of `mqtt://`.
const CLEAR_PORT: u16 = 1883;

/// How often a silent connection is tried. A gateway without power is told by its last
/// will after one and a half times that.
const KEEP_ALIVE_S: u16 = 20;

/// Longest packet that is taken from a broker: a command is a few hundred bytes.
const MAX_INCOMING_BYTES: u32 = 16 << 10;

/// Time for a connection, with TLS.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Most levels and characters of a topic: far below what any broker refuses.
const MAX_TOPIC_BYTES: usize = 200;

/// A broker that can be connected to.
#[derive(Clone)]
pub(crate) struct Broker {
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
    login: Option<Login>,
    /// What topics begin with, and the name of this gateway there.
    base: String,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How reliable a message is, whether it stays with the broker, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// At least once; else at most once.
    pub(crate) acknowledged: bool,
    /// Whether the broker keeps the last one for whoever comes later.
    pub(crate) retained: bool,
    /// Seconds after which nobody is to hear it any more.
    pub(crate) expires_s: Option<u32>,
}

/// A message to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) class: Class,
}

impl Message {
    fn options(&self) -> PublishOptions {
        let qos = match self.class.acknowledged {
            true => QoS::AtLeastOnce,
            false => QoS::AtMostOnce,
        };
        let is_json = self.payload.first() == Some(&b'{');
        PublishOptions::new(qos)
            .retain(self.class.retained)
            .properties(PublishProperties {
                payload_format_indicator: Some(1),
                message_expiry_interval: self.class.expires_s,
                content_type: is_json.then(|| "application/json".to_owned()),
                ..PublishProperties::default()
            })
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// It may be taken later.
    #[error("{0}")]
    Later(String),
    /// The broker will never take it.
    #[error("{0}")]
    Never(String),
}

impl Broker {
    /// The broker of `[mqtt]`; none where there is no `url`. `gateway` is its name.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn parse(config: &Mqtt, gateway: &str) -> Result<Option<Broker>, String> {
        let Some(url) = &config.url else {
            return Ok(None);
        };
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|error| format!("url: {error}"))?;
        let host = uri
            .host()
            .ok_or("url: it names no host, as mqtts://broker.example does")?;
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(
                "url: set username and password_file instead of writing them here".to_owned(),
            );
        }
        let (tls, port) = match uri.scheme_str() {
            Some("mqtts") => (Some(Arc::new(tls(config)?)), TLS_PORT),
            Some("mqtt") if config.ca.is_some() || config.cert.is_some() => {
                return Err("url: certificates are for mqtts://".to_owned());
            }
            Some("mqtt") => (None, CLEAR_PORT),
            _ => return Err("url: it must begin with mqtts:// or mqtt://".to_owned()),
        };
        Ok(Some(Broker {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: uri.port_u16().unwrap_or(port),
            tls,
            login: login(config)?,
            base: base(config, gateway)?,
        }))
    }

    /// What topics of this gateway begin with.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The settings of a connection. `role` tells the connections of one gateway apart: a
    /// broker ends the older of two with one name.
    fn options(&self, role: &str, will: Option<&Message>) -> MqttOptions {
        let id = format!("{}-{role}", self.base.replace('/', "-"));
        let mut options = MqttOptions::new(id, (self.host.clone(), self.port));
        options.set_keep_alive(KEEP_ALIVE_S);
        options.set_connect_timeout(CONNECT_WITHIN);
        // Nothing waits at the broker for a gateway that is away: a command least of all.
        options.set_clean_start(true);
        options.set_max_packet_size(Some(MAX_INCOMING_BYTES));
        if let Some(tls) = &self.tls {
            let tls = TlsConfiguration::Rustls(tls.clone());
            options.set_transport(Transport::tls_with_config(tls));
        }
        if let Some((name, password)) = &self.login {
            options.set_credentials(name.clone(), Bytes::copy_from_slice(password));
        }
        if let Some(will) = will {
            let qos = QoS::AtLeastOnce;
            let payload = will.payload.clone();
            options.set_last_will(LastWill::new(
                will.topic.clone(),
                payload,
                qos,
                will.class.retained,
                None,
            ));
        }
        options
    }
}

/// TLS as everywhere, with the gateway's own certificate where the broker asks for one.
fn tls(config: &Mqtt) -> Result<rustls::ClientConfig, String> {
    let identity = match (&config.cert, &config.key) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some((cert, key)),
        (Some(_), None) => return Err("cert: set key as well".to_owned()),
        (None, Some(_)) => return Err("key: set cert as well".to_owned()),
    };
    let identity = identity.map(|(cert, key): (_, _)| (cert.as_path(), key.as_path()));
    outbound::tls_as(config.ca.as_deref(), identity)
}

/// Name and password.
type Login = (String, Zeroizing<Vec<u8>>);

fn login(config: &Mqtt) -> Result<Option<Login>, String> {
    let read = |path: &Path| outbound::secret("password", None, Some(path));
    let password = config.password_file.as_deref().map(read).transpose()?;
    match (&config.username, password.flatten()) {
        (None, None) => Ok(None),
        (Some(name), password) => Ok(Some((name.clone(), password.unwrap_or_default()))),
        (None, Some(_)) => Err("password_file: set username as well".to_owned()),
    }
}

/// What topics begin with. A name may hold what topics give a meaning to.
fn base(config: &Mqtt, gateway: &str) -> Result<String, String> {
    let base = match &config.topic {
        Some(topic) => topic.trim_matches('/').to_owned(),
        None => format!("mfg-drone/{}", level(gateway)),
    };
    let is_wild = base
        .chars()
        .any(|one| "+#$".contains(one) || one.is_control());
    match base.is_empty() || is_wild || base.len() > MAX_TOPIC_BYTES {
        true => Err(format!(
            "topic: {base:?} is none; write levels with / between them, without + # $"
        )),
        false => Ok(base),
    }
}

/// `name` as one level of a topic.
pub(crate) fn level(name: &str) -> String {
    let fits = |one: char| one.is_alphanumeric() || "-_.".contains(one);
    let level: String = name
        .trim()
        .chars()
        .map(|one| if fits(one) { one } else { '-' })
        .collect();
    match level.is_empty() {
        true => "gateway".to_owned(),
        false => level,
    }
}

#[cfg(test)]
mod tests;
