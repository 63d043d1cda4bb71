//! What somebody needs before they trust the gateway: fingerprints to compare, and
//! the device's authority in the form that each platform installs.
//!
//! Open to everybody, in every profile: nothing here is secret, and who cannot trust
//! the certificate yet can send no key. What comes over a connection that is not
//! trusted yet proves nothing by itself: the fingerprint must be compared with what
//! the board's own screen or its log says.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::get;
use crate::http::scalars::Ts;
use crate::http::shape::of;
use https::Authority;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/trust",
        Policy::Open,
        facts,
        Gives::Json(of::<Trust>()),
    )
    .about(
        "trust",
        "Get the fingerprints to compare before the certificate is trusted",
    ),
    get(
        "/trust/authority.pem",
        Policy::Open,
        pem,
        Gives::Media(&["application/x-pem-file"]),
    )
    .about("trust", "Get the device's authority, for most programs")
    .also(&["404"]),
    get(
        "/trust/authority.crt",
        Policy::Open,
        crt,
        Gives::Media(&["application/x-x509-ca-cert"]),
    )
    .about(
        "trust",
        "Get the device's authority, for Android and Windows",
    )
    .also(&["404"]),
    get(
        "/trust/authority.mobileconfig",
        Policy::Open,
        profile,
        Gives::Media(&["application/x-apple-aspen-config"]),
    )
    .about(
        "trust",
        "Get the device's authority as a profile for iOS and macOS",
    )
    .also(&["404"]),
];

/// What to compare, and what is vouched for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Trust {
    /// Name of this board.
    host: String,
    /// The device's authority; none where the owner's own certificate is served.
    authority: Option<TrustAuthority>,
    certificate: TrustCertificate,
}

/// The authority that is to be trusted.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrustAuthority {
    /// SHA-256 in pairs, as browsers and phones show it.
    fingerprint_sha256: String,
    /// Name under which it is listed once it is installed.
    name: String,
    valid_to: Ts,
    /// Whether it can vouch for names of networks like its own only.
    limited: bool,
    /// Address of the certificate in PEM.
    pem: &'static str,
    /// Address of the certificate in DER, for Android and Windows.
    crt: &'static str,
    /// Address of the profile for iOS and macOS.
    mobileconfig: &'static str,
}

/// The certificate that is served.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrustCertificate {
    /// SHA-256 in pairs, as browsers show it in a warning.
    fingerprint_sha256: String,
    /// Names and addresses that it is for.
    names: Vec<String>,
    valid_from: Ts,
    valid_to: Ts,
}

/// `GET /api/trust`
pub(crate) fn facts(call: &mut Call) -> Outcome {
    let (info, authority) = (call.app.tls.info(), call.app.tls.authority());
    let authority = authority.map(|authority| TrustAuthority {
        fingerprint_sha256: authority.fingerprint,
        name: authority.name,
        valid_to: Ts(authority.not_after),
        limited: info.authority_limited == Some(true),
        pem: "/trust/authority.pem",
        crt: "/trust/authority.crt",
        mobileconfig: "/trust/authority.mobileconfig",
    });
    let host = rustix::system::uname().nodename().to_string_lossy().into();
    Ok(respond::json(&Trust {
        host,
        authority,
        certificate: TrustCertificate {
            fingerprint_sha256: info.fingerprint.clone(),
            names: info.names.clone(),
            valid_from: Ts(info.not_before),
            valid_to: Ts(info.not_after),
        },
    }))
}

/// `GET /trust/authority.pem`
pub(crate) fn pem(call: &mut Call) -> Outcome {
    let authority = authority(call)?;
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    pem.push_str(&lines(&authority.der));
    pem.push_str("-----END CERTIFICATE-----\n");
    let name = "mfg-drone-authority.pem";
    file("application/x-pem-file", name, pem.into())
}

/// `GET /trust/authority.crt`
pub(crate) fn crt(call: &mut Call) -> Outcome {
    let der = authority(call)?.der;
    let name = "mfg-drone-authority.crt";
    file("application/x-x509-ca-cert", name, der.into())
}

/// `GET /trust/authority.mobileconfig`
pub(crate) fn profile(call: &mut Call) -> Outcome {
    let authority = authority(call)?;
    let name = "mfg-drone-authority.mobileconfig";
    let profile = property_list(&authority);
    file("application/x-apple-aspen-config", name, profile.into())
}

fn authority(call: &Call) -> Result<Authority, ApiError> {
    call.app.tls.authority().ok_or_else(|| {
        let message = "This gateway serves its owner's certificate; ask them for its authority";
        ApiError::not_found(message)
    })
}

/// A file to be installed under `name`.
fn file(kind: &'static str, name: &str, bytes: Bytes) -> Outcome {
    let mut response: Response = respond::typed(HeaderValue::from_static(kind), bytes);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let disposition = disposition.map_err(|_| ApiError::internal())?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// Base64 in lines of 64 characters.
fn lines(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = String::with_capacity(text.len() + text.len() / 64 + 1);
    for line in text.as_bytes().chunks(64) {
        lines.extend(line.iter().map(|byte| char::from(*byte)));
        lines.push('\n');
    }
    lines
}

/// A configuration profile with one root certificate. Its ids come from the
/// authority, so that installing it twice replaces it, and a new authority is
/// another profile.
fn property_list(authority: &Authority) -> String {
    let id = |end: u8| {
        let hex: String = authority
            .fingerprint
            .chars()
            .filter(|one| *one != ':')
            .take(31)
            .collect();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        let (a, b, c, d, e) = (
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 31),
        );
        format!("{a}-{b}-{c}-{d}-{e}{end:X}")
    };
    let name = escaped(&authority.name);
    let data = lines(&authority.der);
    let (inner, outer) = (id(1), id(2));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadContent</key><array><dict>
<key>PayloadCertificateFileName</key><string>mfg-drone-authority.crt</string>
<key>PayloadContent</key><data>
{data}</data>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadIdentifier</key><string>mfg-drone.authority.{inner}</string>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadUUID</key><string>{inner}</string>
<key>PayloadVersion</key><integer>1</integer>
</dict></array>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadIdentifier</key><string>mfg-drone.profile.{inner}</string>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadUUID</key><string>{outer}</string>
<key>PayloadVersion</key><integer>1</integer>
</dict></plist>
"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
