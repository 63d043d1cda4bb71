//! The book: every alert that is kept, bounded in number and age.
//!
//! Pure: takes both clocks as a [`Moment`]. Only the committer changes it.
//!
//! When the book is full the oldest resolved alert goes first, and only when
//! none is resolved the oldest of all. Age counts on the monotonic clock for
//! alerts of this run. For older ones only the wall clock knows, and it may be
//! wrong by decades: an age beyond [`BELIEVED_AGE`] or below zero says more about
//! the clock than about the alert, so such an alert counts as new at the start
//! of this run. A clock that jumps by years can therefore never empty the book.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::model::{Alert, Filter, Summary};
use super::wording::parse_id;
use crate::config::MAX_RETENTION_DAYS;
use readings::clock::{Mono, wall_now};
use readings::{AlertType, Level};

/// Oldest age of an alert of an earlier run that is taken from the wall clock: a day more
/// than any alert is kept.
const BELIEVED_AGE: Duration = Duration::from_secs((MAX_RETENTION_DAYS as u64 + 1) * 24 * 3600);
/// The window of the summary.
const RECENT: Duration = Duration::from_secs(24 * 3600);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Mono,
    pub wall: Timestamp,
}

impl Moment {
    /// Reads both clocks; only the committer's task and the handles do.
    pub(super) fn now() -> Moment {
        // To the microsecond, as it is stored: a restart must not change a stamp.
        let wall = wall_now();
        Moment {
            now: Mono::now(),
            wall: Timestamp::from_microsecond(wall.as_microsecond()).unwrap_or(wall),
        }
    }

    /// The wall time of an earlier point of this run.
    pub(super) fn wall_at(&self, at: Mono) -> Timestamp {
        self.wall
            .saturating_sub(self.now.since(at))
            .unwrap_or(self.wall)
    }
}

/// What an alert is an alert of: one rule or condition at one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause<'a> {
    Rule(&'a str),
    Condition(&'a str),
}

impl<'a> Cause<'a> {
    pub(super) fn of(alert: &'a Alert) -> Cause<'a> {
        if alert.measured.is_some() {
            Cause::Rule(&alert.title)
        } else {
            Cause::Condition(&alert.origin)
        }
    }
}

/// The alerts, oldest first.
pub(super) struct Book {
    alerts: VecDeque<KeptAlert>,
    max_alerts: usize,
    retention: Duration,
}

struct KeptAlert {
    alert: Arc<Alert>,
    /// Of an earlier run.
    restored: bool,
    /// When it was raised in this run, or loaded.
    since: Mono,
}

impl KeptAlert {
    fn age(&self, moment: Moment) -> Duration {
        let here = moment.now.since(self.since);
        if !self.restored {
            return here;
        }
        let age = moment.wall.duration_since(self.alert.created);
        Duration::try_from(age)
            .ok()
            .filter(|age| *age <= BELIEVED_AGE)
            .unwrap_or(here)
    }
}

/// An alert that is kept no longer.
#[derive(Clone, Debug)]
pub(super) struct Dropped {
    pub alert: Arc<Alert>,
    /// Older than the retention; else the book was full.
    pub old: bool,
}

impl Book {
    pub(super) fn new(max_alerts: usize, retention_days: u32) -> Book {
        let retention = Duration::from_secs(u64::from(retention_days) * 24 * 3600);
        Book {
            alerts: VecDeque::new(),
            max_alerts: max_alerts.max(1),
            retention,
        }
    }

    pub(super) fn configure(&mut self, max_alerts: usize, retention_days: u32) {
        let alerts = std::mem::take(&mut self.alerts);
        *self = Book {
            alerts,
            ..Book::new(max_alerts, retention_days)
        };
    }

    /// Takes an alert of an earlier run; they come oldest first.
    pub(super) fn restore(&mut self, alert: Alert, now: Mono) {
        if self
            .alerts
            .back()
            .is_none_or(|last| last.alert.seq < alert.seq)
        {
            self.alerts.push_back(KeptAlert {
                alert: Arc::new(alert),
                restored: true,
                since: now,
            });
        }
    }

    /// Adds a new alert or replaces the one of the same number.
    pub(super) fn put(&mut self, alert: Arc<Alert>, now: Mono) {
        match self.position(alert.seq) {
            Ok(index) => self.alerts[index].alert = alert,
            Err(index) => self.alerts.insert(
                index,
                KeptAlert {
                    alert,
                    restored: false,
                    since: now,
                },
            ),
        }
    }

    pub(super) fn alert(&self, seq: u64) -> Option<&Arc<Alert>> {
        self.position(seq)
            .ok()
            .map(|index| &self.alerts[index].alert)
    }

    pub(super) fn find(&self, id: &str) -> Option<&Arc<Alert>> {
        let (_, seq) = parse_id(id)?;
        self.alert(seq).filter(|alert| &*alert.id == id)
    }

    /// Numbers of the alerts that were raised in this run.
    pub(super) fn of_this_run(&self) -> impl Iterator<Item = u64> {
        let of_this_run = self.alerts.iter().filter(|kept| !kept.restored);
        of_this_run.map(|kept| kept.alert.seq)
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Alert>> {
        self.alerts.iter().rev().map(|kept| &kept.alert)
    }

    /// Drops what is too old, then what is too much.
    pub(super) fn trim(&mut self, moment: Moment) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        let retention = self.retention;
        self.alerts.retain(|kept| {
            let keep = kept.age(moment) <= retention;
            if !keep {
                dropped.push(Dropped {
                    alert: kept.alert.clone(),
                    old: true,
                });
            }
            keep
        });
        while self.alerts.len() > self.max_alerts {
            let victim = self
                .alerts
                .iter()
                .position(|kept| kept.alert.resolved.is_some())
                .unwrap_or(0);
            if let Some(kept) = self.alerts.remove(victim) {
                dropped.push(Dropped {
                    alert: kept.alert,
                    old: false,
                });
            }
        }
        dropped
    }

    pub(super) fn list(&self, filter: &Filter) -> Vec<Arc<Alert>> {
        let limit = if filter.limit == 0 {
            usize::MAX
        } else {
            filter.limit
        };
        let wanted = |alert: &&Arc<Alert>| {
            filter.level.is_none_or(|level| alert.level == level)
                && filter
                    .alert_type
                    .is_none_or(|alert_type| alert.alert_type == alert_type)
                && !(filter.unresolved_only && alert.resolved.is_some())
        };
        self.iter().filter(wanted).take(limit).cloned().collect()
    }

    pub(super) fn summary(&self, moment: Moment) -> Summary {
        let recent: Vec<&Alert> = self
            .alerts
            .iter()
            .filter(|kept| kept.age(moment) < RECENT)
            .map(|kept| &*kept.alert)
            .collect();
        let by_level = Level::ALL
            .iter()
            .map(|level| (*level, recent.iter().filter(|a| a.level == *level).count()));
        let by_type = AlertType::ALL.iter().map(|kind| {
            (
                *kind,
                recent.iter().filter(|a| a.alert_type == *kind).count(),
            )
        });
        Summary {
            total: self.alerts.len(),
            recent_24h: recent.len(),
            unresolved: self.iter().filter(|alert| alert.resolved.is_none()).count(),
            critical_24h: recent
                .iter()
                .filter(|alert| alert.level == Level::Critical)
                .count(),
            by_level: by_level.filter(|(_, count)| *count > 0).collect(),
            by_type: by_type.filter(|(_, count)| *count > 0).collect(),
        }
    }

    fn position(&self, seq: u64) -> Result<usize, usize> {
        self.alerts
            .binary_search_by_key(&seq, |kept| kept.alert.seq)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::wording::alert_id;
    use super::*;

    const DAY_S: i64 = 24 * 3600;
    const WALL_S: i64 = 1_738_314_902;

    pub(crate) fn moment(seconds: u64) -> Moment {
        let wall = Timestamp::from_second(WALL_S + seconds as i64).expect("in range");
        Moment {
            now: Mono::from_millis(seconds * 1000),
            wall,
        }
    }

    pub(crate) fn alert(seq: u64, created_s: i64) -> Alert {
        Alert {
            seq,
            id: alert_id(1, seq),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "T".into(),
            message: String::new(),
            details: None,
            origin: "o".into(),
            subject: "board".into(),
            measured: None,
            sensors: Vec::new(),
            created: Timestamp::from_second(WALL_S + created_s).expect("in range"),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        }
    }

    fn resolved(mut alert: Alert) -> Alert {
        alert.resolved = Some((alert.created, "auto".into()));
        alert
    }

    fn seqs(book: &Book) -> Vec<u64> {
        book.iter().map(|alert| alert.seq).collect()
    }

    #[test]
    fn a_full_book_drops_the_oldest_resolved_first() {
        let mut book = Book::new(3, 7);
        for seq in 1..=3 {
            let alert = alert(seq, 0);
            book.put(
                Arc::new(if seq == 2 { resolved(alert) } else { alert }),
                Mono::ZERO,
            );
        }
        book.put(Arc::new(alert(4, 0)), Mono::ZERO);
        let dropped = book.trim(moment(0));
        assert_eq!(
            (dropped.len(), dropped[0].alert.seq, dropped[0].old),
            (1, 2, false)
        );
        book.put(Arc::new(alert(5, 0)), Mono::ZERO);
        assert_eq!(
            book.trim(moment(0))[0].alert.seq,
            1,
            "none is resolved: the oldest"
        );
        assert_eq!(seqs(&book), [5, 4, 3]);
        assert!(book.find("alert_00000001_4").is_some());
        assert!(book.find("alert_00000002_4").is_none(), "another store's");
    }

    #[test]
    fn alerts_older_than_the_retention_go_but_a_jump_of_years_takes_none() {
        let mut book = Book::new(10, 7);
        book.restore(alert(1, -8 * DAY_S), Mono::ZERO);
        book.restore(alert(2, -6 * DAY_S), Mono::ZERO);
        book.put(Arc::new(alert(3, 0)), Mono::ZERO);
        let mut jumped = moment(60);
        for years in [30, -30] {
            jumped.wall = Timestamp::from_second(WALL_S + years * 365 * DAY_S).expect("in range");
            assert!(book.trim(jumped).is_empty(), "{years} years");
        }
        assert_eq!(book.trim(moment(60))[0].alert.seq, 1);
        assert_eq!(seqs(&book), [3, 2]);
        let dropped = book.trim(moment(2 * DAY_S as u64));
        assert!(dropped[0].old && dropped[0].alert.seq == 2);
        assert!(book.trim(moment(7 * DAY_S as u64)).is_empty());
        assert_eq!(book.trim(moment(7 * DAY_S as u64 + 1))[0].alert.seq, 3);
        // Unbelievable stamps still age while the gateway runs.
        book.restore(alert(9, -4000 * DAY_S), Mono::ZERO);
        assert!(book.trim(moment(60)).is_empty());
        assert_eq!(book.trim(moment(8 * DAY_S as u64)).len(), 1);
    }

    #[test]
    fn filters_combine_and_the_summary_counts_a_day() {
        let mut book = Book::new(10, 7);
        book.restore(alert(1, -2 * DAY_S), Mono::ZERO);
        let critical = Alert {
            level: Level::Critical,
            alert_type: AlertType::Drone,
            ..alert(2, 0)
        };
        book.put(Arc::new(resolved(critical)), Mono::ZERO);
        book.put(Arc::new(alert(3, 0)), Mono::ZERO);
        let listed = |filter: Filter| {
            book.list(&filter)
                .iter()
                .map(|alert| alert.seq)
                .collect::<Vec<_>>()
        };
        assert_eq!(listed(Filter::default()), [3, 2, 1]);
        assert_eq!(
            listed(Filter {
                limit: 2,
                ..Filter::default()
            }),
            [3, 2]
        );
        assert_eq!(
            listed(Filter {
                unresolved_only: true,
                limit: 1,
                ..Filter::default()
            }),
            [3]
        );
        let both = Filter {
            level: Some(Level::Critical),
            alert_type: Some(AlertType::Drone),
            ..Filter::default()
        };
        assert_eq!(listed(both), [2]);
        assert!(
            listed(Filter {
                unresolved_only: true,
                ..both
            })
            .is_empty()
        );
        let summary = book.summary(moment(60));
        assert_eq!(
            (
                summary.total,
                summary.recent_24h,
                summary.unresolved,
                summary.critical_24h
            ),
            (3, 2, 2, 1)
        );
        assert_eq!(
            summary.by_level,
            [(Level::Warning, 1), (Level::Critical, 1)]
        );
        assert_eq!(
            summary.by_type,
            [(AlertType::System, 1), (AlertType::Drone, 1)]
        );
    }

    proptest! {
        /// Never more than the limit, always the newest unresolved ones, in order.
        #[test]
        fn the_book_is_bounded_and_keeps_the_newest(marks in prop::collection::vec(any::<bool>(), 0..40), max in 1usize..10) {
            let mut book = Book::new(max, 7);
            let mut open = Vec::new();
            for (seq, mark) in marks.iter().enumerate() {
                let alert = alert(seq as u64, 0);
                book.put(Arc::new(if *mark { resolved(alert) } else { alert }), Mono::ZERO);
                book.trim(moment(0));
                if !mark { open.push(seq as u64) }
                prop_assert!(seqs(&book).len() == max.min(seq + 1));
                prop_assert!(seqs(&book).windows(2).all(|pair| pair[0] > pair[1]));
                let kept: Vec<u64> = book.iter().filter(|alert| alert.resolved.is_none()).map(|alert| alert.seq).collect();
                let newest: Vec<u64> = open.iter().rev().take(max).copied().collect();
                prop_assert_eq!(kept, newest);
            }
        }
    }

    #[test]
    fn restored_alerts_are_taken_in_order_and_once() {
        let mut book = Book::new(10, 7);
        for seq in [2, 2, 1, 3] {
            book.restore(alert(seq, 0), Mono::ZERO);
        }
        assert_eq!(seqs(&book), [3, 2]);
    }

    #[test]
    fn ages_end_where_they_are_said_to() {
        let year = 366 * DAY_S;
        let mut book = Book::new(10, 365);
        // Restored: by the wall clock, as long as that can be believed.
        for (seq, created_s) in [(1, -year - 1), (2, -year), (3, -DAY_S), (4, -DAY_S + 1)] {
            book.restore(alert(seq, created_s), Mono::ZERO);
        }
        let summary = book.summary(moment(0));
        assert_eq!(
            (summary.total, summary.recent_24h),
            (4, 2),
            "one of less than a day, and one whose stamp says nothing"
        );
        let dropped = book.trim(moment(0));
        assert_eq!((dropped.len(), dropped[0].alert.seq), (1, 2));
    }

    #[test]
    fn a_smaller_book_is_trimmed_and_keeps_its_alerts_till_then() {
        let mut book = Book::new(10, 7);
        for seq in 1..=3 {
            book.put(Arc::new(alert(seq, 0)), Mono::ZERO);
        }
        book.configure(2, 1);
        assert_eq!(seqs(&book), [3, 2, 1]);
        book.trim(moment(0));
        assert_eq!(seqs(&book), [3, 2]);
        book.trim(moment(DAY_S as u64 + 1));
        assert_eq!(seqs(&book), [0; 0], "by the new retention");
        book.configure(0, 1);
        book.put(Arc::new(alert(4, 0)), moment(0).now);
        assert!(
            book.trim(moment(0)).is_empty(),
            "room for one there always is"
        );
    }
}
