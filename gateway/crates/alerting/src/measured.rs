//! The alert service's counters at `/metrics`.

use std::collections::BTreeSet;
use std::fmt;

use readings::measured::{Measured, Page};

use crate::{AlertStats, Alerts, Filter};

impl Measured for Alerts {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let summary = self.summary();
        page.gauge("alerts", "Alerts kept", summary.total as f64)?;
        page.gauge(
            "alerts_unresolved",
            "Alerts not resolved",
            summary.unresolved as f64,
        )?;
        page.gauge(
            "alerts_critical_24h",
            "Critical alerts of the last 24 hours",
            summary.critical_24h as f64,
        )?;
        firing(self, page)?;
        let stats = self.stats();
        for (name, help, count) in counters(&stats) {
            page.counter(name, help, count)?;
        }
        for (name, help, value) in gauges(&stats) {
            page.gauge(name, help, value as f64)?;
        }
        Ok(())
    }
}

/// What stands, by rule and source. What was raised more than once, and not resolved in
/// between, stands once.
fn firing(alerts: &Alerts, page: &mut Page<'_>) -> fmt::Result {
    let unresolved = alerts.list(&Filter {
        unresolved_only: true,
        ..Filter::default()
    });
    let standing: BTreeSet<[&str; 3]> = unresolved
        .iter()
        .filter(|alert| alert.is_open())
        .map(|alert| [&*alert.title, alert.level.name(), &*alert.subject])
        .collect();
    let labels: Vec<[(&str, &str); 3]> = standing
        .into_iter()
        .map(|[rule, level, source]| [("rule", rule), ("level", level), ("source", source)])
        .collect();
    page.gauges(
        "alert_firing",
        "1 while what raised the alert stands",
        labels.iter().map(|labels| (labels.as_slice(), 1.0)),
    )
}

type Sample<N> = (&'static str, &'static str, N);

fn counters(stats: &AlertStats) -> [Sample<u64>; 12] {
    [
        (
            "rule_evaluations",
            "Evaluations of a rule on a reading",
            stats.evaluations,
        ),
        (
            "rule_readings_refused",
            "Readings that were no finite number",
            stats.not_finite,
        ),
        ("alerts_raised", "Alerts raised", stats.raised),
        (
            "alerts_suppressed",
            "Times a cool-down kept a rule silent",
            stats.suppressed,
        ),
        (
            "alerts_coalesced",
            "Episodes that became one alert with the one before",
            stats.coalesced,
        ),
        (
            "alert_commands_refused",
            "Changes refused because too many were waiting",
            stats.commands_refused,
        ),
        (
            "alert_commits_failed",
            "Commits of alerts that failed",
            stats.commits_failed,
        ),
        (
            "alert_conditions_refused",
            "Conditions refused because their table was full",
            stats.conditions_refused,
        ),
        (
            "alerts_dropped_full",
            "Alerts dropped because the book was full",
            stats.dropped_full,
        ),
        (
            "alerts_dropped_old",
            "Alerts dropped for their age",
            stats.dropped_old,
        ),
        (
            "alert_ends_delayed",
            "Looks at which an alert stood on to keep the budget of writes",
            stats.ends_delayed,
        ),
        (
            "alert_events_overwritten",
            "Events that the slowest subscriber had not read",
            stats.events_overwritten,
        ),
    ]
}

fn gauges(stats: &AlertStats) -> [Sample<usize>; 5] {
    [
        (
            "alert_conditions",
            "Conditions that stand",
            stats.conditions,
        ),
        (
            "alerts_not_durable",
            "Alerts whose present state is in memory only",
            stats.not_durable,
        ),
        (
            "alert_commands_waiting",
            "Changes that wait for the committer",
            stats.commands_waiting,
        ),
        (
            "alert_cells_waiting",
            "Transitions of rules that wait for the committer",
            stats.cells_waiting,
        ),
        (
            "alert_rules_ignored",
            "Stored rules that are not understood",
            stats.rules_ignored as usize,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_stands_under_its_own_name() {
        let stats = AlertStats {
            evaluations: 1,
            not_finite: 2,
            raised: 3,
            suppressed: 4,
            coalesced: 5,
            cells_waiting: 6,
            commands_waiting: 7,
            commands_refused: 8,
            not_durable: 9,
            commits_failed: 10,
            conditions: 11,
            conditions_refused: 12,
            dropped_full: 13,
            dropped_old: 14,
            events_overwritten: 15,
            rules_ignored: 16,
            ends_delayed: 17,
        };
        let counted = counters(&stats).map(|(name, _, value)| (name, value));
        assert_eq!(
            counted,
            [
                ("rule_evaluations", 1),
                ("rule_readings_refused", 2),
                ("alerts_raised", 3),
                ("alerts_suppressed", 4),
                ("alerts_coalesced", 5),
                ("alert_commands_refused", 8),
                ("alert_commits_failed", 10),
                ("alert_conditions_refused", 12),
                ("alerts_dropped_full", 13),
                ("alerts_dropped_old", 14),
                ("alert_ends_delayed", 17),
                ("alert_events_overwritten", 15),
            ]
        );
        let gauged = gauges(&stats).map(|(name, _, value)| (name, value));
        assert_eq!(
            gauged,
            [
                ("alert_conditions", 11),
                ("alerts_not_durable", 9),
                ("alert_commands_waiting", 7),
                ("alert_cells_waiting", 6),
                ("alert_rules_ignored", 16),
            ]
        );
    }
}
