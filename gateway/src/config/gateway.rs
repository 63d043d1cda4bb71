//! `[gateway]`: what this gateway is called, and where people reach its page.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Longest name: it stands in every message, topic and event.
const MAX_NAME_CHARS: usize = 64;

/// `[gateway]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Its name in messages, events and among other gateways; the host's when absent.
    pub name: Option<String>,
    /// Where a browser finds its page, for the links in messages; the host's `.local`
    /// name when absent.
    pub public_url: Option<String>,
}

impl Gateway {
    /// What it is called.
    #[must_use]
    pub fn name_or_host(&self) -> String {
        self.name.clone().unwrap_or_else(host_name)
    }

    /// Where its page is, without a slash at the end. None while it listens to this host
    /// alone and nobody said otherwise: a link would lead nowhere.
    #[must_use]
    pub fn page(&self, listen: SocketAddr) -> Option<String> {
        if let Some(url) = &self.public_url {
            return Some(url.trim_end_matches('/').to_owned());
        }
        let ip = listen.ip();
        match (ip.is_loopback(), ip.is_unspecified()) {
            (true, _) => None,
            (_, true) => Some(format!("https://{}.local:{}", host_name(), listen.port())),
            _ => Some(format!("https://{listen}")),
        }
    }
}

fn host_name() -> String {
    let host = rustix::system::uname();
    host.nodename().to_string_lossy().into_owned()
}

/// What is wrong, with the key.
pub(super) fn problems(gateway: &Gateway) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Some(name) = &gateway.name {
        let is_long = name.chars().count() > MAX_NAME_CHARS;
        if name.trim().is_empty() || is_long || name.chars().any(readings::text::is_misleading) {
            found.push((
                "name",
                format!("{name:?} is no name; write 1 to {MAX_NAME_CHARS} characters on one line"),
            ));
        }
    }
    if let Some(url) = &gateway.public_url {
        let uri = url.parse::<http::Uri>().ok();
        let has_host = uri.is_some_and(|uri| {
            uri.host().is_some()
                && ["https", "http"].contains(&uri.scheme_str().unwrap_or_default())
        });
        if !has_host {
            found.push((
                "public_url",
                format!(
                    "{url:?} is no address of a page; write it as https://gateway.site.example:8443"
                ),
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_where_a_browser_of_the_site_finds_it() {
        let at = |listen: &str| Gateway::default().page(listen.parse().expect("an address"));
        assert_eq!(at("127.0.0.1:8443"), None);
        assert_eq!(at("192.0.2.7:1").as_deref(), Some("https://192.0.2.7:1"));
        let anywhere = at("0.0.0.0:8443").expect("a link");
        assert!(anywhere.ends_with(".local:8443"), "{anywhere}");
        let named = Gateway {
            public_url: Some("https://roof.example/".to_owned()),
            ..Gateway::default()
        };
        let page = named.page("127.0.0.1:1".parse().expect("an address"));
        assert_eq!(page.as_deref(), Some("https://roof.example"));
    }

    #[test]
    fn a_name_fits_a_line_and_an_address_has_a_host() {
        let wrong = |name: &str, url: &str| {
            let keys = problems(&Gateway {
                name: Some(name.to_owned()),
                public_url: Some(url.to_owned()),
            });
            keys.iter().map(|(key, _)| *key).collect::<Vec<_>>()
        };
        assert!(wrong("北棟 1", "https://roof.example:8443/").is_empty());
        assert_eq!(wrong(" ", "roof.example"), ["name", "public_url"]);
        assert_eq!(wrong("a\nb", "ftp://roof.example"), ["name", "public_url"]);
        assert_eq!(wrong("a\u{202E}b", "https://a"), ["name"]);
        assert_eq!(wrong(&"x".repeat(65), "https://a"), ["name"]);
    }
}
