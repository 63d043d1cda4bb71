//! The OpenAPI document that is served: the committed copy `gateway/openapi.json`.

use crate::http::packed::Packed;

/// The committed document, without its white space and compressed (`build.rs`).
pub(crate) static DOCUMENT: Packed = include!(concat!(env!("OUT_DIR"), "/openapi.rs"));

/// The committed description of `/ws`, `gateway/asyncapi.json`, in the same way.
pub(crate) static SOCKETS: Packed = include!(concat!(env!("OUT_DIR"), "/asyncapi.rs"));

/// Version of the API, not of the gateway; asserted by existing test suites.
pub(crate) const API_VERSION: &str = "1.0.0";
