//! Whose request it is: the address limits and lock-outs count against.
//!
//! The peer's address, unless the peer is a trusted proxy: then the right-most
//! entry of `X-Forwarded-For` that is not itself a trusted proxy. Entries
//! further left were written by the client and must never be believed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use http::HeaderMap;

/// The client's address.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !trusts(trusted, client) {
        return client;
    }
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        let Ok(line) = line.to_str() else {
            warn_unreadable(client, "a line that is no text");
            return client;
        };
        for entry in line.rsplit(',') {
            // What is not an address was not written by a proxy as it should: stop there.
            let Some(hop) = hop(entry) else {
                warn_unreadable(client, entry);
                return client;
            };
            client = hop.to_canonical();
            if !trusts(trusted, client) {
                return client;
            }
        }
    }
    client
}

/// The address of an entry: bare, in brackets, with a port, or in quotes.
fn hop(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim().trim_matches('"');
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
    bare.parse().ok().or_else(with_port)
}

/// Says once that a proxy's header cannot be read: until that is mended, everybody
/// behind the proxy is one client. Only the proxy writes this entry, and only its
/// beginning is shown.
fn warn_unreadable(proxy: IpAddr, entry: &str) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        let entry: String = entry.chars().take(64).collect();
        tracing::warn!(
            %proxy,
            ?entry,
            "X-Forwarded-For of a trusted proxy is unreadable, so all its clients count as one; \
             let the proxy write the client's address, e.g. \"192.0.2.7\""
        );
    });
}

fn trusts(trusted: &[IpAddr], address: IpAddr) -> bool {
    trusted.iter().any(|proxy| proxy.to_canonical() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(line));
        }
        headers
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_header_from_an_untrusted_peer_is_ignored() {
        let headers = forwarded(&["1.2.3.4"]);
        assert_eq!(address(ip("10.0.0.9"), &headers, &[]), ip("10.0.0.9"));
        assert_eq!(
            address(ip("10.0.0.9"), &headers, &[ip("10.0.0.1")]),
            ip("10.0.0.9")
        );
    }

    #[test]
    fn the_right_most_untrusted_entry_counts() {
        let trusted = [ip("127.0.0.1"), ip("10.0.0.1")];
        let headers = forwarded(&["6.6.6.6, 1.2.3.4", "9.9.9.9, 10.0.0.1"]);
        assert_eq!(address(ip("127.0.0.1"), &headers, &trusted), ip("9.9.9.9"));
        assert_eq!(
            address(ip("::ffff:127.0.0.1"), &headers, &trusted),
            ip("9.9.9.9")
        );
    }

    #[test]
    fn ports_brackets_and_quotes_are_read() {
        let trusted = [ip("127.0.0.1")];
        for (entry, client) in [
            ("192.0.2.7:40000", "192.0.2.7"),
            ("[2001:db8::7]:40000", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("\"[2001:db8::7]:443\"", "2001:db8::7"),
            ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ] {
            let headers = forwarded(&[entry]);
            assert_eq!(
                address(ip("127.0.0.1"), &headers, &trusted),
                ip(client),
                "{entry}"
            );
        }
    }

    #[test]
    fn rubbish_ends_the_search_at_the_last_known_hop() {
        let trusted = [ip("127.0.0.1")];
        assert_eq!(
            address(ip("127.0.0.1"), &forwarded(&["1.2.3.4, what?"]), &trusted),
            ip("127.0.0.1")
        );
        assert_eq!(
            address(ip("127.0.0.1"), &forwarded(&[]), &trusted),
            ip("127.0.0.1")
        );
    }
}
