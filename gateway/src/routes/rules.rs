//! Alert rules: the listing of contract 5, and making, changing and removing
//! rules, which the design adds.

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::config;
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome};
use crate::http::inputs::Inputs;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, DASHBOARD, SUCCESS, get, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use alerting::{
    Action, AlertError, AlertType, Level, MAX_COOLDOWN_MINUTES, MAX_FOR_S, MAX_NAME_CHARS,
    Operator, Rule, RuleView, USUAL_COOLDOWN_MINUTES,
};
use readings::Metric;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/alerts/rules",
        DASHBOARD,
        list,
        Gives::Json(of::<RuleList>()),
    )
    .about("alerts", "List the rules in effect"),
    later(
        Verb::Post,
        "/api/alerts/rules",
        ADMIN,
        create,
        Gives::Json(of::<AlertRule>()),
    )
    .about("alerts", "Add a rule")
    .takes(CREATE)
    .may_conflict(),
    later(
        Verb::Put,
        "/api/alerts/rules/{name}",
        ADMIN,
        replace,
        Gives::Json(of::<AlertRule>()),
    )
    .about("alerts", "Add or replace a rule")
    .takes(REPLACE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/alerts/rules/{name}",
        ADMIN,
        remove,
        SUCCESS,
    )
    .about("alerts", "Remove a rule")
    .takes(REMOVE),
];

const NAME_IN_PATH: Param = Param::required(Location::Path, "name", Kind::Text, "Name of the rule");
const NAME: Param = Param::required(
    Location::Body,
    "name",
    Kind::Chars {
        min: 1,
        max: MAX_NAME_CHARS,
    },
    "Unique name",
);
const METRIC: Param = Param::required(
    Location::Body,
    "metric",
    Kind::Choice(Metric::NAMES),
    "What is watched",
);
const OPERATOR: Param = Param::required(
    Location::Body,
    "operator",
    Kind::Choice(&Operator::SYMBOLS),
    "How value and threshold compare",
);
const THRESHOLD: Param = Param::required(
    Location::Body,
    "threshold",
    Kind::Number,
    "In the metric's unit",
);
const LEVEL: Param = Param::required(
    Location::Body,
    "level",
    Kind::Choice(Level::NAMES),
    "Severity of the alert",
);
const TYPE: Param = Param::optional(
    Location::Body,
    "type",
    Kind::Choice(AlertType::NAMES),
    "What the alert is about; what its metric is about when absent",
);
const ENABLED: Param = Param::optional(
    Location::Body,
    "enabled",
    Kind::Flag,
    "Off switch; true when absent",
);
const COOLDOWN_MINUTES: Param = Param::optional(
    Location::Body,
    "cooldown_minutes",
    Kind::Int {
        min: 0,
        max: MAX_COOLDOWN_MINUTES as i64,
        default: Some(USUAL_COOLDOWN_MINUTES as i64),
    },
    "Silence after firing, per rule and source",
);
const FOR_S: Param = Param::optional(
    Location::Body,
    "for_s",
    Kind::Int {
        min: 0,
        max: MAX_FOR_S as i64,
        default: Some(0),
    },
    "Seconds the condition must hold before the alert fires; good moments undo half of their own length of it",
);
const HYSTERESIS: Param = Param::optional(
    Location::Body,
    "hysteresis",
    Kind::Number,
    "How far the value must come back to clear",
);
const SOURCE: Param = Param::optional(
    Location::Body,
    "source",
    Kind::Text,
    "The one source; all when absent",
);
const AUTO_RESOLVE: Param = Param::optional(
    Location::Body,
    "auto_resolve",
    Kind::Flag,
    "Overrides the configured alerts.auto_resolve",
);

const ACTION: Param = Param::optional(
    Location::Body,
    "action",
    Kind::Choice(Action::NAMES),
    "What the gateway does by itself to drones; nothing when absent",
);
const DRONES: Param = Param::optional(
    Location::Body,
    "drones",
    Kind::Text,
    "Ids of the drones that the action means, as a list or joined by commas; the source when absent",
);

/// Parameters of `POST /api/alerts/rules`.
pub(crate) const CREATE: &[Param] = &[
    NAME,
    METRIC,
    OPERATOR,
    THRESHOLD,
    LEVEL,
    TYPE,
    ENABLED,
    COOLDOWN_MINUTES,
    FOR_S,
    HYSTERESIS,
    SOURCE,
    AUTO_RESOLVE,
    ACTION,
    DRONES,
];
/// Parameters of `PUT /api/alerts/rules/{name}`.
pub(crate) const REPLACE: &[Param] = &[
    NAME_IN_PATH,
    METRIC,
    OPERATOR,
    THRESHOLD,
    LEVEL,
    TYPE,
    ENABLED,
    COOLDOWN_MINUTES,
    FOR_S,
    HYSTERESIS,
    SOURCE,
    AUTO_RESOLVE,
    ACTION,
    DRONES,
];
/// A rule without its name.
pub(crate) const BODY: &[Param] = REPLACE.split_at(1).1;
/// Parameters of `DELETE /api/alerts/rules/{name}`.
pub(crate) const REMOVE: &[Param] = &[NAME_IN_PATH];

/// A rule in effect.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertRule {
    /// Unique; the title of its alerts.
    name: String,
    /// What it looks at.
    metric: &'static str,
    /// `>`, `<`, `>=`, `<=`, `==` or `!=`.
    operator: &'static str,
    /// In the metric's unit.
    threshold: f64,
    /// Level of its alerts.
    level: &'static str,
    /// Type of its alerts.
    #[serde(rename = "type")]
    alert_type: &'static str,
    /// A disabled rule is listed and never fires.
    enabled: bool,
    /// Silence for each source after it fired.
    cooldown_minutes: u32,
    last_triggered: Option<Ts>,
    /// Seconds that the value must stay bad before it fires.
    for_s: u32,
    /// How far the value must come back before its alert clears.
    hysteresis: f64,
    /// The one source that it looks at; null for all.
    source: Option<String>,
    /// Whether its alerts resolve themselves; null as `alerts.auto_resolve` says.
    auto_resolve: Option<bool>,
    /// What the gateway does by itself: `land`, `stop`, `refuse_takeoff`; null: nothing.
    action: Option<&'static str>,
    /// The drones that the action means; its source when there are none.
    drones: Vec<String>,
    /// `default`, `config` or `api`.
    origin: &'static str,
}

impl From<RuleView> for AlertRule {
    fn from(view: RuleView) -> AlertRule {
        let rule = &view.rule;
        AlertRule {
            name: rule.name.to_string(),
            metric: rule.metric.name(),
            operator: rule.operator.symbol(),
            threshold: rule.threshold,
            level: rule.level.name(),
            alert_type: rule.alert_type.name(),
            enabled: rule.enabled,
            cooldown_minutes: rule.cooldown_minutes(),
            last_triggered: view.last_triggered.map(Ts),
            for_s: rule.for_s(),
            hysteresis: rule.hysteresis,
            source: rule.source.as_deref().map(str::to_owned),
            auto_resolve: rule.auto_resolve,
            action: rule.action.as_ref().map(|action| action.what.name()),
            drones: drones_of(rule),
            origin: view.origin,
        }
    }
}

fn drones_of(rule: &Rule) -> Vec<String> {
    let drones = rule.action.iter().flat_map(|action| action.drones.iter());
    drones.map(|id| id.to_string()).collect()
}

/// Rules in effect, the documented ones first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RuleList {
    /// The documented ten first, in their order.
    rules: Vec<AlertRule>,
    /// How many there are.
    total_count: usize,
}

/// `GET /api/alerts/rules`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let rules: Vec<AlertRule> = call
        .app
        .alerts()?
        .rules()
        .into_iter()
        .map(AlertRule::from)
        .collect();
    Ok(respond::json(&RuleList {
        total_count: rules.len(),
        rules,
    }))
}

/// `POST /api/alerts/rules`
pub(crate) fn create(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let name = call.inputs.text(&NAME);
        // A rule that makes no sense is that, whatever its name.
        let rule = read(&mut call.inputs, name.unwrap_or_default())?;
        acts_on_somebody(&call, &rule)?;
        let alerts = call.app.alerts()?;
        if alerts
            .rules()
            .iter()
            .any(|known| known.rule.name == rule.name)
        {
            return Err(ApiError::conflict(format!(
                "Rule already exists: {}; change it with PUT",
                rule.name
            )));
        }
        Ok(respond::json(&AlertRule::from(
            alerts.put_rule(rule).await?,
        )))
    })
}

/// `PUT /api/alerts/rules/{name}`
pub(crate) fn replace(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let rule = read(&mut call.inputs, call.param.clone())?;
        acts_on_somebody(&call, &rule)?;
        Ok(respond::json(&AlertRule::from(
            call.app.alerts()?.put_rule(rule).await?,
        )))
    })
}

/// `DELETE /api/alerts/rules/{name}`
pub(crate) fn remove(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        call.app.alerts()?.delete_rule(&call.param).await?;
        Ok(respond::json(&SuccessResponse::new(format!(
            "Rule deleted: {}",
            call.param
        ))))
    })
}

/// A rule that acts needs drones to act on.
fn acts_on_somebody(call: &Call, rule: &Rule) -> Result<(), ApiError> {
    let Some(action) = &rule.action else {
        return Ok(());
    };
    let mut written = config::Rule::new(&rule.name, rule.metric, "", 0.0, "");
    written.action = Some(action.what.name().to_owned());
    written.drones = drones_of(rule);
    written.source = rule.source.as_deref().map(str::to_owned);
    let views = call.app.vehicles.views();
    let ids: Vec<&str> = views.iter().map(|drone| &*drone.id).collect();
    match config::action_problem(&written, &ids) {
        Some((field, reason)) => Err(AlertError::InvalidRule { field, reason }.into()),
        None => Ok(()),
    }
}

/// A rule from a body, judged as one from the configuration is.
pub(crate) fn read(inputs: &mut Inputs, name: String) -> Result<Rule, ApiError> {
    let metric = inputs.text(&METRIC);
    let operator = inputs.text(&OPERATOR);
    let threshold = inputs.number(&THRESHOLD);
    let level = inputs.text(&LEVEL);
    let alert_type = inputs.text(&TYPE);
    let enabled = inputs.flag(&ENABLED);
    let cooldown_minutes = inputs.int(&COOLDOWN_MINUTES);
    let for_s = inputs.int(&FOR_S);
    let hysteresis = inputs.number(&HYSTERESIS);
    let source = inputs.text(&SOURCE);
    let auto_resolve = inputs.flag(&AUTO_RESOLVE);
    let action = inputs.text(&ACTION);
    let drones = inputs.list(&DRONES);
    inputs.finish()?;
    let (Some(metric), Some(operator), Some(threshold), Some(level)) =
        (metric, operator, threshold, level)
    else {
        // `finish` has refused a request without them.
        return Err(ApiError::validation(vec![Issue::new(
            "missing",
            "body",
            "",
            "Field required",
            Value::Null,
        )]));
    };
    let written = config::Rule {
        name,
        metric,
        operator,
        threshold,
        level,
        alert_type,
        enabled: enabled.unwrap_or(true),
        // Absent ones have the defaults that their parameters name.
        cooldown_minutes: cooldown_minutes.unwrap_or_default() as u32,
        for_s: for_s.unwrap_or_default() as u32,
        hysteresis: hysteresis.unwrap_or_default(),
        source,
        auto_resolve,
        action,
        drones: drones.map(split).unwrap_or_default(),
    };
    Ok(Rule::parse(&written)?)
}

/// The ids of a list.
fn split(list: String) -> Vec<String> {
    let ids = list.split(',').map(str::trim);
    ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn read_body(body: &Value) -> Result<Rule, ApiError> {
        let uri = http::Uri::from_static("/api/alerts/rules");
        let inputs = Inputs::from_uri(&uri).with_body(body.to_string().as_bytes());
        read(&mut inputs?, "Hot".to_owned())
    }

    fn least() -> Value {
        json!({"metric": "temperature", "operator": ">", "threshold": 80, "level": "warning"})
    }

    #[test]
    fn what_a_body_leaves_out_is_as_its_parameters_say() {
        let rule = read_body(&least()).expect("a rule");
        assert_eq!((&*rule.name, rule.threshold), ("Hot", 80.0));
        assert!(rule.enabled);
        assert_eq!(
            (rule.cooldown_minutes(), rule.for_s(), rule.hysteresis),
            (USUAL_COOLDOWN_MINUTES, 0, 0.0)
        );
        assert_eq!((rule.source, rule.auto_resolve), (None, None));
        assert_eq!(rule.alert_type, AlertType::System);
    }

    #[test]
    fn what_a_body_says_is_what_the_rule_is_and_how_it_is_shown() {
        let mut body = least();
        let more = json!({
            "type": "drone", "enabled": false, "cooldown_minutes": 7, "for_s": 9,
            "hysteresis": 1.5, "source": "board", "auto_resolve": false,
        });
        let more = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        let rule = Arc::new(read_body(&body).expect("a rule"));
        let shown = serde_json::to_value(AlertRule::from(RuleView {
            rule,
            origin: "api",
            last_triggered: None,
        }))
        .expect("JSON");
        for (member, value) in body.as_object().expect("an object") {
            let same = match (member.as_str(), value.as_f64()) {
                ("threshold" | "hysteresis", value) => shown[member].as_f64() == value,
                _ => shown[member] == *value,
            };
            assert!(same, "{member}: {shown}");
        }
        assert_eq!(
            (&shown["name"], &shown["origin"]),
            (&json!("Hot"), &json!("api"))
        );
        assert_eq!(shown["last_triggered"], Value::Null);
    }

    #[test]
    fn a_body_without_what_a_rule_needs_is_refused() {
        for member in ["metric", "operator", "threshold", "level"] {
            let mut body = least();
            body.as_object_mut().expect("an object").remove(member);
            let refused = read_body(&body).expect_err(member);
            assert_eq!(
                refused.status(),
                http::StatusCode::UNPROCESSABLE_ENTITY,
                "{member}"
            );
        }
        let mut body = least();
        body["operator"] = "=".into();
        assert_eq!(
            read_body(&body).expect_err("no operator").status(),
            http::StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}
