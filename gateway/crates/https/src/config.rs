//! `[tls]`: where certificates come from, and whether clients need one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[tls]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file of the certificate chain; with `key`, replaces the device's own.
    pub cert: Option<PathBuf>,
    /// PEM file of the private key.
    pub key: Option<PathBuf>,
    /// PEM file of authorities whose client certificates are required.
    pub client_ca: Option<PathBuf>,
    /// Host names and addresses added to the device's own certificate.
    pub names: Vec<String>,
}
