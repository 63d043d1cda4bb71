//! One rule at one source through its whole life, and held against a plain model of it.

use proptest::prelude::*;

use super::super::rule::tests::text;
use super::*;

fn at(seconds: u64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

fn rule(change: impl FnOnce(&mut crate::RuleText)) -> Rule {
    let mut rule = text(">=", 95.0);
    change(&mut rule);
    Rule::parse(&rule).expect("valid")
}

#[test]
fn fires_at_exactly_the_threshold_once_an_episode() {
    let rule = rule(|_| {});
    let mut cell = Cell::NEW;
    assert_eq!(cell.observe(&rule, 95.0, at(1)), Step::Waits);
    let fired = cell.take().expect("waits");
    assert!(fired.transition.raised && fired.transition.stands);
    assert_eq!((fired.value, fired.raised_at), (95.0, at(1)));
    assert_eq!(
        cell.observe(&rule, 99.0, at(10_000)),
        Step::Nothing,
        "still the same alert, long after the cool-down"
    );
}

#[test]
fn the_first_good_value_of_a_run_ends_an_alert_of_the_run_before() {
    let rule = rule(|rule| rule.hysteresis = 5.0);
    let mut cell = Cell::NEW;
    assert_eq!(
        cell.observe(&rule, 92.0, at(1)),
        Step::Nothing,
        "inside the hysteresis nothing is proven"
    );
    assert_eq!(cell.observe(&rule, 50.0, at(2)), Step::Waits);
    let ended = cell.take().expect("waits").transition;
    assert!(ended.ended_before && !ended.raised);
    assert_eq!(cell.observe(&rule, 50.0, at(3)), Step::Nothing, "once");
}

#[test]
fn a_hold_time_can_end_by_a_tick_but_not_for_an_absent_value() {
    let rule = rule(|rule| rule.for_s = 10);
    let mut cell = Cell::NEW;
    assert_eq!(cell.observe(&rule, 96.0, at(0)), Step::Nothing);
    assert_eq!(cell.tick(&rule, at(9)), Step::Nothing);
    assert_eq!(cell.tick(&rule, at(10)), Step::Waits);
    let mut silent = Cell::NEW;
    silent.observe(&rule, 96.0, at(0));
    assert_eq!(silent.tick(&rule, at(31)), Step::Nothing);
    assert!(!silent.is_pending(), "nothing is known of it any more");
}

#[test]
fn after_an_operator_resolved_it_may_fire_again_when_the_cool_down_is_over() {
    let rule = rule(|_| {});
    let mut cell = Cell::NEW;
    cell.observe(&rule, 96.0, at(0));
    cell.take();
    cell.release();
    assert_eq!(cell.observe(&rule, 96.0, at(299)), Step::Silenced);
    assert_eq!(
        cell.observe(&rule, 96.0, at(299)),
        Step::Nothing,
        "counted once"
    );
    assert_eq!(cell.observe(&rule, 96.0, at(300)), Step::Waits);
    cell.release();
    assert!(
        cell.take().expect("waits").transition.stands,
        "an alert the committer has not seen is not released"
    );
}

#[test]
fn a_value_that_swings_round_its_threshold_fires_and_is_one_alert() {
    // A battery of three cells under a motor that turns every three seconds.
    let rule = rule(|rule| {
        (rule.operator, rule.threshold) = ("<".to_owned(), 10.5);
        (rule.for_s, rule.hysteresis) = (10, 0.3);
    });
    let mut cell = Cell::NEW;
    let mut fired = Vec::new();
    let mut ended = Vec::new();
    for half in 0..1_200_u64 {
        let volts = if half < 1_000 && half % 12 < 6 {
            10.2
        } else {
            11.2
        };
        let now = Mono::from_millis(half * 500);
        cell.observe(&rule, volts, now);
        cell.tick(&rule, now);
        if let Some(change) = cell.take() {
            fired.extend(change.transition.raised.then_some(half / 2));
            ended.extend(change.transition.ended_before.then_some(half / 2));
        }
    }
    let [fired] = fired[..] else {
        panic!("{fired:?}")
    };
    assert!((30..60).contains(&fired), "{fired} s");
    // The first good value of the run proves that nothing was wrong before it.
    let [_, ended] = ended[..] else {
        panic!("{ended:?}")
    };
    assert!((500..525).contains(&ended), "{ended} s");
}

#[test]
fn short_dips_now_and_then_fire_nothing() {
    let rule = rule(|rule| rule.for_s = 10);
    let mut cell = Cell::NEW;
    for second in 0..3_600_u64 {
        // Bad for three of ten seconds.
        let value = if second % 10 < 3 { 96.0 } else { 20.0 };
        cell.observe(&rule, value, at(second));
        assert!(!cell.is_firing(), "after {second} s");
    }
}

#[test]
fn what_has_become_clearly_worse_since_it_was_resolved_does_not_wait() {
    let rule = rule(|_| {});
    let mut cell = Cell::NEW;
    cell.observe(&rule, 96.0, at(0));
    cell.take();
    cell.release();
    assert_eq!(cell.observe(&rule, 105.0, at(10)), Step::Silenced);
    assert_eq!(cell.observe(&rule, 106.0, at(11)), Step::Waits);
    assert_eq!(cell.take().map(|change| change.value), Some(106.0));
}

#[test]
fn worse_is_further_from_the_threshold_on_its_bad_side_by_more_than_a_tenth() {
    for (operator, resolved, no_worse, worse) in
        [(">=", 110.0, 120.0, 120.5), ("<", 90.0, 80.0, 79.5)]
    {
        let rule = rule(|rule| {
            (rule.operator, rule.threshold) = (operator.to_owned(), 100.0);
        });
        let mut cell = Cell::NEW;
        cell.observe(&rule, resolved, at(0));
        cell.take();
        cell.release();
        let step = cell.observe(&rule, no_worse, at(10));
        assert_eq!(step, Step::Silenced, "{no_worse}");
        assert_eq!(cell.observe(&rule, worse, at(11)), Step::Waits, "{worse}");
    }
}

#[test]
fn bad_time_is_undone_by_twice_as_much_good_time() {
    let rule = rule(|rule| rule.for_s = 10);
    let mut cell = Cell::NEW;
    assert!(cell.is_undone());
    cell.observe(&rule, 96.0, at(0));
    cell.observe(&rule, 90.0, at(5));
    assert!(!cell.is_undone());
    cell.observe(&rule, 90.0, at(14));
    assert!(!cell.is_undone());
    cell.observe(&rule, 90.0, at(15));
    assert!(cell.is_undone());
}

/// The plainest statement of the life cycle: recomputed from the whole
/// history at every step, without flags or remembered phases.
#[derive(Default)]
struct Model {
    /// (time, value) of the readings since the last clear, release or staleness.
    episode: Vec<(u64, f64)>,
    open: bool,
    by_share: bool,
    last_fired: Option<u64>,
    raised: Vec<(u64, f64)>,
    ended: Vec<u64>,
}

impl Model {
    fn reading(&mut self, rule: &Rule, value: f64, now: u64) {
        self.forget_stale(rule, now);
        self.episode.push((now, value));
        if self.open {
            let undone = !self.by_share || self.bad_ms(rule, now) == 0;
            if undone && rule.clears(value) {
                self.open = false;
                self.ended.push(now);
                self.episode.clear();
            }
            return;
        }
        self.due(rule, now);
    }

    fn tick(&mut self, rule: &Rule, now: u64) {
        if !self.open {
            self.forget_stale(rule, now);
        }
        self.due(rule, now);
    }

    fn forget_stale(&mut self, rule: &Rule, now: u64) {
        let limit = rule.hold.as_secs().max(STALE_AFTER.as_secs());
        let last = self.episode.last();
        if last.is_some_and(|(seen, _)| now - seen > limit) {
            self.episode.clear();
        }
    }

    /// Bad time less half of the good time after it, from the whole history.
    fn bad_ms(&self, rule: &Rule, now: u64) -> u64 {
        let ends = self.episode.iter().skip(1).map(|(at, _)| *at).chain([now]);
        self.episode
            .iter()
            .zip(ends)
            .fold(0, |bad, ((from, value), to)| {
                let passed = (to - from) * 1_000;
                if rule.breaches(*value) {
                    (bad + passed).min(rule.hold.as_millis() as u64)
                } else {
                    bad.saturating_sub(passed / 2)
                }
            })
    }

    fn due(&mut self, rule: &Rule, now: u64) {
        let run = self.episode.iter().rev();
        let run: Vec<_> = run.take_while(|(_, value)| rule.breaches(*value)).collect();
        let (Some((since, _)), Some((_, value))) = (run.last(), run.first()) else {
            return;
        };
        let unbroken = now - since >= rule.hold.as_secs();
        let held = unbroken || self.bad_ms(rule, now) >= rule.hold.as_millis() as u64;
        let cool = self
            .last_fired
            .is_none_or(|fired| now - fired >= rule.cooldown.as_secs());
        if !self.open && held && cool {
            self.open = true;
            self.by_share = !unbroken;
            self.last_fired = Some(now);
            self.raised.push((now, *value));
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Reading(f64),
    Tick,
    Resolve,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_cell_does_what_the_naive_model_does(
        operator in prop::sample::select(vec![">", "<", ">=", "<=", "==", "!="]),
        for_s in prop::sample::select(vec![0u32, 1, 5, 60]),
        cooldown_minutes in 0u32..4,
        hysteresis in prop::sample::select(vec![0.0, 1.0, 3.0]),
        events in prop::collection::vec((0u64..45, prop_oneof![
            6 => (90i32..100).prop_map(|value| Event::Reading(f64::from(value))),
            2 => Just(Event::Tick),
            1 => Just(Event::Resolve),
        ]), 1..120),
    ) {
        let rule = rule(|rule| {
            rule.operator = operator.to_owned();
            rule.for_s = for_s;
            rule.cooldown_minutes = cooldown_minutes;
            rule.hysteresis = if operator == "!=" { 0.0 } else { hysteresis };
        });
        let mut cell = Cell::NEW;
        cell.unproven = false;
        let mut model = Model::default();
        let (mut now, mut raised, mut ended) = (0, Vec::new(), Vec::new());
        for (step, event) in events {
            now += step;
            match event {
                Event::Reading(value) => {
                    let would_end = cell.would_end(&rule, value, at(now));
                    let was_firing = cell.is_firing();
                    cell.observe(&rule, value, at(now));
                    prop_assert_eq!(would_end, was_firing && !cell.is_firing());
                    model.reading(&rule, value, now);
                }
                Event::Tick => {
                    cell.tick(&rule, at(now));
                    model.tick(&rule, now);
                }
                Event::Resolve => {
                    cell.release();
                    if model.open {
                        model.episode.clear();
                    }
                    model.open = false;
                }
            }
            if let Some(change) = cell.take() {
                if change.transition.ended_before { ended.push(change.ended_at.as_millis() / 1000) }
                if change.transition.raised { raised.push((change.raised_at.as_millis() / 1000, change.value)) }
            }
            prop_assert_eq!(cell.phase == Phase::Firing, model.open);
        }
        prop_assert_eq!(raised, model.raised);
        prop_assert_eq!(ended, model.ended);
    }
}
