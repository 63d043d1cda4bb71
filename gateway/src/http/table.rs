//! A table of routes: every path, with its methods.
//!
//! Every fact about a route stands in one row: the gate reads who may call it and
//! how often, the handlers' parameters are checked by the descriptions in it, the
//! OpenAPI document prints it. The rows are the application's (`crate::table`).

use http::{HeaderValue, Method};

use crate::http::route::Route;
use crate::performance::RouteId;

/// Every path, with its methods.
pub(crate) struct Table {
    endpoints: Vec<Endpoint>,
}

/// One path with its methods.
pub(crate) struct Endpoint {
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

impl Endpoint {
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
    pub(crate) fn new(rows: impl Iterator<Item = &'static Route>) -> Table {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for route in rows {
            match endpoints
                .iter_mut()
                .find(|endpoint| endpoint.path == route.path)
            {
                Some(endpoint) => endpoint.routes.push(route),
                None => endpoints.push(Endpoint {
                    path: route.path,
                    id: RouteId(endpoints.len() as u16),
                    routes: vec![route],
                    allow: HeaderValue::from_static(""),
                    has_param: route.path.contains('{'),
                }),
            }
        }
        for endpoint in &mut endpoints {
            endpoint.allow = allow(&endpoint.routes);
        }
        Table { endpoints }
    }

    /// Every row.
    #[cfg(test)]
    pub(crate) fn routes(&self) -> impl Iterator<Item = &'static Route> {
        self.endpoints
            .iter()
            .flat_map(|endpoint| endpoint.routes.iter().copied())
    }

    /// Every path.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Path templates in order of their [`RouteId`], for the statistics.
    #[must_use]
    pub(crate) fn templates(&self) -> Vec<&'static str> {
        let paths = self.endpoints.iter().map(|endpoint| endpoint.path);
        paths.chain([UNROUTED]).collect()
    }

    /// The [`RouteId`] of requests whose path does not exist.
    pub(crate) fn unrouted(&self) -> RouteId {
        RouteId(self.endpoints.len() as u16)
    }

    /// Whether some route has this path; parameters match any one segment.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.endpoints.iter().any(|endpoint| {
            let (mut known, mut asked) = (endpoint.path.split('/'), path.split('/'));
            loop {
                match (known.next(), asked.next()) {
                    (None, None) => return true,
                    (Some(k), Some(a)) if k == a || (k.starts_with('{') && !a.is_empty()) => {}
                    _ => return false,
                }
            }
        })
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
