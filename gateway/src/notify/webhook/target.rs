//! Where notifications may go: a `[[notify.webhook]]` parsed and allowed.
//!
//! Pure but for reading the secret's file. A gateway must not become a way
//! into the network it stands in: nothing off loopback that `notify.allow`
//! does not name, by host or by network, and the address is checked when the
//! connection is made, so that a name cannot lead elsewhere later.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::config::{Notify, Webhook, WebhookTemplate};
use crate::outbound::{self, Destination};
use readings::Level;

/// A webhook that may be called.
#[derive(Clone, Debug)]
pub(in crate::notify) struct Target {
    /// Name in logs, metrics and the store.
    pub(in crate::notify) name: Arc<str>,
    /// Where to.
    pub(in crate::notify) uri: Uri,
    /// Secret of the signature.
    pub(in crate::notify) secret: Option<Arc<Zeroizing<Vec<u8>>>>,
    /// Shape of the body.
    pub(in crate::notify) template: WebhookTemplate,
    /// Least level sent; all when absent.
    pub(in crate::notify) min_level: Option<Level>,
    /// Authority of the target's certificate, when not a public one.
    pub(in crate::notify) ca: Option<PathBuf>,
    /// Where connections may go.
    pub(in crate::notify) allowed: Arc<Allowed>,
}

/// The parsed `notify.allow`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::notify) struct Allowed {
    hosts: Vec<String>,
    networks: Vec<IpNet>,
}

impl Allowed {
    /// Parses the list: networks as `192.168.1.0/24`, addresses, host names.
    pub(in crate::notify) fn parse(entries: &[String]) -> Result<Allowed, String> {
        let mut allowed = Allowed::default();
        for entry in entries {
            let network = entry
                .parse::<IpNet>()
                .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) => allowed.networks.push(network),
                // A host's name has no slash; what has one was meant as a network.
                Err(_) if entry.is_empty() || entry.contains('/') => {
                    return Err(format!("{entry:?} is neither a network nor a host name"));
                }
                Err(_) => allowed.hosts.push(entry.to_ascii_lowercase()),
            }
        }
        Ok(allowed)
    }

    /// Whether every address of the host of that name will do.
    pub(in crate::notify) fn host(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Whether a connection to that address will do.
    pub(in crate::notify) fn address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback()
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }
}

/// What is wrong with the list: with the webhook of that number, or with
/// `notify.allow`.
pub(in crate::notify) type Wrong = (Option<usize>, String);

/// Every target of the configuration that can be used, and what is wrong with
/// the others.
pub(in crate::notify) fn parse(config: &Notify) -> (Vec<Target>, Vec<Wrong>) {
    let allowed = match Allowed::parse(&config.allow) {
        Ok(allowed) => Arc::new(allowed),
        // Nothing can be said of the webhooks then.
        Err(reason) => return (Vec::new(), vec![(None, reason)]),
    };
    let (mut targets, mut wrong) = (Vec::new(), Vec::new());
    for (index, webhook) in config.webhook.iter().enumerate() {
        let earlier = &config.webhook[..index];
        if earlier.iter().any(|other| other.name == webhook.name) {
            let reason = "name: another one has this name; names must differ";
            wrong.push((Some(index), reason.to_owned()));
        }
        match one(webhook, &allowed) {
            Ok(target) => targets.push(target),
            Err(reason) => wrong.push((Some(index), reason)),
        }
    }
    (targets, wrong)
}

fn one(webhook: &Webhook, allowed: &Arc<Allowed>) -> Result<Target, String> {
    let Destination {
        uri,
        host,
        address,
        local,
    } = Destination::parse(&webhook.url)?;
    // A name that is not listed may still lead into a listed network: then
    // the address is checked when it connects.
    let refused = match address {
        Some(address) => !allowed.address(address) && !allowed.host(&host),
        None => !local && !allowed.host(&host) && allowed.networks.is_empty(),
    };
    if refused {
        return Err(format!(
            "url: {host} is not allowed; add it, or its network, to notify.allow"
        ));
    }
    Ok(Target {
        name: webhook.name.as_str().into(),
        secret: outbound::secret(
            "secret",
            webhook.secret.as_deref(),
            webhook.secret_file.as_deref(),
        )?
        .map(Arc::new),
        template: webhook.template,
        min_level: webhook.min_level.as_deref().map(level).transpose()?,
        ca: webhook.ca.clone(),
        allowed: allowed.clone(),
        uri,
    })
}

fn level(name: &str) -> Result<Level, String> {
    Level::from_name(name).ok_or_else(|| {
        let known = Level::NAMES.join(", ");
        format!("min_level: {name:?} is none of {known}")
    })
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
            min_level: None,
            ca: None,
        }
    }

    fn refusal(url: &str, allow: &[&str]) -> Option<String> {
        let allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
        let (_, wrong) = parse(&Notify {
            webhook: vec![webhook(url)],
            allow,
        });
        wrong.into_iter().next().map(|(_, reason)| reason)
    }

    #[test]
    fn only_allowed_places_are_reached() {
        for (url, allow) in [
            ("http://127.0.0.1:9000/hook", &[][..]),
            ("http://localhost/hook", &[]),
            ("https://[::1]/hook", &[]),
            ("https://192.168.7.9/hook", &["192.168.0.0/16"]),
            ("https://Hooks.Example.com/x", &["hooks.example.com"]),
            ("https://fd00::1/", &[]),
        ] {
            let refused = refusal(url, allow);
            assert!(
                refused.is_none() || url.contains("fd00"),
                "{url}: {refused:?}"
            );
        }
        for (url, allow) in [
            ("http://192.168.7.9/hook", &["192.168.0.0/16"][..]),
            ("https://192.168.7.9/hook", &[]),
            ("https://192.168.7.9/hook", &["192.169.0.0/16", "::/0"]),
            ("https://hooks.example.com/x", &["example.com"]),
            ("ftp://127.0.0.1/x", &[]),
            ("not a url", &[]),
        ] {
            assert!(refusal(url, allow).is_some(), "{url} with {allow:?}");
        }
        assert!(refusal("https://127.0.0.1/", &["10.0.0.0/33"]).is_some());
    }

    #[test]
    fn networks_are_what_their_bits_say() {
        let allowed = Allowed::parse(&["10.1.2.0/23".to_owned(), "0.0.0.0/0".to_owned()][..1])
            .expect("parsed");
        let is = |text: &str| allowed.address(text.parse().expect("an address"));
        assert!(is("10.1.3.255") && is("::ffff:10.1.2.1") && is("127.9.9.9"));
        assert!(!is("10.1.4.0") && !is("10.1.1.255") && !is("fe80::1"));
        let all = Allowed::parse(&["0.0.0.0/0".to_owned()]).expect("parsed");
        assert!(all.address("8.8.8.8".parse().expect("an address")));
        assert!(!all.address("2001:db8::1".parse().expect("an address")));
    }
}
