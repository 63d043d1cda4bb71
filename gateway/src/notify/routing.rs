//! Who is told what, and when: the routing of one channel.
//!
//! Pure. As much as a site without Alertmanager needs and no more: by level, type and
//! source; hours in which only what is critical disturbs; repetition until somebody has
//! acknowledged; one second channel for what nobody acknowledges. Who needs trees of
//! routes and silences has the Alertmanager channel.

use std::time::Duration;

use jiff::civil::Time;

use crate::config::notify::Route;
use readings::{AlertType, Level};
use store::AlertRecord;

/// Shortest repetition: what comes more often is switched off by people.
const REPEAT_MIN: u32 = 1;
/// Longest: a week.
const REPEAT_MAX: u32 = 7 * 24 * 60;

/// The parsed routing of a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Routing {
    /// Least level; all when none.
    pub(crate) min_level: Option<Level>,
    pub(crate) types: Vec<AlertType>,
    pub(crate) sources: Vec<String>,
    pub(crate) quiet: Option<Quiet>,
    /// How often what nobody has acknowledged is told again.
    pub(crate) repeat: Option<Duration>,
    /// The channel that is told as well, and after how long without acknowledgement.
    pub(crate) escalation: Option<(String, Duration)>,
}

/// Hours in which only what is critical disturbs, by the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quiet {
    from: Time,
    until: Time,
}

impl Quiet {
    /// `22:00-06:00`
    fn parse(text: &str) -> Result<Quiet, String> {
        let wrong = || format!("quiet: {text:?} is no time of day; write it as 22:00-06:00");
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).map_err(|_| wrong());
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let quiet = Quiet {
            from: time(from)?,
            until: time(until)?,
        };
        // Quiet for ever is no channel; what is meant is told by a level.
        if quiet.from == quiet.until {
            return Err(wrong());
        }
        Ok(quiet)
    }

    /// Whether it is quiet at that time of day. The hours may go over midnight.
    pub(crate) fn holds(self, now: Time) -> bool {
        match self.from < self.until {
            true => (self.from..self.until).contains(&now),
            false => now >= self.from || now < self.until,
        }
    }
}

impl Routing {
    /// The routing that a section says.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn parse(min_level: Option<&str>, route: &Route) -> Result<Routing, String> {
        let types = route.types.iter().map(|name| {
            AlertType::from_name(name).ok_or_else(|| {
                let known = AlertType::NAMES.join(", ");
                format!("types: {name:?} is none of {known}")
            })
        });
        let minutes = |key: &str, minutes: Option<u32>| match minutes {
            None => Ok(None),
            Some(minutes) if (REPEAT_MIN..=REPEAT_MAX).contains(&minutes) => {
                Ok(Some(Duration::from_secs(60 * u64::from(minutes))))
            }
            Some(_) => Err(format!(
                "{key}: must be {REPEAT_MIN} to {REPEAT_MAX} minutes"
            )),
        };
        let after = minutes("escalate_after_minutes", route.escalate_after_minutes)?;
        let escalation = match (&route.escalate_to, after) {
            (None, None) => None,
            (Some(to), Some(after)) => Some((to.clone(), after)),
            (Some(_), None) => {
                return Err("escalate_to: set escalate_after_minutes as well".to_owned());
            }
            (None, Some(_)) => {
                return Err("escalate_after_minutes: set escalate_to as well".to_owned());
            }
        };
        Ok(Routing {
            min_level: level(min_level)?,
            types: types.collect::<Result<_, _>>()?,
            sources: route.sources.clone(),
            quiet: route.quiet.as_deref().map(Quiet::parse).transpose()?,
            repeat: minutes("repeat_minutes", route.repeat_minutes)?,
            escalation,
        })
    }

    /// Whether an alert is this channel's business, at whatever hour.
    pub(crate) fn wants(&self, alert: &AlertRecord) -> bool {
        // A level or a type that this version does not know passes no filter.
        let of_level = Level::from_name(&alert.level) >= self.min_level;
        let of_type = self.types.is_empty()
            || AlertType::from_name(&alert.alert_type).is_some_and(|it| self.types.contains(&it));
        let of_source = self.sources.is_empty()
            || self
                .sources
                .iter()
                .any(|source| is_source(source, &alert.subject));
        of_level && of_type && of_source
    }

    /// Whether an alert waits for the end of quiet hours at that time of day.
    pub(crate) fn waits(&self, alert: &AlertRecord, now: Time) -> bool {
        let is_critical = Level::from_name(&alert.level) == Some(Level::Critical);
        !is_critical && self.quiet.is_some_and(|quiet| quiet.holds(now))
    }

    /// Whether anything happens by time alone.
    pub(crate) fn has_hours(&self) -> bool {
        self.quiet.is_some() || self.repeat.is_some() || self.escalation.is_some()
    }
}

/// `source` as it is written, `*` at the end for all that begin so.
fn is_source(source: &str, subject: &str) -> bool {
    match source.strip_suffix('*') {
        Some(start) => subject.starts_with(start),
        None => subject == source,
    }
}

fn level(name: Option<&str>) -> Result<Option<Level>, String> {
    let Some(name) = name else { return Ok(None) };
    Level::from_name(name).map(Some).ok_or_else(|| {
        let known = Level::NAMES.join(", ");
        format!("min_level: {name:?} is none of {known}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::battery;
    use store::OutboxEvent;

    fn at(text: &str) -> Time {
        Time::strptime("%H:%M", text).expect("a time")
    }

    #[test]
    fn quiet_hours_may_go_over_midnight_and_critical_passes_them() {
        let route = Route {
            quiet: Some("22:00-06:00".to_owned()),
            ..Route::default()
        };
        let routing = Routing::parse(None, &route).expect("parsed");
        let mut alert = battery(OutboxEvent::Raised).record.alert;
        assert!(!routing.waits(&alert, at("23:00")), "critical");
        alert.level = "error".to_owned();
        for (time, waits) in [
            ("21:59", false),
            ("22:00", true),
            ("05:59", true),
            ("06:00", false),
        ] {
            assert_eq!(routing.waits(&alert, at(time)), waits, "{time}");
        }
        let midday = Quiet::parse("12:00-13:00").expect("parsed");
        assert!(midday.holds(at("12:30")) && !midday.holds(at("23:00")));
        for wrong in ["22-6", "22:00", "24:00-06:00", "08:00-08:00"] {
            assert!(Quiet::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_alert_passes_by_level_type_and_source() {
        let alert = battery(OutboxEvent::Raised).record.alert;
        let wants = |level: Option<&str>, types: &[&str], sources: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let route = Route {
                types: owned(types),
                sources: owned(sources),
                ..Route::default()
            };
            Routing::parse(level, &route).expect("parsed").wants(&alert)
        };
        assert!(wants(None, &[], &[]) && wants(Some("critical"), &["drone"], &["drone_001"]));
        assert!(wants(None, &[], &["board", "drone_*"]));
        assert!(!wants(None, &["system"], &[]) && !wants(None, &[], &["drone_00"]));
    }

    #[test]
    fn what_is_half_said_is_refused_with_its_key() {
        let refused = |route: Route| Routing::parse(None, &route).expect_err("refused");
        let mut route = Route {
            escalate_to: Some("phones".to_owned()),
            ..Route::default()
        };
        assert!(refused(route.clone()).starts_with("escalate_to: "));
        route.escalate_after_minutes = Some(0);
        assert!(refused(route).starts_with("escalate_after_minutes: "));
        let types = Route {
            types: vec!["weather".to_owned()],
            ..Route::default()
        };
        assert!(refused(types).starts_with("types: "));
    }
}
