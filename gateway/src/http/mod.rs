//! What every route shares: the call, the table of routes, the order of checks,
//! parameters, the error envelope, the OpenAPI document, the cache of answers.
//!
//! `table` names every route once: method, path, who may call it, how often,
//! what it takes, what it answers. The router, the order of checks (`gate`), the
//! statistics and the OpenAPI document all come from that table.

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod client;
pub(crate) mod cors;
pub(crate) mod credentials;
pub(crate) mod csv;
pub(crate) mod document;
pub(crate) mod doors;
pub(crate) mod envelope;
#[cfg(test)]
pub(crate) mod examples;
pub(crate) mod gate;
pub(crate) mod inputs;
pub(crate) mod latency;
pub(crate) mod lenient;
#[cfg(test)]
pub(crate) mod openapi;
pub(crate) mod packed;
pub(crate) mod params;
pub(crate) mod refusals;
pub(crate) mod respond;
pub(crate) mod response_cache;
pub(crate) mod revocation;
pub(crate) mod route;
pub(crate) mod router;
pub(crate) mod rows;
pub(crate) mod scalars;
pub(crate) mod session_cookie;
pub(crate) mod shape;
pub(crate) mod squeezed;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod unrouted;

pub(crate) use response_cache::ResponseCache;
pub(crate) use router::router;
pub(crate) use state::{App, Edge};
