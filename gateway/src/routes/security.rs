//! Contract 4: API keys and what protects the gateway. Permission `admin`.
//!
//! The key in clear passes through here once, in the answer that creates it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{ADMIN, SUCCESS, get, later, now};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use access::{self, KeyRecord, Permission};
use store::AuditRecord;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/security/api-keys",
        ADMIN,
        list,
        Gives::Json(of::<KeyList>()),
    )
    .about("security", "List API keys by preview"),
    later(
        Verb::Post,
        "/api/security/api-keys",
        ADMIN,
        create,
        Gives::Json(of::<CreatedKey>()),
    )
    .about("security", "Create an API key; the answer shows it once")
    .takes(CREATE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/security/api-keys/{api_key}",
        ADMIN,
        revoke,
        SUCCESS,
    )
    .about("security", "Revoke an API key")
    .takes(REVOKE),
    get(
        "/api/security/config",
        ADMIN,
        config,
        Gives::Json(of::<SecurityConfig>()),
    )
    .about(
        "security",
        "Get the security settings of the running gateway",
    ),
    get(
        "/api/security/audit",
        ADMIN,
        audit,
        Gives::Json(of::<AuditTrail>()),
    )
    .about("security", "List security events, newest first")
    .takes(AUDIT),
    now(
        Verb::Post,
        "/api/ws-ticket",
        Policy::Needs(Permission::Read),
        ticket,
    )
    .gives(Gives::Json(of::<WsTicket>()))
    .about(
        "security",
        "Get a one-time ticket for a WebSocket handshake",
    ),
];

/// Name of a new key.
const NAME: Param = Param::required(
    Location::QueryOrBody,
    "name",
    Kind::Chars {
        min: 1,
        max: access::NAME_CHARS,
    },
    "Name of the key",
);
/// Permissions of a new key.
const PERMISSIONS: Param = Param::required(
    Location::QueryOrBody,
    "permissions",
    Kind::Text,
    concat!(
        "Comma list of ",
        access::permission_names!(),
        "; a JSON body may give an array"
    ),
);
/// Days until a new key expires.
const EXPIRES_DAYS: Param = Param::optional(
    Location::QueryOrBody,
    "expires_days",
    Kind::Int {
        min: 1,
        max: 3650,
        default: None,
    },
    "Days until the key expires; never when absent",
);
/// Most audit records in one answer.
const AUDIT_LIMIT: Param = Param::optional(
    Location::Query,
    "limit",
    Kind::Int {
        min: 1,
        max: 1000,
        default: Some(100),
    },
    "Most records, newest first",
);

/// Records of the trail that may be passed over: all that are kept.
const AUDIT_OFFSET: Param = Param::optional(
    Location::Query,
    "offset",
    Kind::Int {
        min: 0,
        max: 12_000,
        default: None,
    },
    "Records to pass over, the newest first",
);

/// Parameters of `POST /api/security/api-keys`.
pub(crate) const CREATE: &[Param] = &[NAME, PERMISSIONS, EXPIRES_DAYS];
/// Parameters of `DELETE /api/security/api-keys/{api_key}`.
pub(crate) const REVOKE: &[Param] = &[Param::required(
    Location::Path,
    "api_key",
    Kind::Text,
    "The key, or its preview from the listing",
)];
/// Parameters of `GET /api/security/audit`.
pub(crate) const AUDIT: &[Param] = &[AUDIT_LIMIT, AUDIT_OFFSET];

/// A key without the key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyInfo {
    /// Name of the key.
    name: String,
    /// What it may do.
    permissions: Vec<String>,
    created_at: Ts,
    expires_at: Option<Ts>,
    /// Requests that it let in.
    usage_count: u64,
    last_used: Option<Ts>,
}

impl From<KeyRecord> for KeyInfo {
    fn from(key: KeyRecord) -> KeyInfo {
        KeyInfo {
            name: key.name,
            permissions: key.permissions,
            created_at: Ts::from_us(key.created_us),
            expires_at: key.expires_us.map(Ts::from_us),
            usage_count: key.usage_count,
            last_used: key.last_used_us.map(Ts::from_us),
        }
    }
}

/// Keys by preview.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// Keys by preview.
    api_keys: BTreeMap<String, KeyInfo>,
    /// How many there are.
    total_count: usize,
}

/// `GET /api/security/api-keys`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let keys = call.app.access.keys();
    let api_keys: BTreeMap<_, _> = keys
        .into_iter()
        .map(|key| (access::preview(&key.id), key.into()))
        .collect();
    Ok(respond::json(&KeyList {
        total_count: api_keys.len(),
        api_keys,
    }))
}

/// A new key: the only answer that holds it in clear.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// Always true.
    success: bool,
    /// Shown once; only its hash is kept.
    api_key: String,
    /// Name of the key.
    name: String,
    /// What it may do.
    permissions: Vec<String>,
    /// Days until it expires; null for never.
    expires_days: Option<u32>,
}

/// `POST /api/security/api-keys`
pub(crate) fn create(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(create_key(call))
}

async fn create_key(mut call: Call) -> Outcome {
    let (name, permissions) = (call.inputs.text(&NAME), call.inputs.list(&PERMISSIONS));
    let expires_days = call.inputs.int(&EXPIRES_DAYS).map(|days| days as u32);
    call.inputs.finish()?;
    let (name, permissions) = (name.unwrap_or_default(), permissions.unwrap_or_default());
    let (api_key, record) = call
        .app
        .access
        .create_key(&name, &permissions, expires_days, &call.audited())
        .await?;
    let KeyRecord {
        name, permissions, ..
    } = record;
    Ok(respond::json(&CreatedKey {
        success: true,
        api_key,
        name,
        permissions,
        expires_days,
    }))
}

/// `DELETE /api/security/api-keys/{api_key}`
pub(crate) fn revoke(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let revoked = call
            .app
            .access
            .revoke_key(&call.param, &call.audited())
            .await?;
        Ok(respond::json(&SuccessResponse::new(format!(
            "API key revoked: {}",
            revoked.name
        ))))
    })
}

/// What protects the running gateway.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecurityConfig {
    /// Always true.
    api_key_required: bool,
    /// Whether requests of an address are limited.
    rate_limiting_enabled: bool,
    /// Always true.
    security_headers_enabled: bool,
    /// Always true.
    input_validation_enabled: bool,
    /// Whether addresses are locked out after wrong keys.
    ip_blocking_enabled: bool,
    /// Wrong keys after which an address is locked out.
    max_failed_attempts: u32,
    /// Hours that a wrong key counts.
    failed_attempt_window_hours: u32,
    /// `strict`, `documented` or `legacy`.
    access_profile: String,
    /// SHA-256 of the certificate served, to compare with what a client sees.
    certificate_sha256: Option<String>,
}

/// `GET /api/security/config`
pub(crate) fn config(call: &mut Call) -> Outcome {
    let access = &call.config.access;
    Ok(respond::json(&SecurityConfig {
        api_key_required: true,
        rate_limiting_enabled: access.rate_limit_enabled,
        security_headers_enabled: true,
        input_validation_enabled: true,
        ip_blocking_enabled: access.lockout,
        max_failed_attempts: access.max_failed_attempts,
        failed_attempt_window_hours: access.failed_attempt_window_hours,
        access_profile: format!("{:?}", access.profile).to_lowercase(),
        certificate_sha256: call
            .app
            .fingerprint
            .load_full()
            .map(|print| print.as_ref().clone()),
    }))
}

/// One security event.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    timestamp: Ts,
    /// What happened, for example `key_created`.
    event: String,
    /// Address that it came from.
    client: Option<String>,
    /// Name of the key that did it, with its session.
    actor: Option<String>,
    /// What it was about, without secrets.
    subject: String,
}

/// Security events, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditTrail {
    /// The newest first.
    events: Vec<AuditEntry>,
    /// How many are listed.
    total_count: usize,
}

/// `GET /api/security/audit`
pub(crate) fn audit(call: &mut Call) -> Outcome {
    let limit = call.inputs.int(&AUDIT_LIMIT).unwrap_or(0) as usize;
    let offset = call.inputs.int(&AUDIT_OFFSET).unwrap_or(0) as usize;
    call.inputs.finish()?;
    let mut records = call.app.store.audit(offset + limit);
    // Gone before the answer waits for its client.
    records.drain(..offset.min(records.len()));
    records.shrink_to_fit();
    let trail = AuditTrail {
        events: Vec::new(),
        total_count: records.len(),
    };
    let held = records.iter().map(bytes_of).sum();
    let events = records.into_iter().map(|record| AuditEntry {
        timestamp: Ts::from_us(record.at_us),
        event: record.event,
        client: record.client,
        actor: record.actor,
        subject: record.subject,
    });
    Ok(respond::streamed(&trail, events, held))
}

/// Bytes that a line takes while its answer waits to be taken.
fn bytes_of(record: &AuditRecord) -> usize {
    let optional = [&record.client, &record.actor];
    let optional = optional.into_iter().flatten().map(String::len);
    size_of::<AuditRecord>() + record.event.len() + record.subject.len() + optional.sum::<usize>()
}

/// A ticket for one WebSocket hand-shake.
#[derive(Serialize, ToSchema)]
pub(crate) struct WsTicket {
    /// For `/ws?ticket=…`, once.
    ticket: String,
    /// Seconds that it is good for.
    expires_in_s: u64,
}

/// `POST /api/ws-ticket`
pub(crate) fn ticket(call: &mut Call) -> Outcome {
    let holder = call.session.clone().ok_or_else(ApiError::internal)?;
    let edge = &call.app.edge;
    let (ticket, evicted) = edge.tickets.issue(holder, readings::clock::Mono::now())?;
    edge.stats
        .tickets_evicted
        .fetch_add(evicted.into(), std::sync::atomic::Ordering::Relaxed);
    Ok(respond::json(&WsTicket {
        ticket,
        expires_in_s: access::TICKET_TTL.as_secs(),
    }))
}
