//! The delivery worker of one channel: takes what is to be told next, sends it, backs off,
//! notes the progress; and tells again what nobody has acknowledged.
//!
//! What comes next says `plan`, who is meant says `routing`. A notification that does not
//! arrive holds up this channel alone. Progress is deferred to the store's next commit of
//! alerts or batch, because a commit for each delivery would double the write
//! budget for the sake of a repetition after a power cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::Terms;
use super::channel::{Channel, NotDelivered, Notification};
use super::plan::{self, Step};
use super::progress::{Counters, Progress};
use readings::clock::Mono;
use store::{AlertRecord, Change, OutboxEvent, OutboxRecord, Store};

/// How quick a worker is; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// First wait after a failure; doubles with each.
    pub(super) back_off_min: Duration,
    /// How long a channel fails before that is an alert itself.
    pub(super) fails_for: Duration,
    /// How often the clock is looked at: for quiet hours, repetitions and what stands.
    pub(super) tick: Duration,
}

impl Pace {
    /// Where people wait.
    pub(super) const USUAL: Pace = Pace {
        back_off_min: Duration::from_secs(1),
        fails_for: Duration::from_secs(60),
        tick: Duration::from_secs(15),
    };
}

/// Longest wait: a channel that works again is found within a minute.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// Attempts after which a notification that is refused is given up, so that one
/// that the other side cannot take does not hold up all others: the waits between them,
/// 1 + 2 + … + 60 s, are some two minutes.
const REFUSALS: u32 = 8;
/// Alerts that are remembered as not told; the oldest are forgotten.
const MOST_WITHHELD: usize = 1000;
/// Origin of the alert that a channel fails, and what its subject begins with.
pub(super) const FAILING_ORIGIN: &str = "notifications_not_delivered";
pub(super) const FAILING_SUBJECT: &str = "notify/";

/// Tells when the outbox has changed.
type Changes = tokio::sync::watch::Receiver<u64>;

/// Delivers by one channel.
#[derive(Clone)]
pub(super) struct DeliveryWorker {
    /// How it is sent.
    pub(super) channel: Arc<dyn Channel>,
    /// The channel to which it escalates.
    pub(super) second: Option<Arc<dyn Channel>>,
    /// Its place in the progress.
    pub(super) index: usize,
    /// Where notifications come from.
    pub(super) store: Store,
    /// How far all have come.
    pub(super) progress: Arc<Progress>,
    /// What is counted.
    pub(super) counters: Arc<Counters>,
    /// Who speaks, and what it is not to hear.
    pub(super) terms: Terms,
    /// How quick it is.
    pub(super) pace: Pace,
}

/// What a worker remembers between two steps. Lost with it: then what is not certain is
/// told once more.
#[derive(Default)]
struct Memory {
    /// Numbers behind the progress that are dealt with.
    done: BTreeSet<u64>,
    /// Alerts whose beginning it was not told: it hears nothing of their end either.
    withheld: BTreeSet<u64>,
    /// Alerts that it was told and nobody has acknowledged yet.
    unacknowledged: BTreeMap<u64, Delivery>,
    /// Failures in a row.
    attempts: u32,
    /// Refusals of the same notification.
    refusals: u32,
    failing_since: Option<Mono>,
    /// Whether the alert that it fails stands; none while that is not known.
    alarm: Option<bool>,
    ticked: Option<Mono>,
    standing_sent: Option<Mono>,
}

/// When an alert was told.
struct Delivery {
    first: Mono,
    last: Mono,
    times: u32,
    escalated: bool,
}

impl Delivery {
    const fn at(now: Mono) -> Delivery {
        Delivery {
            first: now,
            last: now,
            times: 0,
            escalated: false,
        }
    }
}

impl DeliveryWorker {
    /// Delivers for ever.
    pub(super) async fn run(self) {
        let mut changes = self.store.outbox_changes();
        let mut memory = Memory::default();
        loop {
            changes.mark_unchanged();
            while self.step(&mut memory).await {}
            if !self.wait_for_more(&mut changes, &mut memory).await {
                return;
            }
        }
    }

    /// Deals with what is to be told next; false when nothing is.
    async fn step(&self, memory: &mut Memory) -> bool {
        let waiting = self.waiting(memory);
        let Some(step) = plan::next(&waiting, self.channel.takes_several()) else {
            return false;
        };
        let notification = self.terms.sender.says_step(&step);
        match self.channel.send(&notification).await {
            Ok(()) => {
                self.arrived(memory);
                self.note_delivered(&step, memory);
                self.finish(&step.numbers, memory);
            }
            Err(error) => {
                self.failed(&error, memory);
                memory.refusals += u32::from(matches!(error, NotDelivered::Refused(_)));
                if memory.refusals >= REFUSALS {
                    self.counters.refused.fetch_add(1, Ordering::Relaxed);
                    memory.refusals = 0;
                    self.withhold(&step.record, memory);
                    self.finish(&step.numbers, memory);
                    return true;
                }
                self.back_off(&error, memory.attempts).await;
            }
        }
        // What comes next is asked anew: something worse may have come meanwhile.
        true
    }

    /// Everything in the outbox that is to be told now. What never is, is dealt with.
    fn waiting(&self, memory: &mut Memory) -> Vec<(u64, OutboxRecord)> {
        let mut after = self.progress.of(self.index);
        let (mut waiting, mut passed) = (Vec::new(), Vec::new());
        while let Some((number, record)) = self.store.outbox_after(after) {
            after = number;
            if memory.done.contains(&number) {
                continue;
            }
            match self.judge(&record, memory) {
                Verdict::Now => waiting.push((number, record)),
                Verdict::Later => {}
                Verdict::Never => passed.push(number),
            }
        }
        if !passed.is_empty() {
            self.finish(&passed, memory);
        }
        waiting
    }

    fn judge(&self, record: &OutboxRecord, memory: &mut Memory) -> Verdict {
        let (alert, routing) = (&record.alert, self.channel.routing());
        let is_own = alert.origin == FAILING_ORIGIN
            && alert.subject.strip_prefix(FAILING_SUBJECT) == Some(self.channel.name());
        if !routing.wants(alert) || is_own {
            return Verdict::Never;
        }
        if (self.terms.hides)(record) {
            self.withhold(record, memory);
            return Verdict::Never;
        }
        if record.event != OutboxEvent::Raised && memory.withheld.contains(&alert.seq) {
            return Verdict::Never;
        }
        match self.is_quiet_for(alert) {
            true => Verdict::Later,
            false => Verdict::Now,
        }
    }

    /// Whether quiet hours keep it for later. A clock that is known to be wrong keeps nobody
    /// from hearing.
    fn is_quiet_for(&self, alert: &AlertRecord) -> bool {
        let routing = self.channel.routing();
        routing.quiet.is_some()
            && (self.terms.clock)() != Some(false)
            && routing.waits(alert, time_of_day())
    }

    fn withhold(&self, record: &OutboxRecord, memory: &mut Memory) {
        if record.event == OutboxEvent::Raised {
            memory.withheld.insert(record.alert.seq);
            if memory.withheld.len() > MOST_WITHHELD {
                memory.withheld.pop_first();
            }
        }
    }

    /// Notes that these are dealt with, and moves the progress on as far as all are.
    fn finish(&self, numbers: &[u64], memory: &mut Memory) {
        memory.done.extend(numbers);
        let start = self.progress.of(self.index);
        let mut at = start;
        while let Some((number, _)) = self
            .store
            .outbox_after(at)
            .filter(|(number, _)| memory.done.contains(number))
        {
            at = number;
        }
        if at == start {
            return;
        }
        memory.done = memory.done.split_off(&(at + 1));
        let name = self.channel.name().to_owned();
        self.store.defer(vec![Change::Delivered(name, at)]);
        self.progress.advance(self.index, at, &self.store);
    }

    fn note_delivered(&self, step: &Step, memory: &mut Memory) {
        memory.refusals = 0;
        let now = Mono::now();
        for record in std::iter::once(&step.record).chain(&step.also) {
            let seq = record.alert.seq;
            memory.withheld.remove(&seq);
            match record.event {
                OutboxEvent::Raised => drop(memory.unacknowledged.insert(seq, Delivery::at(now))),
                _ => drop(memory.unacknowledged.remove(&seq)),
            }
        }
    }

    fn arrived(&self, memory: &mut Memory) {
        self.counters.sent.fetch_add(1, Ordering::Relaxed);
        self.counters.set_problem(None);
        let failed_before = std::mem::take(&mut memory.attempts) > 0;
        memory.failing_since = None;
        // The alert may also stand since before the start.
        if memory.alarm.replace(false) != Some(false) {
            (self.terms.alarm)(self.channel.name(), None);
        }
        if failed_before {
            // The network may be back for the others as well.
            self.progress.wake();
        }
    }

    fn failed(&self, error: &NotDelivered, memory: &mut Memory) {
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        self.counters.set_problem(Some(error.to_string()));
        memory.attempts += 1;
        let (channel, attempts) = (self.channel.name(), memory.attempts);
        tracing::warn!(channel, %error, attempts, "a notification did not arrive");
        let now = Mono::now();
        let since = *memory.failing_since.get_or_insert(now);
        if now.since(since) >= self.pace.fails_for && memory.alarm.replace(true) != Some(true) {
            (self.terms.alarm)(channel, Some(&error.to_string()));
        }
    }

    async fn back_off(&self, error: &NotDelivered, attempts: u32) {
        let wait = tokio::time::sleep(wait(self.pace.back_off_min, attempts, error));
        // Who refuses, or asks for time, is left alone for it.
        let may_wake = matches!(error, NotDelivered::Retry { after: None, .. });
        tokio::select! {
            () = wait => {}
            () = self.progress.woken(), if may_wake => {}
        }
    }

    /// Waits for the outbox to change, or for the clock; false when the outbox is no more.
    async fn wait_for_more(&self, changes: &mut Changes, memory: &mut Memory) -> bool {
        let by_clock =
            self.channel.routing().has_hours() || self.channel.standing_every().is_some();
        if !by_clock {
            return changes.changed().await.is_ok();
        }
        let changed = tokio::time::timeout(self.pace.tick, changes.changed()).await;
        if !self.waiting(memory).is_empty() {
            // First what is new: it is told again only after that.
            return true;
        }
        let now = Mono::now();
        if memory
            .ticked
            .is_none_or(|ticked| now.since(ticked) >= self.pace.tick)
        {
            memory.ticked = Some(now);
            self.tell_standing(now, memory).await;
            self.tell_again(now, memory).await;
        }
        // (Time is no end.)
        !matches!(changed, Ok(Err(_)))
    }

    /// What stands and this channel is to hear of.
    fn standing(&self) -> impl Iterator<Item = OutboxRecord> + '_ {
        let alerts = self.store.alerts().into_iter();
        let open = alerts.filter(|alert| alert.resolved.is_none() && alert.cleared_us.is_none());
        let event = OutboxEvent::Raised;
        open.map(move |alert| OutboxRecord { event, alert })
            .filter(|record| {
                self.channel.routing().wants(&record.alert)
                    && !(self.terms.hides)(record)
                    && !self.is_quiet_for(&record.alert)
            })
    }

    async fn tell_standing(&self, now: Mono, memory: &mut Memory) {
        let Some(every) = self.channel.standing_every() else {
            return;
        };
        if memory
            .standing_sent
            .is_some_and(|sent| now.since(sent) < every)
        {
            return;
        }
        memory.standing_sent = Some(now);
        let says = |record| self.terms.sender.says(record, String::new());
        let standing: Vec<Notification> = self.standing().map(says).collect();
        if standing.is_empty() {
            return;
        }
        match self.channel.send_standing(&standing).await {
            Ok(()) => memory.failing_since = None,
            Err(error) => self.failed(&error, memory),
        }
    }

    /// Repeats, and escalates, what nobody has acknowledged.
    async fn tell_again(&self, now: Mono, memory: &mut Memory) {
        let routing = self.channel.routing();
        if routing.repeat.is_none() && routing.escalation.is_none() {
            return;
        }
        let open: Vec<OutboxRecord> = self
            .standing()
            .filter(|record| {
                record.alert.acknowledged.is_none() && !memory.withheld.contains(&record.alert.seq)
            })
            .collect();
        let stands = |seq: &u64| open.iter().any(|record| record.alert.seq == *seq);
        memory.unacknowledged.retain(|seq, _| stands(seq));
        for record in open {
            let seq = record.alert.seq;
            // What was told before a restart counts from now.
            let delivery = memory
                .unacknowledged
                .entry(seq)
                .or_insert_with(|| Delivery::at(now));
            let unanswered = now.since(delivery.first);
            if routing
                .repeat
                .is_some_and(|every| now.since(delivery.last) >= every)
            {
                delivery.last = now;
                delivery.times += 1;
                let again = self
                    .terms
                    .sender
                    .says_again(&record, delivery.times, unanswered);
                match self.channel.send(&again).await {
                    Ok(()) => self.arrived(memory),
                    Err(error) => self.failed(&error, memory),
                }
            }
            self.escalate(&record, unanswered, memory).await;
        }
    }

    /// Tells the second channel, once, and again at each tick until it has arrived.
    async fn escalate(&self, record: &OutboxRecord, unanswered: Duration, memory: &mut Memory) {
        let routing = self.channel.routing();
        let (Some((_, after)), Some(second)) = (&routing.escalation, &self.second) else {
            return;
        };
        let Some(delivery) = memory.unacknowledged.get_mut(&record.alert.seq) else {
            return;
        };
        if delivery.escalated || unanswered < *after {
            return;
        }
        let again = self.terms.sender.says_again(record, 1, unanswered);
        match second.send(&again).await {
            Ok(()) => delivery.escalated = true,
            Err(error) => {
                tracing::warn!(channel = second.name(), %error, "an escalation did not arrive");
            }
        }
    }
}

/// What becomes of a record in the outbox.
enum Verdict {
    Now,
    /// Quiet hours keep it.
    Later,
    Never,
}

/// By the clock on the wall.
fn time_of_day() -> Time {
    Timestamp::now()
        .to_zoned_datetime(TimeZone::system())
        .time()
}

/// The wait after `attempts` failures, the last of which was `error`.
fn wait(first: Duration, attempts: u32, error: &NotDelivered) -> Duration {
    let doublings = attempts.saturating_sub(1);
    let doubled = first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
    let asked = match error {
        NotDelivered::Retry { after, .. } => after.unwrap_or_default(),
        NotDelivered::Refused(_) => Duration::ZERO,
    };
    doubled.max(asked).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_heed_the_other_side() {
        let lost = NotDelivered::retry("no answer");
        let waits: Vec<u64> = (1..10)
            .map(|attempts| wait(Pace::USUAL.back_off_min, attempts, &lost).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(
            wait(Pace::USUAL.back_off_min, u32::MAX, &lost),
            BACK_OFF_MAX
        );
        let later = |seconds| NotDelivered::Retry {
            reason: "answered with 429".to_owned(),
            after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(wait(Pace::USUAL.back_off_min, 1, &later(30)).as_secs(), 30);
        assert_eq!(
            wait(Pace::USUAL.back_off_min, 1, &later(3600)),
            BACK_OFF_MAX
        );
    }
}
