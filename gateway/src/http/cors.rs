//! Cross-origin rules (contract 1.10): which pages of other origins may call.
//!
//! The dashboard is same-origin and needs none of this; it exists for the
//! documented front ends on the same host and for origins in the configuration.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::config::Config;
use crate::http::envelope::ApiError;

/// Documented origins.
const ORIGINS: [&str; 6] = [
    "http://localhost:3000",
    "http://localhost:8080",
    "https://localhost:3000",
    "https://localhost:8080",
    "http://localhost:8000",
    "https://localhost:8000",
];

/// Where a request comes from, as far as the browser says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Not a browser, or the same origin on a simple request.
    None,
    /// Allowed; the value is echoed.
    Allowed(HeaderValue),
    /// Not allowed.
    Other,
}

/// Judges the `Origin` header.
pub(crate) fn origin(config: &Config, headers: &HeaderMap) -> Origin {
    match headers.get(header::ORIGIN) {
        None => Origin::None,
        Some(value) if is_listed(config, value.as_bytes()) => Origin::Allowed(value.clone()),
        Some(_) => Origin::Other,
    }
}

fn is_listed(config: &Config, origin: &[u8]) -> bool {
    ORIGINS.iter().any(|known| known.as_bytes() == origin)
        || config
            .server
            .cors_origins
            .iter()
            .any(|known| known.as_bytes() == origin)
}

/// Adds the headers of a simple response.
pub(crate) fn decorate(headers: &mut HeaderMap, origin: &Origin) {
    if let Origin::Allowed(value) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value.clone());
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("X-API-Key"),
        );
    }
}

/// Answers `OPTIONS` with an `Origin`, whatever the path; none for others.
pub(crate) fn preflight(
    method: &Method,
    headers: &HeaderMap,
    origin: &Origin,
) -> Option<Result<Response, ApiError>> {
    if method != Method::OPTIONS || *origin == Origin::None {
        return None;
    }
    if !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        // Not a preflight, but a browser asked: harmless, and TEST reads the
        // allow-origin header from it.
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Some(Ok(response));
    }
    if *origin == Origin::Other {
        return Some(Err(ApiError::invalid("Disallowed CORS origin")));
    }
    let mut response = Response::new(Body::empty());
    let answer = response.headers_mut();
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS"),
    );
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    answer.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
    Some(Ok(response))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| {
                (
                    http::HeaderName::from_static(n),
                    HeaderValue::from_static(v),
                )
            })
            .collect()
    }

    #[test]
    fn only_listed_origins_are_echoed() {
        let mut config = Config::default();
        config
            .server
            .cors_origins
            .push("https://ops.example".to_owned());
        for allowed in ["http://localhost:3000", "https://ops.example"] {
            let mut given = HeaderMap::new();
            given.insert(header::ORIGIN, HeaderValue::from_static(allowed));
            assert_eq!(
                origin(&config, &given),
                Origin::Allowed(HeaderValue::from_static(allowed))
            );
        }
        for other in [
            "http://localhost:3001",
            "http://localhost:3000.evil.example",
            "null",
            "HTTP://LOCALHOST:3000",
        ] {
            let mut given = HeaderMap::new();
            given.insert(header::ORIGIN, HeaderValue::from_static(other));
            assert_eq!(origin(&config, &given), Origin::Other, "{other}");
        }
    }

    #[test]
    fn preflights_are_answered_for_known_origins_only() {
        let config = Config::default();
        let asked = headers(&[
            ("origin", "http://localhost:3000"),
            ("access-control-request-method", "DELETE"),
            ("access-control-request-headers", "x-api-key"),
        ]);
        let known = origin(&config, &asked);
        let answer = preflight(&Method::OPTIONS, &asked, &known)
            .expect("a preflight")
            .expect("allowed");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS],
            "x-api-key"
        );
        assert!(
            preflight(&Method::OPTIONS, &asked, &Origin::Other)
                .expect("a preflight")
                .is_err()
        );
        assert!(preflight(&Method::GET, &asked, &known).is_none());
        assert!(preflight(&Method::OPTIONS, &HeaderMap::new(), &Origin::None).is_none());
        let plain = headers(&[("origin", "http://localhost:3000")]);
        let answer = preflight(&Method::OPTIONS, &plain, &known)
            .expect("a browser asks")
            .expect("allowed");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    #[test]
    fn only_an_allowed_origin_gets_headers() {
        let mut given = HeaderMap::new();
        for other in [Origin::None, Origin::Other] {
            decorate(&mut given, &other);
            assert!(given.is_empty(), "{other:?}");
        }
        let page = HeaderValue::from_static("https://ops.example");
        decorate(&mut given, &Origin::Allowed(page));
        assert_eq!(
            given[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://ops.example"
        );
        assert_eq!(given[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(given[header::ACCESS_CONTROL_EXPOSE_HEADERS], "X-API-Key");
    }
}
