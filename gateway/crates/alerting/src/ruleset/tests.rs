//! The layers of rules, without an engine.

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
