//! Security administration and alerts.

use super::{ADMIN, DASHBOARD, SUCCESS, get, later, now};
use crate::http::route::{Gives, Policy, Route, Verb, of};
use crate::routes::alerts;
use crate::routes::lockouts;
use crate::routes::rules;
use crate::routes::security;
use access::Permission;

pub(super) const ROUTES: &[Route] = &[
    // Security administration.
    get(
        "/api/security/api-keys",
        ADMIN,
        security::list,
        Gives::Json(of::<security::KeyList>),
    )
    .about("security", "List API keys by preview"),
    later(
        Verb::Post,
        "/api/security/api-keys",
        ADMIN,
        security::create,
        Gives::Json(of::<security::CreatedKey>),
    )
    .about("security", "Create an API key; the answer shows it once")
    .takes(security::CREATE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/security/api-keys/{api_key}",
        ADMIN,
        security::revoke,
        SUCCESS,
    )
    .about("security", "Revoke an API key")
    .takes(security::REVOKE),
    get(
        "/api/security/config",
        ADMIN,
        security::config,
        Gives::Json(of::<security::SecurityConfig>),
    )
    .about("security", "What protects the running gateway"),
    get(
        "/api/security/audit",
        ADMIN,
        security::audit,
        Gives::Json(of::<security::AuditTrail>),
    )
    .about("security", "Security events, newest first")
    .takes(security::AUDIT),
    get(
        "/api/security/lockouts",
        ADMIN,
        lockouts::list,
        Gives::Json(of::<lockouts::Lockouts>),
    )
    .about("security", "Addresses locked out after wrong keys"),
    later(
        Verb::Delete,
        "/api/security/lockouts/{address}",
        ADMIN,
        lockouts::lift,
        SUCCESS,
    )
    .about("security", "Lift the lock-out of an address")
    .takes(lockouts::LIFT),
    now(
        Verb::Post,
        "/api/ws-ticket",
        Policy::Needs(Permission::Read),
        security::ticket,
    )
    .gives(Gives::Json(of::<security::WsTicket>))
    .about("security", "A one-time ticket for the WebSocket hand-shake"),
    // Alerts.
    get(
        "/api/alerts",
        DASHBOARD,
        alerts::list,
        Gives::Json(of::<alerts::AlertList<'_>>),
    )
    .about("alerts", "Alerts, newest first")
    .takes(alerts::LIST),
    get(
        "/api/alerts/summary",
        DASHBOARD,
        alerts::summary,
        Gives::Json(of::<alerts::AlertSummary>),
    )
    .about("alerts", "Counts of alerts"),
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/acknowledge",
        Policy::Respond,
        alerts::acknowledge,
        SUCCESS,
    )
    .about("alerts", "Acknowledge an alert")
    .takes(alerts::ONE),
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/resolve",
        Policy::Respond,
        alerts::resolve,
        SUCCESS,
    )
    .about("alerts", "Resolve an alert")
    .takes(alerts::ONE),
    get(
        "/api/alerts/rules",
        DASHBOARD,
        rules::list,
        Gives::Json(of::<rules::RuleList>),
    )
    .about("alerts", "Rules in effect"),
    later(
        Verb::Post,
        "/api/alerts/rules",
        ADMIN,
        rules::create,
        Gives::Json(of::<rules::AlertRule>),
    )
    .about("alerts", "Add a rule")
    .takes(rules::CREATE)
    .may_conflict(),
    later(
        Verb::Put,
        "/api/alerts/rules/{name}",
        ADMIN,
        rules::replace,
        Gives::Json(of::<rules::AlertRule>),
    )
    .about("alerts", "Add or replace a rule")
    .takes(rules::REPLACE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/alerts/rules/{name}",
        ADMIN,
        rules::remove,
        SUCCESS,
    )
    .about("alerts", "Remove a rule")
    .takes(rules::REMOVE),
];
