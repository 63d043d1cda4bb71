//! What rules made through the API do, in a file beside the store.
//!
//! The record of a rule has no place for its action, and a record of another shape would
//! keep an older program from opening the store after a roll-back. So an action lies here,
//! together with the whole rule that it was saved with: it counts for exactly that rule,
//! whatever a program without actions has made of the record since.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alerting::{Change, MAX_API_RULES, Rule};

use super::rule_record::{rule_record, rule_text};
use crate::config;
use crate::state_file::StateFile;

/// Name of the file.
const FILE: &str = "rule_actions.json";

/// Most that are kept: those in force, and one that is about to be.
const MAX_KEPT: usize = 2 * MAX_API_RULES;

/// The rules with an action that the API has made.
#[derive(Default)]
pub(super) struct ActionFile {
    file: Option<StateFile>,
    kept: Mutex<Vec<config::Rule>>,
    /// Held by each write to its end: the committer gives up a slow one, and begins another.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl ActionFile {
    /// That of the state directory `dir`.
    pub(super) fn open(dir: &Path) -> ActionFile {
        let file = StateFile::at(dir, FILE);
        let mut kept: Vec<config::Rule> = file.read();
        kept.truncate(MAX_KEPT);
        ActionFile {
            file: Some(file),
            kept: Mutex::new(kept),
            writing: Arc::default(),
        }
    }

    /// The rule with the action that was saved with it.
    pub(super) fn complete(&self, rule: config::Rule) -> config::Rule {
        let kept = self.lock();
        let same = kept.iter().find(|kept| without_action(kept) == rule);
        same.cloned().unwrap_or(rule)
    }

    /// Saves the actions of `changes`, before these are committed. What the rules of the
    /// same names did before stays in the file beside it: until the commit it is they that
    /// are in force.
    ///
    /// # Errors
    /// The medium refuses; nothing is saved.
    pub(super) async fn save(&self, changes: &[Change]) -> io::Result<()> {
        let mut next = self.lock().clone();
        for change in changes {
            let Change::PutRule(stored) = change else {
                continue;
            };
            let text = written(&stored.rule);
            // Of a name there is the one in force, which is the last that was put.
            let mut of_name = next.iter().filter(|kept| kept.name == text.name);
            let last = of_name.next_back().cloned();
            next.retain(|kept| kept.name != text.name);
            next.extend(last.filter(|last| without_action(last) != without_action(&text)));
            if text.action.is_some() {
                next.push(text);
            }
        }
        // (The oldest go first: those of rules that are long gone.)
        let excess = next.len().saturating_sub(MAX_KEPT);
        next.drain(..excess);
        if *self.lock() == next {
            return Ok(());
        }
        if let Some(file) = &self.file {
            let guard = self.writing.clone().lock_owned().await;
            file.write_holding(&next, guard).await?;
        }
        *self.lock() = next;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<config::Rule>> {
        // Valid after every statement above.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rule as it is written.
fn written(rule: &Rule) -> config::Rule {
    let mut text = rule_text(rule_record(rule, false));
    if let Some(action) = &rule.action {
        text.action = Some(action.what.name().to_owned());
        text.drones = action.drones.iter().map(|id| id.to_string()).collect();
    }
    text
}

fn without_action(rule: &config::Rule) -> config::Rule {
    config::Rule {
        action: None,
        drones: Vec::new(),
        ..rule.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::StoredRule;
    use readings::Metric;

    fn rule(threshold: f64, action: Option<&str>) -> Rule {
        let mut text = config::Rule::new("Wind", Metric::Temperature, ">", threshold, "warning");
        text.action = action.map(str::to_owned);
        if action.is_some() {
            text.drones = vec!["d1".to_owned()];
        }
        Rule::parse(&text).expect("valid")
    }

    fn put(rule: Rule) -> Vec<Change> {
        vec![Change::PutRule(Box::new(StoredRule {
            rule,
            deleted: false,
        }))]
    }

    fn stored(actions: &ActionFile, rule: &Rule) -> Rule {
        let text = actions.complete(rule_text(rule_record(rule, false)));
        Rule::parse(&text).expect("valid")
    }

    #[tokio::test]
    async fn an_action_counts_for_the_rule_that_it_was_saved_with() {
        let dir = tempfile::tempdir().expect("a directory");
        let actions = ActionFile::open(dir.path());
        let (first, second) = (rule(10.0, Some("land")), rule(12.0, Some("stop")));
        actions.save(&put(first.clone())).await.expect("saved");
        actions.save(&put(second.clone())).await.expect("saved");
        for actions in [&actions, &ActionFile::open(dir.path())] {
            assert_eq!(stored(actions, &second), second);
            // The commit of the second may have failed: then the first is in force.
            assert_eq!(stored(actions, &first), first);
            assert_eq!(stored(actions, &rule(13.0, None)).action, None);
        }
        // The same without an action has none.
        actions.save(&put(rule(12.0, None))).await.expect("saved");
        let again = ActionFile::open(dir.path());
        assert_eq!(stored(&again, &second).action, None);
    }
}
