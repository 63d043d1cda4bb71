//! Pages and their files (contract 17), embedded in the binary.
//!
//! Served under the one strict policy: no inline script or style, nothing from
//! another host. How they are kept and sent is [`super::assets`]' matter.

use http::HeaderMap;

use crate::http::call::Call;
use crate::http::document::{DOCUMENT, SOCKETS};
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::{HTML, get};
use crate::routes::assets::{self, Keep};
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
    get(
        "/asyncapi.json",
        Policy::Open,
        sockets,
        Gives::Media(&["application/json"]),
    )
    .about(
        "documents",
        "Get the description of the WebSockets: each message, and when it comes",
    ),
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
    get("/trust", Policy::Open, trust, HTML).about(
        "pages",
        "Explain a browser's warning, and how to trust this gateway",
    ),
    get("/static/{file}", Policy::Open, file, ANY)
        .about("pages", "Get a file that a page needs")
        .takes(FILE),
    get("/static/{version}/{file}", Policy::Open, versioned, ANY)
        .about("pages", "Get a file of one version, which never changes")
        .takes(VERSIONED),
    get(
        "/static/{version}/{folder}/{file}",
        Policy::Open,
        versioned,
        ANY,
    )
    .about("pages", "Get a file of one version in a folder")
    .takes(NESTED),
    get("/sw.js", Policy::Open, worker, SCRIPT).about(
        "pages",
        "Get the script that keeps the dashboard for when the gateway is away",
    ),
    get(
        "/styles.css",
        Policy::Open,
        styles,
        Gives::Media(&["text/css"]),
    )
    .about("pages", "Get the style sheet of the dashboard"),
    get("/dashboard.js", Policy::Open, script, SCRIPT)
        .about("pages", "Get the script of the dashboard"),
];

const ANY: Gives = Gives::Media(&["application/octet-stream"]);
const SCRIPT: Gives = Gives::Media(&["text/javascript"]);

const NAME: Param = Param::required(Location::Path, "file", Kind::Text, "Name of the file");
const VERSION: Param = Param::required(
    Location::Path,
    "version",
    Kind::Text,
    "Version of the pages, as they name it themselves",
);
const FOLDER: Param = Param::required(Location::Path, "folder", Kind::Text, "Folder of the file");

/// Parameters of `/static/{file}`.
const FILE: &[Param] = &[NAME];
/// Parameters of `/static/{version}/{file}`.
const VERSIONED: &[Param] = &[VERSION, NAME];
/// Parameters of `/static/{version}/{folder}/{file}`.
const NESTED: &[Param] = &[VERSION, FOLDER, NAME];

/// `GET /openapi.json`
fn document(call: &mut Call) -> Outcome {
    DOCUMENT.answer(&call.parts.headers, respond::JSON.clone())
}

/// `GET /asyncapi.json`
fn sockets(call: &mut Call) -> Outcome {
    SOCKETS.answer(&call.parts.headers, respond::JSON.clone())
}

/// `GET /dashboard` and `GET /ui`
fn dashboard(call: &mut Call) -> Outcome {
    page(&call.parts.headers)
}

/// The page, also for a browser that asks for `/`.
pub(super) fn page(headers: &HeaderMap) -> Outcome {
    assets::serve(headers, "index.html", Keep::Asking)
}

/// `GET /docs` and `GET /redoc`
fn docs(call: &mut Call) -> Outcome {
    assets::serve(&call.parts.headers, "docs.html", Keep::Asking)
}

/// `GET /trust`
fn trust(call: &mut Call) -> Outcome {
    assets::serve(&call.parts.headers, "trust.html", Keep::Asking)
}

/// `GET /styles.css`
fn styles(call: &mut Call) -> Outcome {
    assets::serve(&call.parts.headers, "styles.css", Keep::Asking)
}

/// `GET /dashboard.js`
fn script(call: &mut Call) -> Outcome {
    assets::serve(&call.parts.headers, "app/dashboard.js", Keep::Asking)
}

/// `GET /sw.js`: at the root, because it may serve only what is below it.
fn worker(call: &mut Call) -> Outcome {
    assets::serve(&call.parts.headers, "sw.js", Keep::Asking)
}

/// `GET /static/{file}`
fn file(call: &mut Call) -> Outcome {
    assets::serve(&call.parts.headers, &call.param, Keep::Asking)
}

/// `GET /static/{version}/{file}` and `GET /static/{version}/{folder}/{file}`
///
/// A page of another version gets nothing: modules of two versions are not to meet.
fn versioned(call: &mut Call) -> Outcome {
    let path = call.parts.uri.path();
    let name = path
        .strip_prefix("/static/")
        .and_then(|path| path.strip_prefix(assets::VERSION)?.strip_prefix('/'))
        .ok_or_else(|| ApiError::not_found("Not Found"))?;
    assets::serve(&call.parts.headers, name, Keep::ForEver)
}
