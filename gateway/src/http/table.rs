//! A table of routes, and the router made from it.
//!
//! Every fact about a route stands in one row: the gate reads who may call it and
//! how often, the handlers' parameters are checked by the descriptions in it, the
//! OpenAPI document prints it. The rows are the application's (`crate::table`).

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use http::{HeaderValue, Method};

use crate::http::gate;
use crate::http::route::Route;
use crate::http::state::App;
use crate::performance::RouteId;

/// Every path, with its methods.
pub struct Table {
    sections: &'static [&'static [Route]],
    entries: Vec<Entry>,
}

/// One path with its methods.
pub(crate) struct Entry {
    /// Path with `{parameters}`.
    pub(crate) path: &'static str,
    /// Index in the statistics.
    pub(crate) id: RouteId,
    /// Its routes.
    pub(crate) routes: Vec<&'static Route>,
    /// Value of `Allow`.
    pub(crate) allow: HeaderValue,
    /// Whether the path has a parameter.
    pub(crate) has_param: bool,
}

impl Entry {
    /// The route for `method`; `HEAD` is served by `GET`.
    pub(crate) fn route(&self, method: &Method) -> Option<&'static Route> {
        let asked = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.routes
            .iter()
            .copied()
            .find(|route| route.verb.method() == *asked)
    }
}

/// Statistics of requests whose path does not exist.
const UNROUTED: &str = "(unknown)";

impl Table {
    /// The table of these rows, numbered in their order.
    pub(crate) fn new(sections: &'static [&'static [Route]]) -> Table {
        let mut entries: Vec<Entry> = Vec::new();
        for route in sections.iter().copied().flatten() {
            match entries.iter_mut().find(|entry| entry.path == route.path) {
                Some(entry) => entry.routes.push(route),
                None => entries.push(Entry {
                    path: route.path,
                    id: RouteId(entries.len() as u16),
                    routes: vec![route],
                    allow: HeaderValue::from_static(""),
                    has_param: route.path.contains('{'),
                }),
            }
        }
        for entry in &mut entries {
            entry.allow = allow(&entry.routes);
        }
        Table { sections, entries }
    }

    /// Every row.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &'static Route> {
        self.sections.iter().copied().flatten()
    }

    /// Every path.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Path templates in order of their [`RouteId`], for the statistics.
    #[must_use]
    pub fn templates(&self) -> Vec<&'static str> {
        let paths = self.entries.iter().map(|entry| entry.path);
        paths.chain([UNROUTED]).collect()
    }

    /// The [`RouteId`] of requests whose path does not exist.
    pub(crate) fn unrouted(&self) -> RouteId {
        RouteId(self.entries.len() as u16)
    }

    /// Whether some route has this path; parameters match any one segment.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.entries.iter().any(|entry| {
            let (mut known, mut asked) = (entry.path.split('/'), path.split('/'));
            loop {
                match (known.next(), asked.next()) {
                    (None, None) => return true,
                    (Some(k), Some(a)) if k == a || (k.starts_with('{') && !a.is_empty()) => {}
                    _ => return false,
                }
            }
        })
    }

    /// The whole API as a router.
    pub fn router(&'static self, app: &Arc<App>) -> Router {
        let handler = |entry: Option<&'static Entry>| {
            let app = Arc::clone(app);
            move |request: Request| gate::serve(Arc::clone(&app), entry, request)
        };
        let mut router = Router::new();
        for entry in &self.entries {
            router = router.route(entry.path, any(handler(Some(entry))));
        }
        router.fallback(handler(None))
    }
}

fn allow(routes: &[&Route]) -> HeaderValue {
    let mut names: Vec<&str> = routes.iter().map(|route| route.verb.name()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}
