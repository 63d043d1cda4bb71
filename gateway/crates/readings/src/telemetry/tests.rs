//! Histories against the plain definition, with clocks that misbehave.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::SourceKind;

/// 2025-01-31T09:15:02Z, two seconds into a minute.
const WALL_S: i64 = 1_738_314_902;

fn board() -> (Telemetry, SourceId) {
    let sources = Arc::new(Sources::default());
    let board = sources.register("board", SourceKind::Board).expect("room");
    (Telemetry::new(sources), board)
}

fn cpu(value: f64) -> [Reading; 1] {
    [Reading {
        metric: Metric::CpuUsage,
        value,
    }]
}

fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("in range")
}

/// Publishes one value a second for `seconds` seconds from `from_s` of uptime.
fn run(telemetry: &Telemetry, source: SourceId, from_s: u64, seconds: u64, wall_at_start: i64) {
    for second in from_s..from_s + seconds {
        let at = Mono::from_millis(second * 1000);
        telemetry.publish(
            source,
            &cpu(second as f64 % 100.0),
            at,
            wall(wall_at_start + second as i64),
        );
    }
}

fn stamps(points: &[Point]) -> Vec<i64> {
    points.iter().map(|point| point.epoch_s as i64).collect()
}

#[test]
fn a_day_of_seconds_leaves_600_seconds_and_1440_minutes() {
    let (telemetry, board) = board();
    run(&telemetry, board, 0, 86_400 + 7_200, WALL_S);
    let minutes = telemetry.minutes(board, Metric::CpuUsage, 5000);
    assert_eq!(minutes.len(), MINUTES_KEPT);
    assert!(
        stamps(&minutes)
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 60),
        "60 s apart"
    );
    assert!(
        stamps(&minutes).iter().all(|stamp| stamp % 60 == 0),
        "whole wall minutes"
    );
    let seconds = telemetry.seconds(board, Metric::CpuUsage, 5000);
    assert_eq!(seconds.len(), SECONDS_KEPT);
    assert!(
        stamps(&seconds)
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 1)
    );
    assert_eq!(
        stamps(&seconds).last(),
        Some(&(WALL_S + 86_400 + 7_200 - 1))
    );
    assert_eq!(telemetry.minutes(board, Metric::CpuUsage, 5).len(), 5);
    assert!(telemetry.minutes(board, Metric::Temperature, 5).is_empty());
}

#[test]
fn a_step_holds_minimum_mean_and_maximum_and_latest_is_the_newest() {
    let (telemetry, board) = board();
    for (millis, value) in [(0, 10.0), (100, 40.0), (200, 10.0), (1000, 7.0)] {
        telemetry.publish(
            board,
            &cpu(value),
            Mono::from_millis(millis),
            wall(WALL_S + millis as i64 / 1000),
        );
    }
    let first = telemetry.seconds(board, Metric::CpuUsage, 600)[0];
    assert_eq!((first.min, first.mean, first.max), (10.0, 20.0, 40.0));
    let latest = telemetry.latest(board, Metric::CpuUsage).expect("reported");
    assert_eq!((latest.value, latest.at), (7.0, Mono::from_millis(1000)));
    telemetry.publish(board, &cpu(99.0), Mono::from_millis(500), wall(WALL_S));
    assert_eq!(
        telemetry.latest(board, Metric::CpuUsage),
        Some(latest),
        "an overtaken batch is not the newest"
    );
}

#[test]
fn values_that_are_no_numbers_are_counted_and_kept_out() {
    let (telemetry, board) = board();
    telemetry.publish(board, &cpu(f64::NAN), Mono::ZERO, wall(WALL_S));
    assert_eq!(telemetry.latest(board, Metric::CpuUsage), None);
    assert_eq!(telemetry.stats().not_finite, 1);
    assert_eq!(telemetry.stats().readings, 0);
}

#[test]
fn a_gap_has_no_steps_and_ages_out_of_the_window() {
    let (telemetry, board) = board();
    run(&telemetry, board, 0, 120, WALL_S);
    run(&telemetry, board, 3600, 60, WALL_S);
    let all = stamps(&telemetry.minutes(board, Metric::CpuUsage, 1440));
    assert!(
        all.windows(2)
            .all(|pair| pair[1] > pair[0] && (pair[1] - pair[0]) % 60 == 0),
        "{all:?}"
    );
    assert_eq!(
        telemetry.minutes(board, Metric::CpuUsage, 30).len(),
        2,
        "only what the last 30 minutes brought"
    );
}

#[test]
fn a_clock_that_learns_the_year_moves_all_stamps_together() {
    let (telemetry, board) = board();
    run(&telemetry, board, 0, 600, 17);
    assert!(
        telemetry
            .drain_minutes(Mono::from_millis(600_000))
            .is_empty(),
        "1970 is not worth storing"
    );
    run(&telemetry, board, 600, 600, WALL_S);
    let points = stamps(&telemetry.minutes(board, Metric::CpuUsage, 60));
    assert!(
        points.windows(2).all(|pair| pair[1] - pair[0] == 60),
        "{points:?}"
    );
    assert!(
        (points[0] - WALL_S).abs() <= 60,
        "the start is stamped with the right year: {}",
        points[0]
    );
    assert_eq!(telemetry.stats().clock_jumps, 1);
    let drained = telemetry.drain_minutes(Mono::from_millis(1_200_000));
    assert_eq!(
        i64::from(drained[0].steps[0].0) * 60,
        points[0],
        "the waiting minutes are stored with it"
    );
    run(&telemetry, board, 1200, 600, WALL_S - 86_400);
    let points = stamps(&telemetry.minutes(board, Metric::CpuUsage, 60));
    assert!(
        points.windows(2).all(|pair| pair[1] - pair[0] == 60),
        "back by a day: {points:?}"
    );
}

#[test]
fn drained_minutes_come_back_after_a_restart_and_join_the_new_run() {
    let (telemetry, board) = board();
    run(&telemetry, board, 0, 600, WALL_S);
    let first = telemetry.drain_minutes(Mono::from_millis(300_000));
    let second = telemetry.drain_minutes(Mono::from_millis(599_999));
    assert_eq!(first[0].steps.len() + second[0].steps.len(), 10);
    assert!(
        telemetry
            .drain_minutes(Mono::from_millis(599_999))
            .is_empty(),
        "handed out once"
    );
    let before = telemetry.minutes(board, Metric::CpuUsage, 1440);

    let (restarted, board) = self::board();
    restarted.restore(board, Metric::CpuUsage, &second[0].steps);
    restarted.restore(board, Metric::CpuUsage, &first[0].steps);
    restarted.restore(board, Metric::CpuUsage, &[(u32::MAX, f32::NAN, 0.0, 1.0)]);
    run(&restarted, board, 0, 60, WALL_S + 660);
    let after = restarted.minutes(board, Metric::CpuUsage, 1440);
    assert_eq!(after[..10], before[..10]);
    assert!(stamps(&after).windows(2).all(|pair| pair[1] > pair[0]));
    assert_eq!(after.len(), 12, "the minute of the restart and the next");
    let drained = restarted.drain_minutes(Mono::from_millis(120_000));
    assert_eq!(
        drained[0].steps.len(),
        2,
        "restored minutes are not stored again"
    );
    restarted.restore(board, Metric::CpuUsage, &first[0].steps);
    assert_eq!(
        restarted.minutes(board, Metric::CpuUsage, 1440).len(),
        12,
        "too late to restore"
    );
}

#[test]
fn restored_stamps_of_a_clock_that_was_ahead_are_hidden() {
    let (telemetry, board) = board();
    let minute = (WALL_S / 60) as u32;
    telemetry.restore(
        board,
        Metric::CpuUsage,
        &[(minute - 1, 1.0, 1.0, 1.0), (minute + 9999, 2.0, 2.0, 2.0)],
    );
    run(&telemetry, board, 0, 10, WALL_S);
    let points = telemetry.minutes(board, Metric::CpuUsage, 1440);
    assert_eq!(
        stamps(&points),
        [i64::from(minute - 1) * 60, i64::from(minute) * 60]
    );
}

#[test]
fn stored_steps_that_no_reading_can_have_made_stay_out() {
    let (telemetry, board) = board();
    let minute = (WALL_S / 60) as u32;
    let (nan, infinite) = (f32::NAN, f32::INFINITY);
    for (ago, (min, mean, max)) in (1..).zip([
        (2.0, 1.0, 3.0),
        (1.0, 3.0, 2.0),
        (nan, 1.0, 2.0),
        (1.0, nan, 2.0),
        (1.0, 2.0, nan),
        (-infinite, 1.0, 2.0),
        (1.0, 2.0, infinite),
    ]) {
        let steps = [(minute - ago, min, mean, max)];
        telemetry.restore(board, Metric::CpuUsage, &steps);
    }
    telemetry.restore(board, Metric::CpuUsage, &[(minute - 9, 1.0, 1.0, 1.0)]);
    run(&telemetry, board, 0, 1, WALL_S);
    assert_eq!(
        stamps(&telemetry.minutes(board, Metric::CpuUsage, 60)),
        [i64::from(minute - 9) * 60, i64::from(minute) * 60]
    );
}

#[test]
fn stored_steps_are_taken_before_the_first_reading_only() {
    let (telemetry, board) = board();
    run(&telemetry, board, 0, 1, WALL_S);
    let minutes = || telemetry.minutes(board, Metric::CpuUsage, 60);
    let before = minutes();
    let stored = [((WALL_S / 60) as u32 - 5, 1.0, 1.0, 1.0)];
    telemetry.restore(board, Metric::CpuUsage, &stored);
    assert_eq!(minutes(), before, "its minute is still filling");
    let finished = telemetry.drain_minutes(Mono::from_millis(120_000));
    assert_eq!(finished[0].steps.len(), 1);
    telemetry.restore(board, Metric::CpuUsage, &stored);
    assert_eq!(minutes(), before, "its minute is over");
}

#[test]
fn of_the_minute_of_a_restart_this_run_tells() {
    let (telemetry, board) = board();
    let minute = (WALL_S / 60) as u32;
    telemetry.restore(board, Metric::CpuUsage, &[(minute, 9.0, 9.0, 9.0)]);
    run(&telemetry, board, 0, 1, WALL_S);
    let points = telemetry.minutes(board, Metric::CpuUsage, 60);
    assert_eq!(stamps(&points), [i64::from(minute) * 60]);
    assert_eq!(points[0].max, 0.0);
}

#[test]
fn half_a_second_between_two_clocks_is_no_jump() {
    let (telemetry, board) = board();
    for (ahead_ms, jumps) in [(0, 0), (500, 0), (-500, 0), (501, 1), (1, 1), (0, 2)] {
        let wall = Timestamp::from_millisecond(WALL_S * 1000 + ahead_ms).expect("in range");
        telemetry.publish(board, &cpu(1.0), Mono::ZERO, wall);
        assert_eq!(telemetry.stats().clock_jumps, jumps, "{ahead_ms} ms ahead");
    }
}

#[test]
fn more_series_than_fit_have_a_latest_value_but_no_history() {
    let sources = Arc::new(Sources::default());
    let telemetry = Telemetry::new(sources.clone());
    let all: Vec<Reading> = Metric::ALL
        .iter()
        .map(|metric| Reading {
            metric: *metric,
            value: 1.0,
        })
        .collect();
    for n in 0..MAX_SOURCES {
        const BOARD: usize = SourceKind::Board.places();
        const DRONES: usize = BOARD + SourceKind::Drone.places();
        let kind = match n {
            0..BOARD => SourceKind::Board,
            BOARD..DRONES => SourceKind::Drone,
            _ => SourceKind::Bridge,
        };
        let source = sources.register(&format!("d{n}"), kind).expect("room");
        telemetry.publish(source, &all, Mono::ZERO, wall(WALL_S));
        telemetry.publish(source, &all, Mono::ZERO, wall(WALL_S));
        assert!(telemetry.latest(source, Metric::Generic).is_some());
    }
    let stats = telemetry.stats();
    assert_eq!(stats.series, MAX_SERIES);
    assert_eq!(
        stats.series_refused,
        (MAX_SOURCES * METRIC_COUNT - MAX_SERIES) as u64
    );
}

proptest! {
    /// Whatever the wall clock does, steps are those of the monotonic clock:
    /// right values, ascending, and a multiple of the step apart.
    #[test]
    fn steps_follow_the_monotonic_clock(
        readings in prop::collection::vec((0u64..90_000, -50.0f64..150.0, prop_oneof![9 => Just(0i64), 1 => -4_000_000_000i64..4_000_000_000]), 1..200)
    ) {
        let (telemetry, board) = board();
        let mut now = Mono::ZERO;
        let mut skew = 0;
        let mut model: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        let phase = 2_000; // WALL_S is two seconds into its minute.
        for (step, value, jump) in readings {
            now = now.plus(Duration::from_millis(step));
            if jump != 0 { skew = jump }
            let wall = Timestamp::from_millisecond(WALL_S * 1000 + skew + now.as_millis() as i64).expect("in range");
            // The first reading fixes the phase; keep it where the model expects it.
            if model.is_empty() {
                telemetry.publish(board, &cpu(value), now, self::wall(WALL_S).checked_add(Duration::from_millis(now.as_millis())).expect("in range"));
            } else {
                telemetry.publish(board, &cpu(value), now, wall);
            }
            model.entry((now.as_millis() + phase) / 60_000).or_default().push(value);
        }
        let newest = (now.as_millis() + phase) / 60_000;
        model.retain(|step, _| *step + 100 > newest);
        let points = telemetry.minutes(board, Metric::CpuUsage, 100);
        prop_assert_eq!(points.len(), model.len());
        let base = points[0].epoch_s as i64 / 60 - *model.keys().next().expect("not empty") as i64;
        for (point, (step, values)) in points.iter().zip(&model) {
            prop_assert_eq!(point.epoch_s as i64, (base + *step as i64) * 60);
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert_eq!((point.min, point.max), (least as f32, greatest as f32));
            prop_assert!((f64::from(point.mean) - mean).abs() < 1e-3);
        }
    }
}

#[test]
fn what_is_forgotten_leaves_nothing_to_whoever_takes_the_place() {
    let (telemetry, board) = board();
    run(&telemetry, board, 0, 120, WALL_S);
    assert!(telemetry.latest(board, Metric::CpuUsage).is_some());
    telemetry.forget(board);
    assert_eq!(telemetry.latest(board, Metric::CpuUsage), None);
    assert!(telemetry.minutes(board, Metric::CpuUsage, 60).is_empty());
}
