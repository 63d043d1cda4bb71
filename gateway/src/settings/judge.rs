//! Asks every room what it would refuse, and says where that was written.
//!
//! Each room judges what it will use itself, by the same functions with which it
//! starts, so that the two cannot come apart. Nothing is opened but the files that
//! the configuration names.

use https::certificates;

use crate::config::{Loaded, Problem};
use crate::sources::tello as drones;
use crate::upstream::Upstream;
use crate::{logging, notify};

/// Everything for which a start would be refused, in the order of asking.
pub(super) fn judge(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let mut verdict = Verdict {
        loaded,
        problems: loaded.problems(),
    };
    verdict.problems.extend(rule_problems(loaded));
    if let Err(error) = logging::check_level(&config.logging.level) {
        verdict.refuse(&["logging", "level"], &error.to_string());
    }
    if let Some(reason) = logging::syslog_problem(&config.logging) {
        verdict.refuse(&["logging", "syslog"], &reason);
    }
    for (key, reason) in certificates::problems(&config.tls) {
        verdict.refuse(&["tls", key], &reason);
    }
    if let Err(error) = Upstream::new(&config.upstream) {
        verdict.refuse_keyed(&["upstream"], &error.0);
    }
    for error in notify::problems(config) {
        let section: Vec<&str> = error.section.iter().map(String::as_str).collect();
        verdict.refuse_keyed(&section, &error.reason);
    }
    verdict.fleet();
    verdict.problems
}

/// Whether every configured rule can be parsed, and all of them fit.
pub(crate) fn rule_problems(loaded: &Loaded) -> Vec<Problem> {
    let rules = &loaded.config.alerts.rule;
    let mut verdict = Verdict {
        loaded,
        problems: Vec::new(),
    };
    for (index, rule) in rules.iter().enumerate() {
        let place = index.to_string();
        let about = |reason: &str| format!("{:?}: {reason}", rule.name);
        if let Err((field, reason)) = alerting::check_rule(rule) {
            verdict.refuse(&["alerts", "rule", &place, field], &about(&reason));
        }
        if rules[..index].iter().any(|other| other.name == rule.name) {
            let reason = about("another rule has this name; names must differ");
            verdict.refuse(&["alerts", "rule", &place, "name"], &reason);
        }
    }
    // What is left are limits of all of them together.
    if verdict.problems.is_empty()
        && let Err(error) = alerting::effective_rules(&loaded.config.alerts, &[])
    {
        verdict.refuse(&["alerts", "rule"], &error.to_string());
    }
    verdict.problems
}

/// The problems found so far.
struct Verdict<'a> {
    loaded: &'a Loaded,
    problems: Vec<Problem>,
}

impl Verdict<'_> {
    fn refuse(&mut self, path: &[&str], reason: &str) {
        let message = format!("{}: {reason}", path.join("."));
        self.problems.push(Problem {
            place: self.loaded.place(path),
            message,
        });
    }

    /// Refuses `section` for a reason that begins with its key, such as
    /// `url: it names no host` or `secret_file /x: No such file`.
    fn refuse_keyed(&mut self, section: &[&str], reason: &str) {
        let key = reason.split([':', ' ']).next().unwrap_or_default();
        let words = reason
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(reason);
        let path = [section, &[key]].concat();
        // Not every reason begins with a key.
        if self.loaded.sets(&path) {
            self.refuse(&path, words);
        } else {
            self.refuse(section, reason);
        }
    }

    fn fleet(&mut self) {
        // What is wrong with single values is known by now, and located better.
        let known = |problem: &Problem| problem.message.starts_with("drones.");
        if self.problems.iter().any(known) {
            return;
        }
        let config = &self.loaded.config.drones;
        let Err(error) = drones::check_config(config) else {
            return;
        };
        let at = error.at().and_then(|(id, key)| {
            let index = config.drone.iter().position(|drone| drone.id == id)?;
            Some((index.to_string(), key))
        });
        match at {
            Some((index, key)) => {
                self.refuse(&["drones", "drone", &index, key], &error.to_string());
            }
            None => self.refuse(&["drones"], &error.to_string()),
        }
    }
}
