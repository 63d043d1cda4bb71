//! Which rules are in effect: default < config < API.
//!
//! Pure. A rule of a higher layer takes the place of the one of the same name
//! below it, so the documented ten stay first and in order whatever is changed.
//! A rule deleted through the API stays deleted, also when the configuration
//! names it, until it is put again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::AlertError;
use super::journal::{Change, StoredRule};
use super::model::RuleView;
use super::rule::{Rule, invalid};
use super::rule_table::{MAX_API_RULES, MAX_CONFIG_RULES, MAX_DEFAULT_RULES, RuleTable};
use crate::{Config, RuleText};
use readings::Metric;

/// A rule in effect and its layer.
#[derive(Clone)]
struct Listed {
    rule: Arc<Rule>,
    origin: &'static str,
}

/// All layers.
pub(super) struct Rulebook {
    defaults_apply: bool,
    built_in: Vec<Rule>,
    /// What other rooms add, by the room's name.
    added: BTreeMap<&'static str, Vec<Rule>>,
    /// Both together, as they are listed.
    defaults: Vec<Rule>,
    config: Vec<Rule>,
    /// None: deleted.
    api: BTreeMap<String, Option<Rule>>,
    auto_resolve: bool,
    listed: Vec<Listed>,
    table: Arc<RuleTable>,
    triggered: BTreeMap<Arc<str>, Timestamp>,
}

impl Rulebook {
    /// # Errors
    /// [`AlertError::InvalidRule`] for a rule in the configuration,
    /// [`AlertError::Full`] for too many.
    pub(super) fn new(config: &Config, defaults: Vec<Rule>) -> Result<Rulebook, AlertError> {
        let mut book = Rulebook {
            defaults_apply: config.default_rules,
            built_in: defaults.clone(),
            added: BTreeMap::new(),
            defaults,
            config: Vec::new(),
            api: BTreeMap::new(),
            auto_resolve: config.auto_resolve,
            listed: Vec::new(),
            table: Arc::new(RuleTable::empty()),
            triggered: BTreeMap::new(),
        };
        book.configure(config)?;
        Ok(book)
    }

    /// Takes the rules of a configuration; nothing changes when one is invalid.
    pub(super) fn configure(&mut self, config: &Config) -> Result<(), AlertError> {
        let rules = parse_all(&config.rule)?;
        self.config = rules;
        self.defaults_apply = config.default_rules;
        self.auto_resolve = config.auto_resolve;
        self.rebuild();
        Ok(())
    }

    /// Makes `rules` the default rules that `room` adds, in place of those it
    /// added before; one of a known name replaces it. Nothing changes when they
    /// do not fit.
    pub(super) fn set_defaults(
        &mut self,
        room: &'static str,
        rules: Vec<Rule>,
    ) -> Result<(), AlertError> {
        let mut defaults = self.built_in.clone();
        let others = self
            .added
            .iter()
            .filter(|(other, _)| **other != room)
            .flat_map(|(_, rules)| rules);
        for rule in others.chain(&rules) {
            match defaults.iter_mut().find(|known| known.name == rule.name) {
                Some(known) => *known = rule.clone(),
                None => defaults.push(rule.clone()),
            }
        }
        if defaults.len() > MAX_DEFAULT_RULES {
            return Err(AlertError::Full(format!(
                "more than {MAX_DEFAULT_RULES} default rules"
            )));
        }
        self.defaults = defaults;
        self.added.insert(room, rules);
        self.rebuild();
        Ok(())
    }

    /// Takes a rule that was durable at the start. False: there is no room for it.
    pub(super) fn restore(&mut self, StoredRule { rule, deleted }: StoredRule) -> bool {
        if self.check_room(&rule.name).is_err() {
            return false;
        }
        self.api
            .insert(rule.name.to_string(), (!deleted).then_some(rule));
        self.rebuild();
        true
    }

    /// Whether the API may put or delete the rule called `name`.
    pub(super) fn check_room(&self, name: &str) -> Result<(), AlertError> {
        if self.api.len() >= MAX_API_RULES && !self.api.contains_key(name) {
            let text =
                format!("{MAX_API_RULES} rules are made or changed already; delete one first");
            return Err(AlertError::Full(text));
        }
        Ok(())
    }

    /// What the store must hold once the rule called `name` is deleted.
    ///
    /// # Errors
    /// [`AlertError::UnknownRule`], [`AlertError::Full`].
    pub(super) fn deletion(&self, name: &str) -> Result<Change, AlertError> {
        let listed = self
            .find(name)
            .ok_or_else(|| AlertError::UnknownRule(name.to_owned()))?;
        if !self.below_api(name) {
            return Ok(Change::DeleteRule(name.to_owned()));
        }
        self.check_room(name)?;
        Ok(put(&listed.rule, true))
    }

    /// Puts a rule of the API in effect. The caller has checked for room.
    pub(super) fn put(&mut self, rule: Rule) -> Option<RuleView> {
        let name = rule.name.clone();
        self.api.insert(name.to_string(), Some(rule));
        self.rebuild();
        self.find(&name).map(|listed| self.view(listed))
    }

    /// Takes a rule out of effect.
    pub(super) fn delete(&mut self, name: &str) {
        if self.below_api(name) {
            self.api.insert(name.to_owned(), None);
        } else {
            self.api.remove(name);
        }
        self.rebuild();
    }

    /// What the store should hold for `name`: written again after a commit of
    /// which it is not known whether it took effect.
    pub(super) fn correction(&self, name: &str) -> Change {
        let deleted_one = || {
            self.defaults
                .iter()
                .chain(&self.config)
                .find(|rule| &*rule.name == name)
        };
        match self.api.get(name) {
            Some(Some(rule)) => put(rule, false),
            Some(None) => deleted_one().map_or_else(
                || Change::DeleteRule(name.to_owned()),
                |rule| put(rule, true),
            ),
            None => Change::DeleteRule(name.to_owned()),
        }
    }

    /// Whether alerts of the rule called `name` resolve themselves.
    pub(super) fn auto_resolves(&self, name: &str) -> bool {
        self.find(name)
            .and_then(|listed| listed.rule.auto_resolve)
            .unwrap_or(self.auto_resolve)
    }

    /// Whether alerts of conditions resolve themselves.
    pub(super) fn conditions_auto_resolve(&self) -> bool {
        self.auto_resolve
    }

    /// Whether a rule still watches `metric` of `subject` under `name`.
    pub(super) fn watches(&self, name: &str, metric: Metric, subject: &str) -> bool {
        self.find(name).is_some_and(|Listed { rule, .. }| {
            rule.enabled && rule.metric == metric && rule.covers(subject)
        })
    }

    pub(super) fn note_triggered(&mut self, name: &str, at: Timestamp) {
        // Keyed by rules in effect only, so it cannot outgrow them.
        if let Some(name) = self.find(name).map(|listed| listed.rule.name.clone()) {
            self.triggered.insert(name, at);
        }
    }

    pub(super) fn views(&self) -> Vec<RuleView> {
        self.listed.iter().map(|listed| self.view(listed)).collect()
    }

    pub(super) fn table(&self) -> &Arc<RuleTable> {
        &self.table
    }

    fn view(&self, listed: &Listed) -> RuleView {
        RuleView {
            rule: listed.rule.clone(),
            origin: listed.origin,
            last_triggered: self.triggered.get(&listed.rule.name).copied(),
        }
    }

    fn find(&self, name: &str) -> Option<&Listed> {
        self.listed.iter().find(|listed| &*listed.rule.name == name)
    }

    fn below_api(&self, name: &str) -> bool {
        let defaults = self.defaults.iter().filter(|_| self.defaults_apply);
        defaults.chain(&self.config).any(|rule| &*rule.name == name)
    }

    fn rebuild(&mut self) {
        let mut listed: Vec<Listed> = Vec::new();
        let defaults = self
            .defaults
            .iter()
            .filter(|_| self.defaults_apply)
            .map(|rule| (rule, "default"));
        let config = self.config.iter().map(|rule| (rule, "config"));
        let api = self.api.values().flatten().map(|rule| (rule, "api"));
        for (rule, origin) in defaults.chain(config).chain(api) {
            let next = Listed {
                rule: Arc::new(rule.clone()),
                origin,
            };
            match listed
                .iter_mut()
                .find(|listed| listed.rule.name == rule.name)
            {
                Some(place) => *place = next,
                None => listed.push(next),
            }
        }
        listed.retain(|listed| !matches!(self.api.get(&*listed.rule.name), Some(None)));
        self.triggered
            .retain(|name, _| listed.iter().any(|listed| listed.rule.name == *name));
        let rules = listed.iter().map(|listed| &listed.rule);
        self.table = Arc::new(self.table.next(rules));
        self.listed = listed;
    }
}

fn put(rule: &Rule, deleted: bool) -> Change {
    Change::PutRule(Box::new(StoredRule {
        rule: rule.clone(),
        deleted,
    }))
}

fn parse_all(texts: &[RuleText]) -> Result<Vec<Rule>, AlertError> {
    if texts.len() > MAX_CONFIG_RULES {
        return Err(AlertError::Full(format!(
            "{} rules are configured; at most {MAX_CONFIG_RULES} fit",
            texts.len()
        )));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for text in texts {
        let rule = Rule::parse(text)?;
        if rules.iter().any(|known| known.name == rule.name) {
            return Err(invalid(
                "name",
                format!("{:?} is used by two rules of the configuration", text.name),
            ));
        }
        rules.push(rule);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
