//! Requests that no route answers: paths that do not exist, methods that a path
//! does not have.

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use crate::http::envelope::{ApiError, Outcome};
use crate::http::table::{Endpoint, Table};

/// 404, or the way to the path without its trailing slash.
pub(super) fn not_routed(table: &Table, parts: &Parts) -> Outcome {
    let path = parts.uri.path();
    // Only paths of the table are redirected to: nothing a client can write
    // (`//elsewhere/`) becomes a `Location` of another host.
    match path
        .strip_suffix('/')
        .filter(|shorter| table.exists(shorter))
    {
        Some(shorter) => {
            let query = parts
                .uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            let location = HeaderValue::try_from(format!("{shorter}{query}"));
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(
                header::LOCATION,
                location.map_err(|_| ApiError::not_found("Not Found"))?,
            );
            Ok(response)
        }
        None => Err(ApiError::not_found("Not Found")),
    }
}

/// 405, or the list of methods for a plain `OPTIONS`.
pub(super) fn wrong_method(method: &Method, endpoint: &Endpoint) -> Outcome {
    if method != Method::OPTIONS {
        return Err(ApiError::method_not_allowed(endpoint.allow.clone()));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(header::ALLOW, endpoint.allow.clone());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;

    use super::*;

    fn parts(uri: &str) -> Parts {
        Request::get(uri)
            .body(Body::empty())
            .expect("a request")
            .into_parts()
            .0
    }

    #[test]
    fn a_trailing_slash_leads_to_the_same_host_or_nowhere() {
        let table = crate::table::table();
        let answer = not_routed(table, &parts("/api/alerts/?limit=1")).expect("redirected");
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.headers()[header::LOCATION], "/api/alerts?limit=1");
        for nowhere in ["//evil.example/", "/api/alerts//", "/nowhere/", "/nowhere"] {
            assert_eq!(
                not_routed(table, &parts(nowhere))
                    .expect_err("404")
                    .status(),
                StatusCode::NOT_FOUND,
                "{nowhere}"
            );
        }
    }

    #[test]
    fn a_path_says_which_methods_it_has() {
        let table = crate::table::table();
        let rules = |endpoint: &&Endpoint| endpoint.path == "/api/alerts/rules";
        let endpoint = table.endpoints().iter().find(rules).expect("rules");
        let answer = wrong_method(&Method::OPTIONS, endpoint).expect("told");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()[header::ALLOW], "GET, POST, HEAD, OPTIONS");
        let refused = wrong_method(&Method::DELETE, endpoint).expect_err("no such method");
        let answer = refused.into_response();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()[header::ALLOW], "GET, POST, HEAD, OPTIONS");
        assert!(
            endpoint
                .route(&Method::HEAD)
                .is_some_and(|route| route.verb.name() == "GET")
        );
        assert!(endpoint.route(&Method::DELETE).is_none());
    }
}
