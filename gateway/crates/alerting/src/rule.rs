//! A rule, parsed: from here on every field means what it says.
//!
//! Pure. A rule goes one way through four shapes, and each arrow is one function:
//!
//! | from | to | by |
//! |---|---|---|
//! | `[[alerts.rule]]`, a request's body | [`RuleText`], as written | serde; `routes/rules.rs` |
//! | [`RuleText`] | [`Rule`] | [`Rule::parse`], the only judge of a rule |
//! | [`Rule`] | the store's record | `alerts/record.rs` |
//! | the store's record | [`RuleText`], judged like any other | `alerts/record.rs` |
//! | [`Rule`] | an answer of the API | `routes/rules.rs` |
//!
//! So evaluation never meets an unknown metric or a threshold that is not a number, and a
//! record that this version does not understand is refused as a person's mistake would be.

use std::sync::Arc;
use std::time::Duration;

use super::action::RuleAction;
use super::error::AlertError;
use super::rule_text::RuleText;
use readings::{AlertType, BOARD_SENSOR_PREFIX, Level, Metric};

/// Longest cool-down: a week, the time an alert is kept by default.
pub const MAX_COOLDOWN_MINUTES: u32 = 7 * 24 * 60;
/// Longest time a value must hold: a day.
pub const MAX_FOR_S: u32 = 24 * 3600;
/// Longest rule name in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// How a value is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Above,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Operator {
    const ALL: [Operator; 6] = [
        Operator::Above,
        Operator::Below,
        Operator::AtLeast,
        Operator::AtMost,
        Operator::Equal,
        Operator::NotEqual,
    ];

    /// Every operator as written in rules, in the same order.
    pub const SYMBOLS: [&'static str; Operator::ALL.len()] = {
        let mut symbols = [""; Operator::ALL.len()];
        let mut index = 0;
        while index < symbols.len() {
            symbols[index] = Operator::ALL[index].symbol();
            index += 1;
        }
        symbols
    };

    /// The operator as written in rules.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Operator::Above => ">",
            Operator::Below => "<",
            Operator::AtLeast => ">=",
            Operator::AtMost => "<=",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
        }
    }

    /// Exact comparison; `==` and `!=` are meant for flags and counts.
    #[expect(
        clippy::float_cmp,
        reason = "the operators of the contract compare exactly"
    )]
    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Operator::Above => value > threshold,
            Operator::Below => value < threshold,
            Operator::AtLeast => value >= threshold,
            Operator::AtMost => value <= threshold,
            Operator::Equal => value == threshold,
            Operator::NotEqual => value != threshold,
        }
    }
}

/// A rule that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique name and title of its alerts.
    pub name: Arc<str>,
    /// What it looks at.
    pub metric: Metric,
    /// How it compares.
    pub operator: Operator,
    /// In the metric's unit; finite.
    pub threshold: f64,
    /// Level of its alerts.
    pub level: Level,
    /// Type of its alerts.
    pub alert_type: AlertType,
    /// A disabled rule is listed and never fires.
    pub enabled: bool,
    /// Silence after firing, per source.
    pub cooldown: Duration,
    /// How long the value must be bad before the rule fires.
    pub hold: Duration,
    /// How far the value must come back before the alert clears; finite, ≥ 0.
    pub hysteresis: f64,
    /// The one source it applies to; all when absent.
    pub source: Option<Arc<str>>,
    /// Overrides whether its alerts resolve themselves.
    pub auto_resolve: Option<bool>,
    /// What the gateway does by itself, if it does.
    pub action: Option<RuleAction>,
}

impl Rule {
    /// Parses the text form.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`] naming the field, what is wrong and what is allowed.
    pub fn parse(text: &RuleText) -> Result<Rule, AlertError> {
        let metric = parse_metric(&text.metric)?;
        let operator = parse_operator(&text.operator)?;
        if !text.threshold.is_finite() {
            return Err(invalid(
                "threshold",
                format!("{} is not a number that can be compared", text.threshold),
            ));
        }
        if text.cooldown_minutes > MAX_COOLDOWN_MINUTES {
            return Err(invalid(
                "cooldown_minutes",
                format!("must be 0 to {MAX_COOLDOWN_MINUTES} (a week)"),
            ));
        }
        if text.for_s > MAX_FOR_S {
            return Err(invalid(
                "for_s",
                format!("must be 0 to {MAX_FOR_S} seconds (a day)"),
            ));
        }
        Ok(Rule {
            name: parse_name("name", &text.name)?,
            metric,
            operator,
            threshold: text.threshold,
            level: parse_named("level", &text.level, Level::ALL, Level::name)?,
            alert_type: match &text.alert_type {
                Some(name) => parse_named("type", name, AlertType::ALL, AlertType::name)?,
                None => usual_type(metric),
            },
            enabled: text.enabled,
            cooldown: Duration::from_secs(u64::from(text.cooldown_minutes) * 60),
            hold: Duration::from_secs(u64::from(text.for_s)),
            hysteresis: parse_hysteresis(text.hysteresis, operator)?,
            source: text
                .source
                .as_deref()
                .map(|name| parse_name("source", name))
                .transpose()?,
            auto_resolve: text.auto_resolve,
            action: RuleAction::parse(text.action.as_deref(), &text.drones)?,
        })
    }

    /// The cool-down in whole minutes, as rules are written.
    #[must_use]
    pub fn cooldown_minutes(&self) -> u32 {
        (self.cooldown.as_secs() / 60) as u32
    }

    /// The hold time in whole seconds, as rules are written.
    #[must_use]
    pub fn for_s(&self) -> u32 {
        self.hold.as_secs() as u32
    }

    /// Whether `value` is bad.
    #[must_use]
    pub(crate) fn breaches(&self, value: f64) -> bool {
        self.operator.holds(value, self.threshold)
    }

    /// Whether `value` has come back far enough to end an alert: it is not bad,
    /// and would not be with the threshold moved by the hysteresis.
    #[must_use]
    pub fn clears(&self, value: f64) -> bool {
        match self.operator {
            Operator::Above | Operator::AtLeast => {
                !self.operator.holds(value, self.threshold - self.hysteresis)
            }
            Operator::Below | Operator::AtMost => {
                !self.operator.holds(value, self.threshold + self.hysteresis)
            }
            Operator::Equal => (value - self.threshold).abs() > self.hysteresis,
            Operator::NotEqual => !self.operator.holds(value, self.threshold),
        }
    }

    /// Whether it looks at the source called `name`. A sensor of the board is judged with
    /// the board: only a rule that names it looks at it beside.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self.source.as_deref() {
            Some(only) => only == name,
            None => !name.starts_with(BOARD_SENSOR_PREFIX),
        }
    }

    /// Whether a change from `other` leaves running episodes meaningful: the
    /// same thing is watched. A new threshold judges them by the next reading.
    pub(super) fn continues(&self, other: &Rule) -> bool {
        self.name == other.name
            && self.metric == other.metric
            && self.source == other.source
            && self.enabled == other.enabled
    }
}

pub(super) fn invalid(field: &'static str, reason: String) -> AlertError {
    AlertError::InvalidRule { field, reason }
}

fn parse_name(field: &'static str, name: &str) -> Result<Arc<str>, AlertError> {
    let chars = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&chars)
        || name.trim() != name
        || name.chars().any(readings::text::is_misleading)
    {
        return Err(invalid(
            field,
            format!(
                "must be 1 to {MAX_NAME_CHARS} characters without control characters, line separators, changes of direction and outer spaces"
            ),
        ));
    }
    Ok(name.into())
}

fn parse_metric(name: &str) -> Result<Metric, AlertError> {
    Metric::from_name(name).ok_or_else(|| {
        invalid(
            "metric",
            format!(
                "{name:?} is not a metric; use one of {}",
                Metric::NAMES.join(", ")
            ),
        )
    })
}

fn parse_operator(text: &str) -> Result<Operator, AlertError> {
    Operator::ALL
        .into_iter()
        .find(|operator| operator.symbol() == text)
        .ok_or_else(|| {
            invalid(
                "operator",
                format!(
                    "{text:?} is not an operator; use one of {}",
                    Operator::SYMBOLS.join(", ")
                ),
            )
        })
}

fn parse_named<T: Copy>(
    field: &'static str,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, AlertError> {
    all.iter()
        .copied()
        .find(|known| name(*known) == text)
        .ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|known| name(*known)).collect();
            invalid(
                field,
                format!("{text:?} is unknown; use one of {}", known.join(", ")),
            )
        })
}

fn parse_hysteresis(hysteresis: f64, operator: Operator) -> Result<f64, AlertError> {
    if !hysteresis.is_finite() || hysteresis < 0.0 {
        return Err(invalid(
            "hysteresis",
            format!("{hysteresis} must be a number of at least 0"),
        ));
    }
    if operator == Operator::NotEqual && hysteresis > 0.0 {
        return Err(invalid(
            "hysteresis",
            "must be 0 with the operator !=, which clears on equality only".to_owned(),
        ));
    }
    Ok(hysteresis)
}

/// The type of a rule that names none.
pub(super) fn usual_type(metric: Metric) -> AlertType {
    match metric {
        Metric::StateRate | Metric::StateAge | Metric::WifiSignal => AlertType::Network,
        Metric::BatteryLevel => AlertType::Drone,
        metric if metric.is_of_drones_alone() => AlertType::Drone,
        _ => AlertType::System,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A rule on `cpu_usage` for tests.
    pub(crate) fn text(operator: &str, threshold: f64) -> RuleText {
        RuleText::new("Test", Metric::CpuUsage, operator, threshold, "warning")
    }

    fn refusal(change: impl FnOnce(&mut RuleText)) -> String {
        let mut rule = text(">=", 95.0);
        change(&mut rule);
        Rule::parse(&rule).expect_err("refused").to_string()
    }

    #[test]
    fn refusals_name_the_field_and_what_is_allowed() {
        assert!(
            refusal(|rule| rule.metric = "cpu".into())
                .starts_with("metric: \"cpu\" is not a metric; use one of cpu_usage")
        );
        assert!(
            refusal(|rule| rule.operator = "=".into()).ends_with("use one of >, <, >=, <=, ==, !=")
        );
        assert!(
            refusal(|rule| rule.level = "Critical".into())
                .ends_with("use one of info, warning, error, critical")
        );
        assert!(refusal(|rule| rule.alert_type = Some("x".into())).starts_with("type: \"x\""));
        for threshold in [f64::NAN, f64::INFINITY] {
            assert!(refusal(|rule| rule.threshold = threshold).starts_with("threshold: "));
            assert!(refusal(|rule| rule.hysteresis = threshold).starts_with("hysteresis: "));
        }
        assert!(refusal(|rule| rule.hysteresis = -0.1).contains("at least 0"));
        assert!(
            refusal(|rule| (rule.operator, rule.hysteresis) = ("!=".into(), 1.0)).contains("!=")
        );
        assert!(
            refusal(|rule| rule.cooldown_minutes = MAX_COOLDOWN_MINUTES + 1)
                .starts_with("cooldown_minutes: ")
        );
        assert!(refusal(|rule| rule.for_s = MAX_FOR_S + 1).starts_with("for_s: "));
        for name in ["", " x", "a\nb", &"x".repeat(101)] {
            assert!(
                refusal(|rule| rule.name = name.into()).starts_with("name: "),
                "{name:?}"
            );
        }
        assert!(refusal(|rule| rule.source = Some(String::new())).starts_with("source: "));
    }

    #[test]
    fn thresholds_and_hysteresis_are_exact() {
        // operator, threshold, hysteresis, value, bad, back
        let table = [
            (">=", 95.0, 0.0, 95.0, true, false),
            (">=", 95.0, 0.0, 94.999, false, true),
            (">", 95.0, 0.0, 95.0, false, true),
            (">=", 95.0, 5.0, 90.0, false, false),
            (">=", 95.0, 5.0, 89.9, false, true),
            (">", 95.0, 5.0, 90.0, false, true),
            ("<", 20.0, 0.0, 20.0, false, true),
            ("<", 20.0, 2.0, 21.9, false, false),
            ("<", 20.0, 2.0, 22.0, false, true),
            ("<=", 20.0, 0.0, 20.0, true, false),
            ("<=", 20.0, 2.0, 22.0, false, false),
            ("==", 1.0, 0.0, 1.0, true, false),
            ("==", 1.0, 0.0, 0.0, false, true),
            ("==", 1.0, 0.5, 1.5, false, false),
            ("!=", 1.0, 0.0, 0.5, true, false),
            ("!=", 1.0, 0.0, 1.0, false, true),
        ];
        for (operator, threshold, hysteresis, value, bad, back) in table {
            let mut rule = text(operator, threshold);
            rule.hysteresis = hysteresis;
            let rule = Rule::parse(&rule).expect("valid");
            assert_eq!(
                (rule.breaches(value), rule.clears(value)),
                (bad, back),
                "{value} {operator} {threshold} ± {hysteresis}"
            );
        }
    }

    #[test]
    fn limits_are_the_last_that_is_allowed() {
        let parsed = Rule::parse(&RuleText {
            name: "x".repeat(MAX_NAME_CHARS),
            cooldown_minutes: MAX_COOLDOWN_MINUTES,
            for_s: MAX_FOR_S,
            source: Some("ä".repeat(MAX_NAME_CHARS)),
            ..text("!=", 0.0)
        })
        .expect("all at their limits");
        assert_eq!(
            (parsed.cooldown_minutes(), parsed.for_s()),
            (MAX_COOLDOWN_MINUTES, MAX_FOR_S)
        );
        assert_eq!(
            (parsed.cooldown.as_secs(), parsed.hold.as_secs()),
            (7 * 24 * 3600, 24 * 3600)
        );
    }

    #[test]
    fn a_rule_that_names_no_type_is_about_what_its_metric_is_about() {
        let type_of = |metric| {
            let written = RuleText::new("Test", metric, ">", 1.0, "info");
            Rule::parse(&written).expect("valid").alert_type
        };
        for metric in [
            Metric::BatteryLevel,
            Metric::DroneTemperature,
            Metric::DroneTemperatureLow,
            Metric::Height,
            Metric::FloorDistance,
            Metric::BarometricAltitude,
            Metric::FlightTime,
            Metric::Speed,
            Metric::MissionPad,
            Metric::MissionPadX,
            Metric::MissionPadY,
            Metric::MissionPadZ,
        ] {
            assert_eq!(type_of(metric), AlertType::Drone, "{metric}");
        }
        for metric in [Metric::StateRate, Metric::StateAge, Metric::WifiSignal] {
            assert_eq!(type_of(metric), AlertType::Network, "{metric}");
        }
        for metric in [Metric::CpuUsage, Metric::Temperature] {
            assert_eq!(type_of(metric), AlertType::System, "{metric}");
        }
    }

    #[test]
    fn only_a_rule_that_watches_the_same_continues() {
        let rule = |change: fn(&mut RuleText)| {
            let mut written = text(">=", 95.0);
            change(&mut written);
            Rule::parse(&written).expect("valid")
        };
        let before = rule(|_| {});
        let same_thing: [fn(&mut RuleText); 3] = [
            |rule| rule.threshold = 1.0,
            |rule| rule.operator = "<".into(),
            |rule| rule.level = "critical".into(),
        ];
        for change in same_thing {
            assert!(rule(change).continues(&before));
        }
        let other_thing: [fn(&mut RuleText); 4] = [
            |rule| rule.name = "Other".into(),
            |rule| rule.metric = "memory_usage".into(),
            |rule| rule.source = Some("board".into()),
            |rule| rule.enabled = false,
        ];
        for change in other_thing {
            assert!(!rule(change).continues(&before), "{:?}", rule(change));
        }
    }
}
