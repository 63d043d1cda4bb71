//! The doors a web page may come through: `Origin`, `Sec-Fetch-Site` and `Host`.
//!
//! A browser sends requests for whichever page is open in it. What acts, and
//! sockets, are for our own pages and the configured origins only; programs send
//! no `Origin` and notice nothing. Where no key is asked for, the name by which the
//! gateway was called must be its own as well: a page whose name was made to lead
//! here (DNS rebinding) is of our origin, and still a stranger's. Where a key is
//! asked for, any name will do: such a page has no key.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Version};

use crate::config::Config;
use crate::http::cors::{self, Origin};
use crate::http::envelope::ApiError;
use crate::http::route::{Policy, Route, Verb};
use https::Via;

/// Judges a request for `route`.
///
/// # Errors
/// 400 without a usable `Host`, 403 for a page of another origin, 421 for a name
/// that is not ours.
pub(crate) fn judge(
    config: &Config,
    route: &Route,
    parts: &Parts,
    via: Via,
) -> Result<(), ApiError> {
    let host = host(parts)?;
    let acts = !matches!(route.verb, Verb::Get) || route.policy == Policy::Socket;
    if acts && is_foreign(config, &parts.headers, host.as_ref(), via) {
        return Err(foreign());
    }
    // The metrics listener asks for no key in any profile.
    let needs_no_key = via == Via::Metrics || !route.policy.asks_for_key(config.access.profile);
    let is_opened = route.policy != Policy::Open && needs_no_key;
    // (Programs of HTTP/1.0 may name no host; no browser leaves it out.)
    if is_opened && host.as_ref().is_some_and(|host| !is_ours(config, host)) {
        return Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "HTTP_421",
            "Not called by a name of this gateway: use an address, its host name, or a name in tls.names",
        ));
    }
    Ok(())
}

/// Judges a request that a cookie alone vouches for. The browser sends it with
/// whatever asks, reading included: so only our own pages, and those of origins in the
/// configuration, may be what asks.
///
/// # Errors
/// 403 for anything else that a browser says of itself.
pub(crate) fn judge_cookie(config: &Config, parts: &Parts, via: Via) -> Result<(), ApiError> {
    let host = host(parts)?;
    let headers = &parts.headers;
    let mut origins = headers.get_all(ORIGIN).iter();
    let is_known = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => {
            let configured = &config.server.cors_origins;
            configured
                .iter()
                .any(|known| known.as_bytes() == origin.as_bytes())
                || host.is_some_and(|host| is_own(headers, &host, via))
        }
        _ => false,
    };
    let sites = headers.get_all("sec-fetch-site").iter();
    let is_ours = |site: &http::HeaderValue| site == "same-origin" || site == "none";
    let is_configured = is_known && headers.contains_key(ORIGIN);
    match is_known && (is_configured || sites.into_iter().all(is_ours)) {
        true => Ok(()),
        false => Err(foreign()),
    }
}

fn foreign() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "HTTP_403",
        "Origin not allowed; add it to server.cors_origins if the page is yours",
    )
}

/// The name and port that were asked for. Only HTTP/1.0 may leave them out.
pub(crate) fn host(parts: &Parts) -> Result<Option<Authority>, ApiError> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(ApiError::invalid("More than one Host header"));
    }
    // In the request's target it wins (RFC 9112, 3.2.2); HTTP/2 has it there.
    if let Some(authority) = parts.uri.authority() {
        return Ok(Some(authority.clone()));
    }
    match first {
        Some(host) => Authority::try_from(host.as_bytes())
            .map(Some)
            .map_err(|_| ApiError::invalid("Host header is not a name or address")),
        None if parts.version < Version::HTTP_11 => Ok(None),
        None => Err(ApiError::invalid("Host header missing")),
    }
}

/// Whether a browser says that a page of another origin asks.
fn is_foreign(config: &Config, headers: &HeaderMap, host: Option<&Authority>, via: Via) -> bool {
    match cors::origin(config, headers) {
        Origin::Allowed(_) => headers.get_all(ORIGIN).iter().count() > 1,
        Origin::Other => !host.is_some_and(|host| is_own(headers, host, via)),
        Origin::None => headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "cross-site"),
    }
}

/// Whether the one `Origin` is of a page of ours: the same scheme, name and port.
fn is_own(headers: &HeaderMap, host: &Authority, via: Via) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return false;
    };
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|text| text.split_once("://"))
    else {
        return false;
    };
    let default_port = match scheme {
        "https" => 443,
        // Before the plain listener, on loopback, there may be a proxy.
        "http" if via != Via::Https => 80,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    authority.parse().is_ok_and(|origin: Authority| {
        origin.host().eq_ignore_ascii_case(host.host()) && port(&origin) == port(host)
    })
}

/// Whether the gateway may be called by this name. An address is no name that
/// could be made to lead here.
fn is_ours(config: &Config, host: &Authority) -> bool {
    let name = host.host().trim_end_matches('.').to_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<IpAddr>().is_ok() || name == "localhost" {
        return true;
    }
    let node = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let label = node.split('.').next().unwrap_or_default();
    let is_node = !label.is_empty()
        && (name == node || name == label || name.strip_suffix(".local") == Some(label));
    is_node
        || config
            .tls
            .names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;

    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .body(Body::empty())
            .expect("a request")
            .into_parts()
            .0
    }

    fn foreign(headers: &[(&str, &str)]) -> bool {
        let parts = parts(headers);
        let host = host(&parts).expect("a host");
        is_foreign(
            &Config::default(),
            &parts.headers,
            host.as_ref(),
            Via::Https,
        )
    }

    #[test]
    fn our_own_origin_has_several_spellings() {
        for (origin, host) in [
            ("https://gw", "gw:443"),
            ("https://gw:443", "gw"),
            ("https://GW:8443", "gw:8443"),
            ("https://[fe80::1]:8443", "[fe80::1]:8443"),
        ] {
            assert!(!foreign(&[("origin", origin), ("host", host)]), "{origin}");
        }
        for (origin, host) in [
            ("https://evil.example", "gw"),
            ("https://gw:8444", "gw:8443"),
            ("http://gw:8443", "gw:8443"),
            ("null", "gw"),
            ("https://gw.evil.example", "gw"),
        ] {
            assert!(foreign(&[("origin", origin), ("host", host)]), "{origin}");
        }
    }

    #[test]
    fn what_a_browser_says_counts_and_programs_say_nothing() {
        let host = ("host", "gw");
        assert!(!foreign(&[host]));
        assert!(!foreign(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[host, ("sec-fetch-site", "cross-site")]));
        let listed = ("origin", "http://localhost:3000");
        assert!(!foreign(&[host, listed, ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[host, listed, ("origin", "https://evil.example")]));
    }

    #[test]
    fn one_host_is_needed() {
        assert!(host(&parts(&[])).is_err());
        assert!(host(&parts(&[("host", "a"), ("host", "a")])).is_err());
        assert!(host(&parts(&[("host", "a b")])).is_err());
        assert!(host(&parts(&[("host", "a:1")])).is_ok());
    }

    #[test]
    fn names_that_others_made_are_not_ours() {
        let mut config = Config::default();
        config.tls.names.push("Gateway.Site.Example".to_owned());
        let ours = |name: &str| is_ours(&config, &name.parse().expect("an authority"));
        for name in [
            "localhost:8000",
            "127.0.0.1",
            "[::1]:8443",
            "192.0.2.7:8443",
            "gateway.site.example.",
        ] {
            assert!(ours(name), "{name}");
        }
        for name in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert!(!ours(name), "{name}");
        }
    }
}
