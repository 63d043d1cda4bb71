//! Contract 5: alerts and rules. Reading and acknowledging need `dashboard`,
//! changing rules `admin`.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::response_cache::VERSIONED_TTL;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{DASHBOARD, SUCCESS, get, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::http::state::App;
use crate::mutes::Mutes;
use crate::supervision::Service;
use alerting::{Alert, AlertType, Filter, Level, Summary};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/alerts",
        DASHBOARD,
        list,
        Gives::Json(of::<AlertList<'_>>()),
    )
    .about("alerts", "List alerts, newest first")
    .takes(LIST),
    get(
        "/api/alerts/summary",
        DASHBOARD,
        summary,
        Gives::Json(of::<AlertSummary>()),
    )
    .about("alerts", "Get the number of alerts by level and state"),
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/acknowledge",
        Policy::Respond,
        acknowledge,
        SUCCESS,
    )
    .about("alerts", "Acknowledge an alert")
    .takes(ONE),
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/resolve",
        Policy::Respond,
        resolve,
        SUCCESS,
    )
    .about("alerts", "Resolve an alert")
    .takes(ONE),
];

const LEVEL: Param = Param::optional(
    Location::Query,
    "level",
    Kind::Choice(Level::NAMES),
    "Only this level",
);
const ALERT_TYPE: Param = Param::optional(
    Location::Query,
    "alert_type",
    Kind::Choice(AlertType::NAMES),
    "Only this type",
);
const LIMIT: Param = Param::optional(
    Location::Query,
    "limit",
    Kind::Int {
        min: 0,
        max: 1000,
        default: Some(100),
    },
    "Most alerts; 0 is all",
);
const OFFSET: Param = Param::optional(
    Location::Query,
    "offset",
    Kind::Int {
        min: 0,
        max: 1000,
        default: None,
    },
    "Alerts to pass over, the newest first",
);
const UNRESOLVED_ONLY: Param = Param::optional(
    Location::Query,
    "unresolved_only",
    Kind::Flag,
    "Only those not resolved, acknowledged ones included",
);

/// Parameters of `GET /api/alerts`.
pub(crate) const LIST: &[Param] = &[LEVEL, ALERT_TYPE, LIMIT, OFFSET, UNRESOLVED_ONLY];
/// Parameters of the routes on one alert.
pub(crate) const ONE: &[Param] = &[Param::required(
    Location::Path,
    "alert_id",
    Kind::Text,
    "Id from the listing",
)];

/// An alert as shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertView<'a> {
    /// Stays the same for ever.
    id: &'a str,
    /// `info`, `warning`, `error` or `critical`.
    level: &'static str,
    /// `system`, `drone`, `training`, `network`, `security` or `performance`.
    #[serde(rename = "type")]
    alert_type: &'static str,
    /// What is wrong, for people.
    message: &'a str,
    /// More about it, for people.
    details: Option<&'a str>,
    /// `system_monitor` for rule alerts.
    source: Option<&'a str>,
    timestamp: Ts,
    /// Whether somebody has seen it.
    acknowledged: bool,
    /// Whether it is over.
    resolved: bool,
    /// Rule name or short title.
    title: &'a str,
    created_at: Ts,
    /// For display: `info`, `warning`, `danger`.
    severity: &'static str,
    /// What it is about: `board`, a drone's id.
    subject: &'a str,
    /// The metric of the rule that raised it; null of what is no metric.
    metric: Option<&'static str>,
    /// The value that raised it, in the metric's unit.
    value: Option<f64>,
    /// The rule's threshold, in the metric's unit.
    threshold: Option<f64>,
    cleared_at: Option<Ts>,
    acknowledged_at: Option<Ts>,
    /// Name of the key that acknowledged it.
    acknowledged_by: Option<&'a str>,
    resolved_at: Option<Ts>,
    /// Name of a key, or `auto`.
    resolved_by: Option<&'a str>,
    /// Until when it is quiet, if somebody has muted it or an earlier one of its cause.
    muted_until: Option<Ts>,
    /// Name of the key that muted it.
    muted_by: Option<String>,
    /// False while it is in memory only because the store refuses writes.
    durable: bool,
}

impl<'a> AlertView<'a> {
    /// As the REST lists show it.
    pub(crate) fn listed(alert: &'a Alert, mutes: &Mutes) -> AlertView<'a> {
        let danger = matches!(alert.level, Level::Error | Level::Critical);
        AlertView::with_severity(
            alert,
            mutes,
            if danger { "danger" } else { alert.level.name() },
        )
    }

    /// As a WebSocket broadcast shows it: other display classes.
    pub(crate) fn broadcast(alert: &'a Alert, mutes: &Mutes) -> AlertView<'a> {
        let error = matches!(alert.level, Level::Error | Level::Critical);
        AlertView::with_severity(
            alert,
            mutes,
            if error { "error" } else { alert.level.name() },
        )
    }

    fn with_severity(alert: &'a Alert, mutes: &Mutes, severity: &'static str) -> AlertView<'a> {
        let mute = mutes.of(alert);
        AlertView {
            id: &alert.id,
            level: alert.level.name(),
            alert_type: alert.alert_type.name(),
            message: &alert.message,
            details: alert.details.as_deref(),
            source: Some(&alert.origin),
            timestamp: Ts(alert.created),
            // Resolving acknowledges, also when a rule resolved by itself.
            acknowledged: alert.acknowledged.is_some() || alert.resolved.is_some(),
            resolved: alert.resolved.is_some(),
            title: &alert.title,
            created_at: Ts(alert.created),
            severity,
            subject: &alert.subject,
            metric: alert.measured.map(|measured| measured.metric.name()),
            value: alert.measured.map(|measured| measured.value),
            threshold: alert.measured.map(|measured| measured.threshold),
            cleared_at: alert.cleared.map(Ts),
            acknowledged_at: alert.acknowledged.as_ref().map(|(at, _)| Ts(*at)),
            acknowledged_by: alert.acknowledged.as_ref().map(|(_, by)| &**by),
            resolved_at: alert.resolved.as_ref().map(|(at, _)| Ts(*at)),
            resolved_by: alert.resolved.as_ref().map(|(_, by)| &**by),
            muted_until: mute.as_ref().map(|mute| Ts::from_us(mute.until_us())),
            muted_by: mute.map(|mute| mute.by.to_string()),
            durable: alert.durable,
        }
    }
}

/// Answer of `GET /api/alerts`.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertList<'a> {
    /// The newest first.
    alerts: Vec<AlertView<'a>>,
    /// How many are listed.
    total_count: usize,
}

/// More alerts than these are rendered as they are taken, and not kept for the next who
/// asks: some 700 bytes each, they would not fit an entry of the cache.
const MANY: usize = 40;

/// `GET /api/alerts`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let (level, alert_type) = (call.inputs.text(&LEVEL), call.inputs.text(&ALERT_TYPE));
    let (limit, unresolved_only) = (call.inputs.int(&LIMIT), call.inputs.flag(&UNRESOLVED_ONLY));
    let offset = call.inputs.int(&OFFSET).unwrap_or(0) as usize;
    call.inputs.finish()?;
    let limit = limit.unwrap_or(0) as usize;
    let filter = Filter {
        level: choice(&LEVEL, level.as_deref(), Level::from_name, Level::NAMES)?,
        alert_type: choice(
            &ALERT_TYPE,
            alert_type.as_deref(),
            AlertType::from_name,
            AlertType::NAMES,
        )?,
        unresolved_only: unresolved_only.unwrap_or(false),
        // (0 is all, also after an offset.)
        limit: if limit == 0 { 0 } else { limit + offset },
    };
    let alerts = call.app.alerts()?;
    // The version is read before the list: a change in between is then seen
    // under the old version for one answer, never an old list under the new.
    let key = format_args!(
        "alerts/{}/{}/{:?}/{:?}/{}/{}/{offset}",
        alerts.version(),
        call.app.mutes.version(),
        filter.level,
        filter.alert_type,
        filter.unresolved_only,
        filter.limit
    );
    if let Some(kept) = call.app.responses.find(key) {
        return Ok(respond::json_bytes(kept));
    }
    let found = alerts.list(&filter);
    let app = Arc::clone(&call.app);
    let shown = found.into_iter().skip(offset);
    let total_count = shown.len();
    if total_count > MANY {
        let held = total_count * size_of::<Arc<Alert>>();
        let rendered =
            shown.map(move |alert| respond::render(&AlertView::listed(&alert, &app.mutes)));
        let frame = AlertList {
            alerts: Vec::new(),
            total_count,
        };
        return Ok(respond::streamed_bytes(&frame, rendered, held));
    }
    let shown: Vec<Arc<Alert>> = shown.collect();
    let views = shown
        .iter()
        .map(|alert| AlertView::listed(alert, &app.mutes));
    let list = respond::render(&AlertList {
        alerts: views.collect(),
        total_count,
    });
    let kept = app.responses.keep(key, VERSIONED_TTL, list.into());
    Ok(respond::json_bytes(kept))
}

/// The value of a filter; contract: an unknown one is 400, not 422.
fn choice<T>(
    param: &Param,
    given: Option<&str>,
    parse: fn(&str) -> Option<T>,
    names: &[&str],
) -> Result<Option<T>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    parse(given).map(Some).ok_or_else(|| {
        let error = ApiError::invalid(format!("Invalid parameter: {}", param.name));
        error.details(format!("allowed: {}", names.join(", ")))
    })
}

/// `POST /api/alerts/{alert_id}/acknowledge`
pub(crate) fn acknowledge(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let alert = call
            .app
            .alerts()?
            .acknowledge(&call.param, call.actor())
            .await?;
        Ok(respond::json(&SuccessResponse::new(format!(
            "Alert {} acknowledged",
            alert.id
        ))))
    })
}

/// `POST /api/alerts/{alert_id}/resolve`
pub(crate) fn resolve(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let alert = call
            .app
            .alerts()?
            .resolve(&call.param, call.actor())
            .await?;
        // Whoever says that it is over is to hear of it when it is not.
        if let Err(error) = call.app.mutes.unmute(&alert).await {
            tracing::warn!(alert = &*alert.id, %error, "a restart may mute it again");
        }
        Ok(respond::json(&SuccessResponse::new(format!(
            "Alert {} resolved",
            alert.id
        ))))
    })
}

/// Counts over the book.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertSummary {
    /// Alerts kept.
    total_alerts: usize,
    /// Alerts of the last 24 hours.
    recent_alerts_24h: usize,
    /// Alerts that are not over, of any age.
    unresolved_alerts: usize,
    /// Critical alerts of the last 24 hours.
    critical_alerts_24h: usize,
    /// Alerts of the last 24 hours by level.
    alerts_by_level: BTreeMap<&'static str, usize>,
    /// Alerts of the last 24 hours by type.
    alerts_by_type: BTreeMap<&'static str, usize>,
    /// Whether readings are taken and judged.
    monitoring_active: bool,
    /// Rules, the disabled ones included.
    alert_rules_count: usize,
    last_updated: Ts,
}

impl AlertSummary {
    /// Of `summary`, with what the rest of the gateway knows.
    pub(crate) fn of(app: &App, summary: &Summary) -> AlertSummary {
        AlertSummary {
            total_alerts: summary.total,
            recent_alerts_24h: summary.recent_24h,
            unresolved_alerts: summary.unresolved,
            critical_alerts_24h: summary.critical_24h,
            alerts_by_level: summary
                .by_level
                .iter()
                .map(|(level, count)| (level.name(), *count))
                .collect(),
            alerts_by_type: summary
                .by_type
                .iter()
                .map(|(kind, count)| (kind.name(), *count))
                .collect(),
            monitoring_active: app.supervisor.is_up(Service::Monitoring),
            alert_rules_count: app.alerts.rules().len(),
            last_updated: Ts::now(),
        }
    }
}

/// `GET /api/alerts/summary`
pub(crate) fn summary(call: &mut Call) -> Outcome {
    let summary = call.app.alerts()?.summary();
    Ok(respond::json(&AlertSummary::of(&call.app, &summary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_filter_is_a_bad_request_that_says_what_is_allowed() {
        let level = |given| choice(&LEVEL, given, Level::from_name, Level::NAMES);
        assert_eq!(level(None).expect("none"), None);
        assert_eq!(
            level(Some("critical")).expect("known"),
            Some(Level::Critical)
        );
        let refused = level(Some("Critical")).expect_err("unknown");
        assert_eq!(refused.status(), http::StatusCode::BAD_REQUEST);
    }
}
