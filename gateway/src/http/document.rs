//! The OpenAPI document that is served: the committed copy `gateway/openapi.json`.

/// The committed document, without its white space (`build.rs`).
pub(crate) static DOCUMENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Version of the API, not of the gateway; asserted by existing test suites.
pub(crate) const API_VERSION: &str = "1.0.0";
