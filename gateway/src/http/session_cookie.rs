//! The cookie of a signed-in browser: how it is named, read, set and taken back.
//!
//! `__Host-` has the browser refuse it for any other host, path or plain connection;
//! `HttpOnly` keeps it from scripts, `SameSite=Strict` from requests that pages of
//! other sites make. Whether it is good is decided in `access`.

use http::header::{COOKIE, HeaderMap, HeaderValue};

use access::SESSION_TTL;

/// Its name.
pub(crate) const NAME: &str = "__Host-mfg_session";
const ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Strict; Path=/";

/// The cookie that a request shows.
pub(crate) fn of(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(COOKIE).iter().find_map(|line| {
        let mut pairs = line.to_str().ok()?.split(';');
        pairs.find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
    })
}

/// `Set-Cookie` that signs in. It outlives the browser's own end: phones close pages
/// as they like.
pub(crate) fn set(cookie: &str) -> Option<HeaderValue> {
    let age = SESSION_TTL.as_secs();
    let mut value =
        HeaderValue::try_from(format!("{NAME}={cookie}; Max-Age={age}; {ATTRIBUTES}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Set-Cookie` that forgets it.
pub(crate) fn clear() -> HeaderValue {
    const CLEAR: &str = "__Host-mfg_session=; Max-Age=0; HttpOnly; Secure; SameSite=Strict; Path=/";
    HeaderValue::from_static(CLEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others_and_nothing_else_is_taken_for_it() {
        let found = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_static(line));
            }
            of(&headers).map(str::to_owned)
        };
        assert_eq!(
            found(&["a=b; __Host-mfg_session=s; c=d"]).as_deref(),
            Some("s")
        );
        assert_eq!(
            found(&["a=b", "__Host-mfg_session=s"]).as_deref(),
            Some("s")
        );
        for other in [
            "mfg_session=s",
            "x__Host-mfg_session=s",
            "__Host-mfg_sessions=s",
        ] {
            assert_eq!(found(&[other]), None, "{other}");
        }
    }

    #[test]
    fn no_script_and_no_other_site_gets_it() {
        let value = set("secret").expect("a header");
        let text = value.to_str().expect("text");
        assert!(text.starts_with("__Host-mfg_session=secret; Max-Age=2592000; "));
        let forgotten = clear();
        for value in [text, forgotten.to_str().expect("text")] {
            assert!(
                value.ends_with("HttpOnly; Secure; SameSite=Strict; Path=/"),
                "{value}"
            );
        }
    }
}
