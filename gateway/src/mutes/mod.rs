//! Alerts that somebody has muted for a time.
//!
//! A mute is of a cause: what raised the alert, about which source. As long as it lasts,
//! the page makes no sound for it and channels hear nothing more of it, neither of that
//! alert nor of the next ones of the same cause, unless those are critical or clearly
//! worse. Nothing is hidden from lists, and no alert is less raised for it. What was
//! kept from channels and still stands when the mute ends is told then.
//!
//! Durable in a file of its own. The table is bounded; a full one refuses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::state_file::StateFile;
use alerting::{Alert, Alerts, Filter, Level};
use readings::clock::{Mono, wall_now};

/// Longest mute: whoever comes to work tomorrow decides anew.
pub(crate) const MAX_MUTE: Duration = Duration::from_secs(24 * 3600);
/// Most mutes at a time; each costs some 200 bytes. Whoever wants more of them has
/// rules to change.
const MAX_MUTES: usize = 256;
/// Clearly worse: further beyond the threshold than when it was muted, by this share of
/// the threshold. A value that jitters is not worse.
const WORSE: f64 = 0.1;

/// Name of the file.
const FILE: &str = "mutes.json";

/// Why nothing was muted, or not durably.
#[derive(Debug, Error)]
pub(crate) enum MuteError {
    /// The table is full.
    #[error("refused: {MAX_MUTES} alerts are muted already; end one of those first")]
    Full,
    /// It holds, and a restart may forget or revive it.
    #[error("the change is not saved: {0}; free space or replace the medium, then try again")]
    NotSaved(#[from] std::io::Error),
}

/// A mute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mute {
    /// The alert that was muted.
    pub(crate) alert: Arc<str>,
    /// Name of the key that muted it.
    pub(crate) by: Arc<str>,
    /// When it was muted, microseconds since 1970.
    pub(crate) since_us: i64,
    cause: Cause,
    /// How far beyond the threshold the value was.
    excess: Option<f64>,
    until: Mono,
}

/// What alerts of one kind have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cause {
    origin: Arc<str>,
    title: Arc<str>,
    subject: Arc<str>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct StoredMute {
    alert: Arc<str>,
    by: Arc<str>,
    since_us: i64,
    until_us: i64,
    cause: Cause,
    excess: Option<f64>,
}

/// Everything that is muted.
#[derive(Default)]
pub(crate) struct Mutes {
    muted: Mutex<Vec<Mute>>,
    file: Option<StateFile>,
    /// Held while the file is written, so that an older list never overwrites a newer.
    writing: tokio::sync::Mutex<()>,
    version: AtomicU64,
    refused: AtomicU64,
}

impl Mute {
    /// When it ends, microseconds since 1970 by the clock of now.
    #[must_use]
    pub(crate) fn until_us(&self) -> i64 {
        self.until_at(Mono::now(), wall_now().as_microsecond())
    }

    fn until_at(&self, now: Mono, wall_us: i64) -> i64 {
        let left = self.until.since(now).as_micros();
        wall_us.saturating_add(i64::try_from(left).unwrap_or(i64::MAX))
    }

    /// Whether `alert` is muted by it.
    fn covers(&self, alert: &Alert) -> bool {
        if *alert.id == *self.alert {
            return true;
        }
        let is_worse = match (excess(alert), self.excess) {
            (Some((now, threshold)), Some(then)) => now > then + threshold.abs() * WORSE,
            _ => false,
        };
        self.cause == Cause::of(alert) && alert.level != Level::Critical && !is_worse
    }

    fn kept(&self, now: Mono, wall_us: i64) -> StoredMute {
        StoredMute {
            alert: self.alert.clone(),
            by: self.by.clone(),
            since_us: self.since_us,
            until_us: self.until_at(now, wall_us),
            cause: self.cause.clone(),
            excess: self.excess,
        }
    }
}

impl Cause {
    fn of(alert: &Alert) -> Cause {
        Cause {
            origin: alert.origin.clone(),
            title: alert.title.clone(),
            subject: alert.subject.clone(),
        }
    }
}

/// How far the value is from its threshold, and the threshold.
fn excess(alert: &Alert) -> Option<(f64, f64)> {
    let measured = alert.measured?;
    Some((
        (measured.value - measured.threshold).abs(),
        measured.threshold,
    ))
}

impl Mutes {
    /// Those of the last run, from the state directory `dir`.
    #[must_use]
    pub(crate) fn open(dir: &std::path::Path) -> Mutes {
        let file = StateFile::at(dir, FILE);
        let (now, wall_us) = (Mono::now(), wall_now().as_microsecond());
        let kept = file.read::<StoredMute>().into_iter().take(MAX_MUTES);
        let muted = kept.filter_map(|kept| {
            // A clock that is behind must not prolong it.
            let left_us = u64::try_from(kept.until_us.saturating_sub(wall_us)).ok()?;
            let left = Duration::from_micros(left_us).min(MAX_MUTE);
            Some(Mute {
                alert: kept.alert,
                by: kept.by,
                since_us: kept.since_us,
                cause: kept.cause,
                excess: kept.excess,
                until: now.plus(left),
            })
        });
        Mutes {
            muted: Mutex::new(muted.collect()),
            file: Some(file),
            ..Mutes::default()
        }
    }

    /// Mutes the cause of `alert` for so long from now, in place of a mute that it has.
    ///
    /// # Errors
    /// [`MuteError`].
    pub(crate) async fn mute(
        &self,
        alert: &Alert,
        length: Duration,
        by: &str,
    ) -> Result<Mute, MuteError> {
        let (now, since_us) = (Mono::now(), wall_now().as_microsecond());
        let mute = Mute {
            alert: alert.id.clone(),
            by: by.into(),
            since_us,
            cause: Cause::of(alert),
            excess: excess(alert).map(|(excess, _)| excess),
            until: now.plus(length.min(MAX_MUTE)),
        };
        {
            let mut muted = self.lock();
            let others = muted.iter().filter(|one| one.cause != mute.cause);
            if others.count() >= MAX_MUTES {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(MuteError::Full);
            }
            muted.retain(|one| one.cause != mute.cause);
            muted.push(mute.clone());
        }
        self.keep().await?;
        Ok(mute)
    }

    /// Ends the mute of `alert`'s cause; what it was, if there was one.
    ///
    /// # Errors
    /// [`MuteError::NotSaved`]: it has ended, and a restart may bring it back.
    pub(crate) async fn unmute(&self, alert: &Alert) -> Result<Option<Mute>, MuteError> {
        let cause = Cause::of(alert);
        let ended = self.take(|one| one.cause == cause);
        if !ended.is_empty() {
            self.keep().await?;
        }
        Ok(ended.into_iter().next())
    }

    /// The mute that covers `alert` now.
    #[must_use]
    pub(crate) fn of(&self, alert: &Alert) -> Option<Mute> {
        self.at(alert, Mono::now())
    }

    fn at(&self, alert: &Alert, now: Mono) -> Option<Mute> {
        let muted = self.lock();
        let mut live = muted.iter().filter(|one| now < one.until);
        live.find(|one| one.covers(alert)).cloned()
    }

    /// Whether channels are not to hear of this: nothing of an alert that was raised
    /// meanwhile, and of one from before only not that somebody has acknowledged it.
    #[must_use]
    pub(crate) fn hides(&self, alert: &Alert, is_acknowledgement: bool) -> bool {
        let is_new = |mute: &Mute| alert.created.as_microsecond() > mute.since_us;
        self.of(alert)
            .is_some_and(|mute| is_acknowledgement || is_new(&mute))
    }

    /// Has channels hear of what was kept from them by `ended` and still stands.
    pub(crate) fn tell_what_stands(&self, ended: &Mute, alerts: &Alerts) {
        let standing = alerts.list(&Filter {
            unresolved_only: true,
            ..Filter::default()
        });
        let is_new = |alert: &&Arc<Alert>| alert.created.as_microsecond() > ended.since_us;
        let kept_back = standing
            .iter()
            .filter(is_new)
            .filter(|alert| alert.is_open() && ended.covers(alert));
        for alert in kept_back {
            alerts.remind(&alert.id);
        }
    }

    /// Forgets mutes whose time is over, and says what they were; called about once a
    /// second. (The file may hold them for longer: they are over there as well.)
    #[must_use]
    pub(crate) fn expire(&self, now: Mono) -> Vec<Mute> {
        self.take(|one| one.until <= now)
    }

    /// Changes whenever anything is muted or no longer muted.
    #[must_use]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How many are muted, and how many were refused.
    #[must_use]
    pub(crate) fn counts(&self) -> (usize, u64) {
        (self.lock().len(), self.refused.load(Ordering::Relaxed))
    }

    fn take(&self, which: impl Fn(&Mute) -> bool) -> Vec<Mute> {
        let mut muted = self.lock();
        let ended: Vec<Mute> = muted.iter().filter(|one| which(one)).cloned().collect();
        if !ended.is_empty() {
            muted.retain(|one| !which(one));
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        ended
    }

    async fn keep(&self) -> Result<(), MuteError> {
        self.version.fetch_add(1, Ordering::AcqRel);
        let Some(file) = &self.file else {
            return Ok(());
        };
        let _one = self.writing.lock().await;
        let (now, wall_us) = (Mono::now(), wall_now().as_microsecond());
        let kept: Vec<StoredMute> = {
            let muted = self.lock();
            muted.iter().map(|one| one.kept(now, wall_us)).collect()
        };
        Ok(file.write(&kept).await?)
    }

    /// The list is whole between any two statements: poison means nothing.
    fn lock(&self) -> MutexGuard<'_, Vec<Mute>> {
        self.muted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use readings::Metric;

    use super::*;
    use alerting::{AlertType, Measured};

    const AN_HOUR: Duration = Duration::from_secs(3600);

    fn alert(id: &str, level: Level, value: f64) -> Alert {
        Alert {
            seq: 1,
            id: id.into(),
            level,
            alert_type: AlertType::Drone,
            title: "Low Battery".into(),
            message: String::new(),
            details: None,
            origin: "system_monitor".into(),
            subject: "alpha".into(),
            measured: Some(Measured {
                metric: Metric::BatteryLevel,
                value,
                threshold: 20.0,
            }),
            sensors: Vec::new(),
            created: Timestamp::now(),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        }
    }

    #[tokio::test]
    async fn a_mute_holds_for_its_cause_until_it_is_over_or_worse() {
        let mutes = Mutes::default();
        let first = alert("a", Level::Warning, 19.0);
        mutes.mute(&first, AN_HOUR, "Tablet").await.expect("muted");
        let before = mutes.version();
        let muted = |alert: &Alert| mutes.of(alert).is_some();
        assert!(muted(&first) && muted(&alert("b", Level::Warning, 18.0)));
        assert!(!muted(&alert("b", Level::Warning, 15.0)), "clearly worse");
        assert!(!muted(&alert("b", Level::Critical, 19.0)), "critical");
        let mut other = alert("b", Level::Warning, 19.0);
        other.subject = "beta".into();
        assert!(!muted(&other), "another drone");
        let mut same = alert("a", Level::Critical, 1.0);
        same.title = "whatever it says now".into();
        assert!(muted(&same), "that very alert");
        let later = Mono::now().plus(AN_HOUR);
        assert!(mutes.at(&first, later).is_none());
        assert_eq!(mutes.expire(later).len(), 1);
        assert!(mutes.version() > before && mutes.expire(later).is_empty());
    }

    #[tokio::test]
    async fn channels_hear_the_end_of_what_they_heard_the_beginning_of() {
        let mutes = Mutes::default();
        let mut old = alert("a", Level::Warning, 19.0);
        old.created = Timestamp::UNIX_EPOCH;
        mutes.mute(&old, AN_HOUR, "Tablet").await.expect("muted");
        assert!(mutes.hides(&old, true) && !mutes.hides(&old, false));
        let mut new = alert("b", Level::Warning, 19.0);
        new.created = Timestamp::now() + Duration::from_secs(1);
        assert!(mutes.hides(&new, true) && mutes.hides(&new, false));
        assert!(mutes.unmute(&new).await.expect("ended").is_some());
        assert!(!mutes.hides(&new, false));
        assert!(mutes.unmute(&new).await.expect("no matter").is_none());
    }

    #[tokio::test]
    async fn the_table_is_bounded_and_outlives_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let mutes = Mutes::open(dir.path());
        for n in 0..=MAX_MUTES {
            let mut one = alert(&n.to_string(), Level::Warning, 19.0);
            one.subject = n.to_string().into();
            let outcome = mutes.mute(&one, AN_HOUR, "Tablet").await;
            assert_eq!(outcome.is_err(), n == MAX_MUTES, "{n}");
        }
        assert_eq!(mutes.counts(), (MAX_MUTES, 1));
        let again = Mutes::open(dir.path());
        let mut last = alert("x", Level::Warning, 19.0);
        last.subject = "7".into();
        let kept = again.of(&last).expect("muted");
        assert_eq!((&*kept.alert, &*kept.by), ("7", "Tablet"));
        assert!(kept.until.since(Mono::now()) <= AN_HOUR);
    }
}
