//! Pages and their files (contract 17), embedded in the binary.
//!
//! Served under the one strict policy: no inline script or style, nothing from
//! another host. Entity tags come from the content, so a browser asks once and
//! is answered 304 after that.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::http::call::Call;
use crate::http::document::DOCUMENT;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::{HTML, get};
use access::RateClass;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/openapi.json",
        Policy::Open,
        document,
        Gives::Media(&["application/json"]),
    )
    .about("documents", "Get this API description"),
    get("/docs", Policy::Open, docs, HTML)
        .about("documents", "Show this API description as a page"),
    get("/redoc", Policy::Open, docs, HTML)
        .about("documents", "Show this API description as a page (alias)"),
    get("/dashboard", Policy::Open, dashboard, HTML)
        .class(RateClass::Dashboard)
        .about("pages", "Show the dashboard"),
    get("/ui", Policy::Open, dashboard, HTML)
        .class(RateClass::Ui)
        .about("pages", "Show the dashboard"),
    get(
        "/static/{file}",
        Policy::Open,
        file,
        Gives::Media(&["application/octet-stream"]),
    )
    .about("pages", "Get a file that a page needs")
    .takes(FILE),
    get(
        "/styles.css",
        Policy::Open,
        styles,
        Gives::Media(&["text/css"]),
    )
    .about("pages", "Get the style sheet of the dashboard"),
    get(
        "/dashboard.js",
        Policy::Open,
        script,
        Gives::Media(&["text/javascript"]),
    )
    .about("pages", "Get the script of the dashboard"),
];

/// Everything under `gateway/web`.
#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// Parameters of `/static/{file}`.
pub(crate) const FILE: &[Param] = &[Param::required(
    Location::Path,
    "file",
    Kind::Text,
    "Name of the file",
)];

/// `GET /openapi.json`
pub(crate) fn document(_: &mut Call) -> Outcome {
    let mut response = respond::json_bytes(Bytes::from_static(DOCUMENT));
    response.extensions_mut().insert(https::NotHeld);
    Ok(response)
}

/// `GET /dashboard` and `GET /ui`
pub(crate) fn dashboard(call: &mut Call) -> Outcome {
    serve(call, "dashboard.html")
}

/// `GET /docs` and `GET /redoc`
pub(crate) fn docs(call: &mut Call) -> Outcome {
    serve(call, "docs.html")
}

/// `GET /styles.css`
pub(crate) fn styles(call: &mut Call) -> Outcome {
    serve(call, "styles.css")
}

/// `GET /dashboard.js`
pub(crate) fn script(call: &mut Call) -> Outcome {
    serve(call, "dashboard.js")
}

/// `GET /static/{file}`
pub(crate) fn file(call: &mut Call) -> Outcome {
    let name = call.param.clone();
    serve(call, &name)
}

fn serve(call: &Call, name: &str) -> Outcome {
    let file = Web::get(name).ok_or_else(|| ApiError::not_found("Not Found"))?;
    let tag = entity_tag(&file);
    let known = call
        .parts
        .headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let (bytes, is_held) = match file.data {
            std::borrow::Cow::Borrowed(bytes) => (Bytes::from_static(bytes), false),
            std::borrow::Cow::Owned(bytes) => (bytes.into(), true),
        };
        let mut response = respond::typed(HeaderValue::from_static(media_type(name)), bytes);
        if !is_held {
            response.extensions_mut().insert(https::NotHeld);
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(
        header::ETAG,
        HeaderValue::try_from(tag).map_err(|_| ApiError::internal())?,
    );
    // Ask each time, so that an update of the gateway is seen at once.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Half of the content's SHA-256 is enough to tell versions apart.
fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    format!("\"{}\"", data_encoding::HEXLOWER.encode(&hash[..16]))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_there_and_nothing_of_it_comes_from_elsewhere() {
        for name in [
            "dashboard.html",
            "docs.html",
            "styles.css",
            "dashboard.js",
            "video.js",
            "docs.js",
        ] {
            assert!(Web::get(name).is_some(), "{name} is not embedded");
        }
        for name in Web::iter() {
            let file = Web::get(&name).expect("it was listed");
            // The namespace of SVG is a name, not an address.
            let text =
                String::from_utf8_lossy(&file.data).replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("https://") && !text.contains("http://"),
                "{name} refers to another host"
            );
            if name.ends_with(".html") {
                assert!(
                    !text.contains("<style")
                        && !text.contains(" style=")
                        && !text.contains(" onclick"),
                    "{name}"
                );
                assert!(!text.contains("<script>"), "{name} has an inline script");
            }
        }
    }

    #[test]
    fn the_dashboard_has_what_existing_suites_look_for() {
        let file = Web::get("dashboard.html").expect("embedded");
        let text = String::from_utf8_lossy(&file.data);
        for marker in [
            "MFG Drone Control Dashboard",
            "dashboard-container",
            "System Overview",
            "Drone Control",
            "dashboard.js",
            "<!DOCTYPE html>",
            "<html",
            "<head>",
            "<body>",
            "<title>",
            "lang=",
            "viewport",
            "responsive",
        ] {
            assert!(text.contains(marker), "{marker}");
        }
    }
}
