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
mod tests {
    use super::super::defaults::default_rules;
    use super::super::rule::tests::text;
    use super::super::rule_table::MAX_RULES;
    use super::*;

    fn named(name: &str, threshold: f64) -> RuleText {
        RuleText {
            name: name.to_owned(),
            ..text(">=", threshold)
        }
    }

    fn book(rules: Vec<RuleText>) -> Rulebook {
        Rulebook::new(
            &Config {
                rule: rules,
                ..Config::default()
            },
            default_rules(),
        )
        .expect("valid")
    }

    fn listing(book: &Rulebook) -> Vec<(String, &'static str, f64)> {
        book.views()
            .into_iter()
            .map(|view| (view.rule.name.to_string(), view.origin, view.rule.threshold))
            .collect()
    }

    #[test]
    fn higher_layers_take_the_place_of_lower_ones() {
        let mut book = book(vec![named("High CPU Usage", 70.0), named("Mine", 1.0)]);
        assert_eq!(listing(&book).len(), 13);
        assert_eq!(
            listing(&book)[0],
            ("High CPU Usage".to_owned(), "config", 70.0)
        );
        book.put(Rule::parse(&named("High CPU Usage", 60.0)).expect("valid"));
        assert_eq!(
            listing(&book)[0],
            ("High CPU Usage".to_owned(), "api", 60.0)
        );
        assert_eq!(listing(&book)[12].0, "Mine");
    }

    #[test]
    fn a_deleted_rule_stays_deleted_over_a_reload_until_it_is_put_again() {
        let mut book = book(vec![]);
        let change = book.deletion("Low Battery").expect("known");
        assert!(
            matches!(&change, Change::PutRule(record) if record.deleted),
            "{change:?}"
        );
        book.delete("Low Battery");
        assert!(matches!(
            book.deletion("Low Battery"),
            Err(AlertError::UnknownRule(_))
        ));
        let config = Config {
            rule: vec![named("Low Battery", 5.0)],
            ..Config::default()
        };
        book.configure(&config).expect("valid");
        assert!(book.find("Low Battery").is_none());
        assert_eq!(book.correction("Low Battery"), {
            let rule = Rule::parse(&named("Low Battery", 20.0)).expect("valid");
            let default = default_rules()
                .into_iter()
                .find(|known| known.name == rule.name)
                .expect("known");
            put(&default, true)
        });
        book.put(Rule::parse(&named("Low Battery", 6.0)).expect("valid"));
        assert_eq!(listing(&book)[8], ("Low Battery".to_owned(), "api", 6.0));
        let own = Rule::parse(&named("Own", 1.0)).expect("valid");
        book.put(own);
        assert_eq!(
            book.deletion("Own").expect("known"),
            Change::DeleteRule("Own".to_owned())
        );
    }

    #[test]
    fn an_invalid_reload_changes_nothing() {
        let mut book = book(vec![named("Mine", 1.0)]);
        let twice = Config {
            rule: vec![named("A", 1.0), named("A", 2.0)],
            ..Config::default()
        };
        assert!(book.configure(&twice).is_err());
        let many = (0..=MAX_CONFIG_RULES)
            .map(|n| named(&format!("r{n}"), 1.0))
            .collect();
        assert!(
            book.configure(&Config {
                rule: many,
                ..Config::default()
            })
            .is_err()
        );
        assert_eq!(listing(&book).len(), 13);
    }

    #[test]
    fn a_rule_keeps_its_slot_while_others_come_and_go() {
        let mut book = book(vec![named("A", 1.0), named("B", 1.0)]);
        let before = book.table().slot_of("B").expect("listed");
        book.configure(&Config {
            rule: vec![named("C", 1.0), named("B", 2.0)],
            ..Config::default()
        })
        .expect("valid");
        assert_eq!(book.table().slot_of("B"), Some(before));
        assert!(book.table().slot_of("A").is_none());
        let watching: Vec<&str> = book
            .table()
            .watching(Metric::CpuUsage)
            .map(|(_, rule)| &*rule.name)
            .collect();
        assert_eq!(watching.len(), 4, "{watching:?}");
    }

    #[test]
    fn a_room_takes_back_the_defaults_it_no_longer_names() {
        let mut book = book(vec![]);
        let parsed = |name: &str| Rule::parse(&named(name, 1.0)).expect("valid");
        book.set_defaults("here", vec![parsed("A"), parsed("High CPU Usage")])
            .expect("room");
        book.set_defaults("there", vec![parsed("B")]).expect("room");
        assert_eq!(
            listing(&book)[0],
            ("High CPU Usage".to_owned(), "default", 1.0)
        );
        book.set_defaults("here", vec![parsed("C")]).expect("room");
        assert_eq!(
            listing(&book)[0],
            ("High CPU Usage".to_owned(), "default", 85.0),
            "the built-in one is back"
        );
        let names: Vec<String> = listing(&book)
            .into_iter()
            .skip(12)
            .map(|(name, ..)| name)
            .collect();
        assert_eq!(names, ["B", "C"]);
        assert!(book.table().slot_of("A").is_none());
        book.set_defaults("there", Vec::new()).expect("room");
        assert_eq!(listing(&book).len(), 13);
    }

    #[test]
    fn full_layers_always_fit_together() {
        let mut book = book(
            (0..MAX_CONFIG_RULES)
                .map(|n| named(&format!("c{n}"), 1.0))
                .collect(),
        );
        let extra = (0..MAX_DEFAULT_RULES - 12)
            .map(|n| Rule::parse(&named(&format!("d{n}"), 1.0)).expect("valid"));
        book.set_defaults("here", extra.collect()).expect("room");
        assert!(
            book.set_defaults(
                "there",
                vec![Rule::parse(&named("one more", 1.0)).expect("valid")]
            )
            .is_err()
        );
        for n in 0..MAX_API_RULES {
            book.check_room(&format!("a{n}")).expect("room");
            book.put(Rule::parse(&named(&format!("a{n}"), 1.0)).expect("valid"));
        }
        assert!(matches!(
            book.check_room("one more"),
            Err(AlertError::Full(_))
        ));
        assert!(book.check_room("a0").is_ok());
        assert!(
            matches!(book.deletion("c0"), Err(AlertError::Full(_))),
            "the note of a deletion needs room too"
        );
        assert_eq!(book.views().len(), MAX_RULES);
        assert!(
            book.views()
                .iter()
                .all(|view| book.table().slot_of(&view.rule.name).is_some())
        );
    }

    #[test]
    fn a_rule_says_for_itself_whether_its_alerts_resolve_themselves() {
        let stubborn = RuleText {
            auto_resolve: Some(false),
            ..named("Stubborn", 1.0)
        };
        let mut book = book(vec![stubborn.clone(), named("Plain", 1.0)]);
        assert!(book.auto_resolves("Plain") && book.auto_resolves("gone"));
        assert!(!book.auto_resolves("Stubborn") && book.conditions_auto_resolve());
        let config = Config {
            auto_resolve: false,
            rule: vec![
                RuleText {
                    auto_resolve: Some(true),
                    ..stubborn
                },
                named("Plain", 1.0),
            ],
            ..Config::default()
        };
        book.configure(&config).expect("valid");
        assert!(!book.auto_resolves("Plain") && !book.conditions_auto_resolve());
        assert!(book.auto_resolves("Stubborn"));
    }

    #[test]
    fn only_an_enabled_rule_watches_its_metric_at_its_source() {
        let here = RuleText {
            source: Some("board".into()),
            ..named("Here", 1.0)
        };
        let off = RuleText {
            enabled: false,
            ..named("Off", 1.0)
        };
        let book = book(vec![here, off]);
        assert!(book.watches("Here", Metric::CpuUsage, "board"));
        assert!(!book.watches("Here", Metric::CpuUsage, "drone_001"));
        assert!(!book.watches("Here", Metric::MemoryUsage, "board"));
        assert!(!book.watches("Off", Metric::CpuUsage, "board"));
        assert!(!book.watches("gone", Metric::CpuUsage, "board"));
    }

    #[test]
    fn without_the_defaults_there_is_nothing_below_the_api() {
        let config = Config {
            default_rules: false,
            ..Config::default()
        };
        let mut book = Rulebook::new(&config, default_rules()).expect("valid");
        assert!(book.views().is_empty());
        assert!(matches!(
            book.deletion("Low Battery"),
            Err(AlertError::UnknownRule(_))
        ));
        book.put(Rule::parse(&named("Low Battery", 5.0)).expect("valid"));
        assert_eq!(
            book.deletion("Low Battery").expect("known"),
            Change::DeleteRule("Low Battery".to_owned()),
            "no note: nothing would come back"
        );
        book.delete("Low Battery");
        assert!(book.views().is_empty() && book.api.is_empty());
    }

    #[test]
    fn what_the_store_should_hold_is_what_is_in_effect() {
        let mut book = book(vec![]);
        let own = Rule::parse(&named("Own", 1.0)).expect("valid");
        let gone = Change::DeleteRule("Own".to_owned());
        assert_eq!(book.correction("Own"), gone, "never there");
        book.put(own.clone());
        assert_eq!(book.correction("Own"), put(&own, false));
        book.delete("Own");
        assert_eq!(book.correction("Own"), gone);
        // A note of a deletion whose rule no layer has any more.
        book.api.insert("Own".to_owned(), None);
        assert_eq!(book.correction("Own"), gone);
    }

    #[test]
    fn a_stored_rule_beyond_the_room_is_refused() {
        let mut book = book(vec![]);
        let stored = |n: usize, deleted| StoredRule {
            rule: Rule::parse(&named(&format!("r{n}"), 1.0)).expect("valid"),
            deleted,
        };
        for n in 0..MAX_API_RULES {
            assert!(book.restore(stored(n, n == 0)), "{n}");
        }
        assert!(!book.restore(stored(MAX_API_RULES, false)));
        assert_eq!(book.views().len(), 12 + MAX_API_RULES - 1, "one is deleted");
    }

    #[test]
    fn when_a_rule_last_fired_is_forgotten_with_it() {
        let mut book = book(vec![]);
        let fired = |book: &Rulebook| book.views().iter().find_map(|view| view.last_triggered);
        let own = Rule::parse(&named("Own", 1.0)).expect("valid");
        let now = Timestamp::from_second(1_738_314_902).expect("in range");
        book.note_triggered("Own", now);
        book.put(own.clone());
        assert_eq!(fired(&book), None, "it was not there");
        book.note_triggered("Own", now);
        assert_eq!(fired(&book), Some(now));
        book.delete("Own");
        book.put(own);
        assert_eq!(fired(&book), None);
    }
}
