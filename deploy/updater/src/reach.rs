//! Whether people can reach the board: what of the site's network is there.
//!
//! Taken together over all of the site's interfaces: another kernel may name them
//! differently. Interfaces of drones do not count, since a drone that is switched off
//! says nothing about an update.

use serde::Deserialize;

/// What there is of the site's network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reach {
    /// A cable with something at its other end, or a Wi-Fi that was joined.
    pub link: bool,
    /// An address that others can use: any of IPv4, and of IPv6 what is not link-local,
    /// which every link gives itself.
    pub address: bool,
    /// Somebody else was heard there. Told, and never judged: who is away today may
    /// be back tomorrow.
    pub neighbour: bool,
}

impl Reach {
    /// Of `ip -json address show` and `ip -json neighbour show`. An output that is not
    /// understood shows nothing.
    #[must_use]
    pub fn seen(addresses: &str, neighbours: &str, is_site: impl Fn(&str) -> bool) -> Reach {
        let interfaces: Vec<Interface> = serde_json::from_str(addresses).unwrap_or_default();
        let neighbours: Vec<Neighbour> = serde_json::from_str(neighbours).unwrap_or_default();
        let mut reach = Reach::default();
        for interface in interfaces.iter().filter(|each| is_site(&each.ifname)) {
            if interface.flags.iter().any(|flag| flag == "LOWER_UP") {
                reach.link = true;
                reach.address |= interface.addr_info.iter().any(Address::is_usable);
            }
        }
        let mut heard = neighbours.iter().filter(|each| each.lladdr.is_some());
        reach.neighbour = heard.any(|each| is_site(&each.dev));
        reach
    }

    /// What was there before and is missing now, if anything.
    #[must_use]
    pub fn lost(before: Reach, now: Reach) -> Option<&'static str> {
        if before.link && !now.link {
            Some("no link on the site's network, which there was before the update")
        } else if before.address && !now.address {
            Some("no address on the site's network, which there was before the update")
        } else {
            None
        }
    }

    /// The words in files and in the log.
    #[must_use]
    pub fn words(self) -> String {
        let word = |there, word: &'static str| if there { word } else { "" };
        let words = [
            word(self.link, "link"),
            word(self.address, "address"),
            word(self.neighbour, "neighbour"),
        ];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }

    /// Reads [`Reach::words`].
    #[must_use]
    pub fn parse(words: &str) -> Reach {
        let has = |wanted| words.split_ascii_whitespace().any(|word| word == wanted);
        Reach {
            link: has("link"),
            address: has("address"),
            neighbour: has("neighbour"),
        }
    }
}

/// Of `ip -json address show`; what is not named here is passed over.
#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    ifname: String,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    family: String,
    #[serde(default)]
    scope: String,
}

impl Address {
    fn is_usable(&self) -> bool {
        self.family == "inet" || (self.family == "inet6" && self.scope != "link")
    }
}

/// Of `ip -json neighbour show`.
#[derive(Deserialize)]
struct Neighbour {
    #[serde(default)]
    dev: String,
    lladdr: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, flags: &str, family: &str, scope: &str) -> String {
        format!(
            r#"{{"ifname":"{name}","flags":["UP",{flags}],"mtu":1500,"addr_info":[{{"family":"{family}","local":"x","scope":"{scope}"}}]}}"#
        )
    }

    fn seen(interfaces: &[String], neighbours: &str) -> Reach {
        let addresses = format!("[{{}},{}]", interfaces.join(","));
        Reach::seen(&addresses, neighbours, |name| name.starts_with('e'))
    }

    #[test]
    fn the_sites_interfaces_are_taken_together() {
        let up = "\"LOWER_UP\"";
        for (interfaces, words) in [
            (
                vec![interface("eth0", up, "inet", "global")],
                "link address",
            ),
            (
                vec![interface("end0", up, "inet6", "global")],
                "link address",
            ),
            (vec![interface("eth0", up, "inet", "link")], "link address"),
            (vec![interface("eth0", up, "inet6", "link")], "link"),
            (
                vec![interface("eth0", "\"NO-CARRIER\"", "inet", "global")],
                "",
            ),
            (vec![interface("wlan0", up, "inet", "global")], ""),
            (
                vec![
                    interface("eth0", "\"NO-CARRIER\"", "inet", "global"),
                    interface("enx1", up, "inet", "global"),
                ],
                "link address",
            ),
        ] {
            assert_eq!(seen(&interfaces, "[]").words(), words, "{interfaces:?}");
        }
    }

    #[test]
    fn a_neighbour_was_heard_on_the_sites_network() {
        let neighbour = |dev: &str, rest: &str| format!(r#"[{{"dst":"x","dev":"{dev}"{rest}}}]"#);
        let heard = r#","lladdr":"y","state":["STALE"]"#;
        assert!(seen(&[], &neighbour("eth0", heard)).neighbour);
        assert!(!seen(&[], &neighbour("eth0", r#","state":["FAILED"]"#)).neighbour);
        assert!(!seen(&[], &neighbour("wlan0", heard)).neighbour);
    }

    #[test]
    fn an_output_that_is_not_understood_shows_nothing() {
        for output in ["", "{}", "[1]", "ip: no such option"] {
            assert_eq!(Reach::seen(output, output, |_| true), Reach::default());
        }
    }

    #[test]
    fn what_was_there_must_come_back_and_nothing_else() {
        let reach = Reach::parse;
        for (before, now, lost) in [
            ("link address neighbour", "link address", None),
            ("link address", "link", Some("no address")),
            ("link address", "", Some("no link")),
            ("link", "link", None),
            ("", "", None),
            ("", "link address neighbour", None),
        ] {
            let found = Reach::lost(reach(before), reach(now));
            assert_eq!(found.is_some(), lost.is_some(), "{before}; {now}");
            assert!(
                found
                    .unwrap_or_default()
                    .starts_with(lost.unwrap_or_default())
            );
            assert_eq!(reach(before).words(), before);
        }
    }
}
