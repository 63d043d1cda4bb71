//! The least and the greatest value of every number that can be set, a row each.
//!
//! Each section states its rows beside its keys; here they are judged and put into words,
//! and a test compares the comments of `deploy/deb/gateway.toml`. Numbers in
//! lists of tables (`[[bridge]]`, `[[alerts.rule]]`) are judged with their tables.
//! It judges single values; what must fit together is judged in `validate`.

use std::ops::RangeInclusive;

use alerting::{MAX_ALERTS, MAX_RETENTION_DAYS};
use toml::{Table, Value};

use super::LIMITS;

/// The range of one number.
pub(super) struct Limit {
    section: &'static str,
    key: &'static str,
    least: f64,
    /// Infinite where more does no harm.
    most: f64,
    unit: &'static str,
    /// What zero means, where it is allowed beside the range.
    zero: Option<&'static str>,
    /// Why, or what to do instead.
    hint: &'static str,
}

/// Where none at all would lock everybody out, and more does no harm.
pub(super) const SOME: (f64, f64) = (1.0, f64::INFINITY);
const NO_RATE_LIMIT: &str = "; access.rate_limit_enabled = false turns all limits off";

pub(super) const KIB: f64 = 1024.0;
pub(super) const MIB: f64 = 1024.0 * KIB;
pub(super) const GIB: f64 = 1024.0 * MIB;

/// Of the sections that crates of their own describe.
pub(super) const ACCESS: &[Limit] = &[
    limit("access", "max_failed_attempts", SOME, "")
        .hint("; access.lockout = false turns the lock-out off"),
    // A week: whoever is locked out for longer has been forgotten.
    limit(
        "access",
        "failed_attempt_window_hours",
        (1.0, 168.0),
        " hours",
    ),
    limit("access", "root_per_minute", SOME, "").hint(NO_RATE_LIMIT),
    limit("access", "health_per_minute", SOME, "").hint(NO_RATE_LIMIT),
    limit("access", "page_per_minute", SOME, "").hint(NO_RATE_LIMIT),
    limit("access", "other_per_minute", (120.0, f64::INFINITY), "")
        .or_zero("unlimited")
        .hint(": dashboards poll three routes every 5 s"),
    // The first two, and what a store opens within a second.
    limit("access", "max_keys", (2.0, 4096.0), ""),
];

pub(super) const STORAGE: &[Limit] = &[
    limit("storage", "batch_interval_s", (60.0, 3600.0), " seconds")
        .hint(": shorter wears out the SD card"),
    limit("storage", "history_days", (1.0, 7.0), " days"),
    // Up to a month: the journal since the last snapshot is read at every start.
    limit(
        "storage",
        "snapshot_interval_s",
        (600.0, 31.0 * 24.0 * 3600.0),
        " seconds",
    ),
];

pub(super) const ALERTS: &[Limit] = &[
    // Each is held in memory, and listed.
    limit("alerts", "max_alerts", (1.0, MAX_ALERTS as f64), ""),
    limit(
        "alerts",
        "retention_days",
        (1.0, MAX_RETENTION_DAYS as f64),
        " days",
    ),
];

pub(super) const fn both(range: &RangeInclusive<f64>) -> (f64, f64) {
    (*range.start(), *range.end())
}

pub(super) const fn limit(
    section: &'static str,
    key: &'static str,
    (least, most): (f64, f64),
    unit: &'static str,
) -> Limit {
    Limit {
        section,
        key,
        least,
        most,
        unit,
        zero: None,
        hint: "",
    }
}

impl Limit {
    pub(super) const fn or_zero(mut self, meaning: &'static str) -> Limit {
        self.zero = Some(meaning);
        self
    }

    pub(super) const fn hint(mut self, hint: &'static str) -> Limit {
        self.hint = hint;
        self
    }

    fn allows(&self, value: f64) -> bool {
        (self.least..=self.most).contains(&value) || (value == 0.0 && self.zero.is_some())
    }

    /// The range, as in `1 to 3600 seconds` or `0 (off), or at least 5`.
    fn range(&self) -> String {
        let zero = match self.zero {
            Some(meaning) => format!("0 ({meaning}) or "),
            None => String::new(),
        };
        let Limit {
            least, most, unit, ..
        } = self;
        if most.is_infinite() {
            format!("{zero}at least {least}{unit}")
        } else {
            format!("{zero}{least} to {most}{unit}")
        }
    }
}

/// Every number of `table`, a whole configuration, that is outside its range: section
/// and key, and what is allowed.
pub(super) fn problems(
    table: &Table,
) -> impl Iterator<Item = ([&'static str; 2], String)> + use<'_> {
    LIMITS.iter().copied().flatten().filter_map(|limit| {
        let value = table.get(limit.section).and_then(|s| s.get(limit.key));
        let value = match value {
            Some(Value::Integer(value)) => *value as f64,
            Some(Value::Float(value)) => *value,
            // Cannot be; and what cannot be judged is not let through.
            _ => f64::NAN,
        };
        let words = || format!("must be {}{}", limit.range(), limit.hint);
        (!limit.allows(value)).then(|| ([limit.section, limit.key], words()))
    })
}

/// The least, zero where that means something, and the greatest value of a number.
#[cfg(test)]
pub(super) fn bounds(section: &str, key: &str) -> Option<(f64, f64)> {
    let mut all = LIMITS.iter().copied().flatten();
    let limit = all.find(|limit| (limit.section, limit.key) == (section, key))?;
    let least = if limit.zero.is_some() {
        0.0
    } else {
        limit.least
    };
    Some((least, limit.most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn table(config: &Config) -> Table {
        crate::config::to_table(config)
    }

    #[test]
    fn every_row_is_of_a_number_that_can_be_set_and_its_default_is_sound() {
        let defaults = table(&Config::default());
        for limit in LIMITS.iter().copied().flatten() {
            let value = defaults.get(limit.section).and_then(|s| s.get(limit.key));
            assert!(
                matches!(value, Some(Value::Integer(_) | Value::Float(_))),
                "{}.{} is {value:?}",
                limit.section,
                limit.key
            );
        }
        assert_eq!(problems(&defaults).next(), None);
    }

    #[test]
    fn every_number_of_a_section_has_a_row() {
        // Ports have the range of their type. More sockets than connections are no harm.
        const NONE: &[&str] = &["state_port", "command_port", "video_port", "max_websockets"];
        for (section, keys) in table(&Config::default()) {
            for (key, value) in keys.as_table().into_iter().flatten() {
                let number = matches!(value, Value::Integer(_) | Value::Float(_));
                let row = LIMITS
                    .iter()
                    .copied()
                    .flatten()
                    .any(|row| row.section == section && row.key == key);
                assert!(
                    !number || row || NONE.contains(&key.as_str()),
                    "{section}.{key} has no range"
                );
            }
        }
    }

    #[test]
    fn both_ends_are_allowed_and_what_is_beyond_is_refused_in_words() {
        let mut config = Config::default();
        for (value, sound) in [(59, false), (60, true), (3600, true), (3601, false)] {
            config.storage.batch_interval_s = value;
            assert_eq!(problems(&table(&config)).next().is_none(), sound, "{value}");
        }
        config.camera.photos_max_bytes = 5;
        config.camera.photo_timeout_s = f64::NAN;
        config.access.other_per_minute = 119;
        let found: Vec<_> = problems(&table(&config))
            .map(|([section, key], words)| format!("{section}.{key} {words}"))
            .collect();
        assert_eq!(
            found,
            [
                "access.other_per_minute must be 0 (unlimited) or at least 120: dashboards poll three routes every 5 s",
                "storage.batch_interval_s must be 60 to 3600 seconds: shorter wears out the SD card",
                "camera.photos_max_bytes must be 0 (no photos) or 1048576 to 17179869184 bytes",
                "camera.photo_timeout_s must be 0.5 to 30 seconds",
            ]
        );
        config.access.other_per_minute = 0;
        assert_eq!(problems(&table(&config)).count(), 3);
    }

    #[test]
    fn the_documented_file_tells_the_ranges() {
        let file = include_str!("../../../deploy/deb/gateway.toml");
        for limit in LIMITS.iter().copied().flatten() {
            let header = format!("[{}]", limit.section);
            let section = file
                .split('\n')
                .skip_while(|line| line.trim_start_matches('#') != header)
                .skip(1)
                .take_while(|line| !line.trim_start_matches('#').starts_with('['));
            let key = format!("{} = ", limit.key);
            let line = section
                .map(|line| line.trim_start_matches('#'))
                .find(|line| line.starts_with(&key));
            // `0.5 to 60` stands behind the value; units and zero are explained above it.
            let told = line.and_then(|line| line.split_once("  # "));
            let wanted = limit.range();
            let wanted = wanted.strip_suffix(limit.unit).unwrap_or(&wanted);
            assert_eq!(
                told.map(|(_, range)| range),
                Some(wanted),
                "{}.{}",
                limit.section,
                limit.key
            );
        }
    }
}
