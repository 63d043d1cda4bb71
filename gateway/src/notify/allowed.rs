//! `notify.allow`: where notifications may go.
//!
//! Pure. A gateway must not become a way into the network it stands in: nothing off
//! loopback that the list does not name, by host or by network, or, without a list, that
//! is not the host of the channel's own address. A channel asks twice:
//! for what is configured, and for the address when it connects, so that a name cannot
//! lead elsewhere later.

use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use ipnet::IpNet;

use crate::outbound::Destination;

/// The parsed `notify.allow`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    hosts: Vec<String>,
    networks: Vec<IpNet>,
    /// What everything over HTTP goes by, but for this host.
    proxy: Option<Destination>,
}

impl Allowed {
    /// Parses the list: networks as `192.168.1.0/24`, addresses, host names.
    pub(crate) fn parse(entries: &[String]) -> Result<Allowed, String> {
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

    /// This list for a channel whose own address leads to `host`. Nobody but the owner of
    /// the configuration writes that address, so while the list is empty it is enough;
    /// a list that names anything is meant to be the whole of it.
    pub(crate) fn or_own(self: &Arc<Allowed>, host: &str) -> Arc<Allowed> {
        if !self.hosts.is_empty() || !self.networks.is_empty() {
            return self.clone();
        }
        let mut own = Allowed {
            proxy: self.proxy.clone(),
            ..Allowed::default()
        };
        match host.parse::<IpAddr>() {
            Ok(address) => own.networks.push(address.into()),
            Err(_) => own.hosts.push(host.to_ascii_lowercase()),
        }
        Arc::new(own)
    }

    /// The same list, by way of the proxy at `url`. Names are the proxy's to resolve then:
    /// they are judged as they are written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn through(mut self, url: Option<&str>) -> Result<Allowed, String> {
        let Some(url) = url else { return Ok(self) };
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|error| format!("proxy: {error}"))?;
        let host = uri.host().unwrap_or_default().to_owned();
        let is_plain = uri.scheme_str() == Some("http") && !url.contains('@');
        if host.is_empty() || !is_plain {
            return Err(format!(
                "proxy: {url:?} is none; write it as http://proxy.site.example:3128"
            ));
        }
        self.proxy = Some(Destination { uri, host });
        Ok(self)
    }

    /// The proxy by which a connection to `host` goes, if it goes by one.
    ///
    /// # Errors
    /// The list does not have the host.
    pub(crate) fn proxy_to(&self, host: &str) -> Result<Option<&Uri>, String> {
        let address = host.parse::<IpAddr>();
        let is_here = host.eq_ignore_ascii_case("localhost")
            || address.as_ref().is_ok_and(|address| address.is_loopback());
        let Some(proxy) = self.proxy.as_ref().filter(|_| !is_here) else {
            return Ok(None);
        };
        match self.host(host) || address.is_ok_and(|address| self.address(address)) {
            true => Ok(Some(&proxy.uri)),
            false => Err(format!(
                "{host} is reached by a proxy, which resolves it: name it in notify.allow"
            )),
        }
    }

    /// Whether every address of the host of that name will do.
    pub(crate) fn host(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// Whether a channel may be configured to go to `host`, a name or an address. A name
    /// that is not listed may still lead into a listed network: then its address is judged
    /// when it connects.
    pub(crate) fn may_lead_to(&self, host: &str) -> bool {
        match host.parse() {
            Ok(address) => self.address(address) || self.host(host),
            Err(_) => {
                host.eq_ignore_ascii_case("localhost")
                    || self.host(host)
                    || !self.networks.is_empty()
            }
        }
    }

    /// Whether a connection to `address`, to which the name `host` leads now, will do. A
    /// name that is listed may move, but to other hosts: not to this network's own
    /// services, such as a cloud's that gives out its keys, nor to everybody.
    pub(crate) fn resolved(&self, host: &str, address: IpAddr) -> bool {
        let is_a_host = match address.to_canonical() {
            IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()),
            IpAddr::V6(v6) => !(v6.is_unicast_link_local() || v6.is_multicast()),
        };
        // `http://` is allowed for this name: it must not lead away in clear.
        if host.eq_ignore_ascii_case("localhost") {
            return address.to_canonical().is_loopback();
        }
        let is_proxy = self.proxy.as_ref().is_some_and(|proxy| proxy.host == host);
        let by_name =
            (is_proxy || self.host(host)) && is_a_host && !address.to_canonical().is_unspecified();
        by_name || self.address(address)
    }

    /// Whether a connection to that address will do.
    pub(crate) fn address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback()
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_a_channel_goes_where_its_own_address_leads() {
        let none = Arc::new(Allowed::default());
        assert!(!none.may_lead_to("chat.example"));
        let own = none.or_own("Chat.Example");
        assert!(own.may_lead_to("chat.example") && !own.may_lead_to("other.example"));
        let own = none.or_own("192.0.2.7");
        assert!(own.may_lead_to("192.0.2.7") && !own.may_lead_to("192.0.2.8"));
        let list = Arc::new(Allowed::parse(&["10.0.0.0/8".to_owned()]).expect("parsed"));
        assert_eq!(list.or_own("192.0.2.7"), list);
    }

    #[test]
    fn by_a_proxy_names_are_judged_as_they_are_written() {
        let list = ["chat.example".to_owned(), "10.0.0.0/8".to_owned()];
        let through = |proxy: &str| Allowed::parse(&list).expect("parsed").through(Some(proxy));
        let allowed = through("http://proxy.site.example:3128").expect("a proxy");
        let by = |host: &str| {
            allowed
                .proxy_to(host)
                .map(|uri| uri.map(ToString::to_string))
        };
        let proxy = "http://proxy.site.example:3128/".to_owned();
        assert_eq!(by("chat.example"), Ok(Some(proxy.clone())));
        assert_eq!(by("10.1.2.3"), Ok(Some(proxy)));
        assert_eq!(by("localhost"), Ok(None), "this host needs none");
        // (Directly it could lead into the network that is listed; nobody here sees where.)
        assert!(by("other.example").is_err());
        let at = "192.0.2.1".parse().expect("an address");
        assert!(
            allowed.resolved("proxy.site.example", at),
            "the proxy itself"
        );
        for wrong in ["proxy:3128", "https://proxy", "http://a:b@proxy", "http://"] {
            assert!(through(wrong).is_err(), "{wrong}");
        }
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
        assert!(Allowed::parse(&["10.0.0.0/33".to_owned()]).is_err());
    }
}
