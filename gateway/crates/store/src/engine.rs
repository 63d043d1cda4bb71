//! What the writer thread does: commits, batches, snapshots, healing.
//!
//! One owner of the files, so that nothing here needs to be guarded against
//! itself. The mirror changes only after a commit; while the medium fails,
//! the mirror stands, commits are refused, and the database is opened again
//! with back-off until a commit goes through.

mod healing;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use healing::Failing;

use super::disk::{self, Trouble};
use super::journal::{self, Journal, JournalEntry};
use super::mirror::{Op, Table};
use super::plan::Plan;
use super::state::{StoreState, lock, read_lock, write_lock};
use super::{Change, StorageError, crash, dir, snapshot};
use readings::clock::Mono;

/// Wait before the first attempt to open a failed store again. Also the least
/// time between two attempts, so that refused commits do not wear the card.
const RETRY_MIN: Duration = Duration::from_millis(250);
/// A snapshot follows a change of keys or rules by this much, so that a
/// person's several changes make one.
const SNAPSHOT_DEBOUNCE: Duration = Duration::from_secs(60);
/// Wait before a failed snapshot is tried again.
const SNAPSHOT_RETRY: Duration = Duration::from_secs(300);

/// How the engine behaves; from `[storage]`.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The state directory.
    pub(super) dir: PathBuf,
    /// Time between batches.
    pub(super) batch_interval: Duration,
    /// Time between snapshots.
    pub(super) snapshot_interval: Duration,
    /// Minutes of history kept.
    pub(super) history_minutes: u64,
    /// Least time between attempts to heal; tests take none.
    pub(super) retry_min: Duration,
}

impl Options {
    /// The options of a configuration.
    pub(super) fn new(config: &crate::Config) -> Options {
        Options {
            dir: config.dir.clone(),
            // Zero would write on every turn of the loop.
            batch_interval: Duration::from_secs(config.batch_interval_s.max(1)),
            snapshot_interval: Duration::from_secs(config.snapshot_interval_s.max(60)),
            history_minutes: u64::from(config.history_days) * 24 * 60,
            retry_min: RETRY_MIN,
        }
    }
}

/// What a caller of `commit` waits for.
pub(super) type Reply = oneshot::Sender<Result<(), StorageError>>;

/// The owner of the files.
pub(super) struct Engine {
    options: Options,
    state: Arc<StoreState>,
    journal: Option<Journal>,
    failing: Option<Failing>,
    flushed: Mono,
    snapshot_due: Mono,
    lock: dir::Lock,
    /// Which file the store was opened as; none when that cannot be told.
    opened: Option<dir::FileId>,
}

impl Engine {
    /// Takes over what was opened.
    pub(super) fn new(
        options: Options,
        state: Arc<StoreState>,
        medium: Option<String>,
        lock: dir::Lock,
    ) -> Engine {
        let now = Mono::now();
        let snapshot_due = now.plus(options.snapshot_interval);
        let mut engine = Engine {
            options,
            state,
            journal: None,
            failing: None,
            flushed: now,
            snapshot_due,
            lock,
            opened: None,
        };
        engine.opened = engine.found();
        match medium {
            Some(reason) => engine.fail(&Trouble::Medium(reason), now),
            None => engine.resume_journal(now),
        }
        super::state::lock(&engine.state.evidence).rewrite(&engine.state.medium);
        engine
    }

    /// Which file stands in the store's place now.
    fn found(&self) -> Option<dir::FileId> {
        dir::file_id(&self.options.dir.join(dir::STORE))
    }

    fn resume_journal(&mut self, now: Mono) {
        let (epoch, seq) = {
            let mirror = lock(&self.state.mirror);
            (mirror.epoch, mirror.seq)
        };
        let resumed = match Journal::resume(&self.options.dir, epoch, seq) {
            Ok(None) if seq == 0 => {
                Journal::begin(&self.options.dir, epoch, 0, &self.state.medium).map(Some)
            }
            outcome => outcome,
        };
        self.journal = resumed.unwrap_or_default();
        // Killed between redb's commit and the journal's, or rebuilt: the store's file
        // alone has the newest commit. Nobody is shown it before it is there twice.
        if self.journal.is_none() {
            self.snapshot(now);
        }
    }

    /// When [`Engine::tick`] has something to do next.
    pub(super) fn deadline(&self) -> Mono {
        let next = match &self.failing {
            Some(failing) => failing.tried.plus(failing.delay),
            None => self
                .snapshot_due
                .min(self.flushed.plus(self.options.batch_interval)),
        };
        let evidence = lock(&self.state.evidence).sync_due();
        evidence.map_or(next, |due| next.min(due))
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Mono) {
        self.sync_evidence(now);
        if let Some(failing) = &self.failing
            && now >= failing.tried.plus(failing.delay)
        {
            self.heal(now);
        }
        if self.failing.is_some() {
            return;
        }
        if now >= self.flushed.plus(self.options.batch_interval) {
            self.flush(now);
        }
        if now >= self.snapshot_due {
            self.snapshot(now);
        }
    }

    fn sync_evidence(&self, now: Mono) {
        let unsynced = {
            let mut evidence = lock(&self.state.evidence);
            let due = evidence.sync_due().is_some_and(|due| now >= due);
            due.then(|| evidence.take_unsynced()).flatten()
        };
        if let Some(file) = unsynced
            && let Err(error) = self.state.medium.sync(&file)
        {
            lock(&self.state.evidence).give_up(&error);
        }
    }

    /// Commits everything in `group` in one transaction and answers.
    pub(super) fn commit(&mut self, group: Vec<(Vec<Change>, Reply)>, now: Mono) {
        crash::point("commit.before");
        if let Some(failing) = &self.failing
            && now.since(failing.tried) >= self.options.retry_min
        {
            self.heal(now);
        }
        let deliveries = lock(&self.state.batch).take_deliveries();
        let (accepted, ops) = self.plan(group, &deliveries);
        let outcome = match self.try_write(&ops, now) {
            // A damaged page is not the callers' trouble: rebuilt, the store takes it.
            Err(Trouble::Damaged(_)) if self.heal(now) => self.try_write(&ops, now),
            outcome => outcome,
        };
        let answer = match outcome {
            Ok(()) => {
                self.committed(ops, &accepted, now);
                Ok(())
            }
            Err(trouble) => {
                lock(&self.state.batch).put_back(deliveries);
                Err(StorageError::Unavailable(trouble.to_string().into()))
            }
        };
        for (_, reply) in accepted {
            // The caller may have gone away; the change is made all the same.
            let _gone = reply.send(answer.clone());
        }
        crash::point("commit.answered");
        self.sync_journal(now);
    }

    /// Makes the journal durable; given up when that fails, until the next snapshot.
    fn sync_journal(&mut self, now: Mono) {
        if let Some(Err(error)) = self
            .journal
            .as_mut()
            .map(|journal| journal.sync(&self.state.medium))
        {
            tracing::warn!(%error, "the journal is given up until the next snapshot");
            self.journal = None;
            self.snapshot_due = self.snapshot_due.min(now.plus(self.options.retry_min));
        }
    }

    fn plan(
        &self,
        group: Vec<(Vec<Change>, Reply)>,
        deliveries: &[Change],
    ) -> (Vec<(Vec<Change>, Reply)>, Vec<Op>) {
        let mirror = lock(&self.state.mirror);
        let mut plan = Plan::new(&mirror, self.state.notify.load(Ordering::Relaxed));
        plan.deferred(deliveries);
        let mut accepted = Vec::with_capacity(group.len());
        for (changes, reply) in group {
            if plan.commit(&changes) {
                accepted.push((changes, reply));
            } else {
                let full = format!("a table holds {} records, the most it may", Table::CAPACITY);
                let _gone = reply.send(Err(StorageError::Unavailable(full.into())));
            }
        }
        let (ops, dropped) = plan.finish(self.options.history_minutes);
        self.state
            .outbox_dropped
            .fetch_add(dropped, Ordering::Relaxed);
        (accepted, ops)
    }

    /// Writes `ops` as the next commit; on an error the store counts as failing.
    fn try_write(&mut self, ops: &[Op], now: Mono) -> Result<(), Trouble> {
        if let Some(failing) = &self.failing {
            return Err(Trouble::Medium(failing.reason.to_string()));
        }
        if ops.is_empty() {
            return Ok(());
        }
        let seq = lock(&self.state.mirror).seq + 1;
        let outcome = match &*read_lock(&self.state.db) {
            Some(db) => disk::write(db, seq, ops),
            None => Err(Trouble::Medium("the store is closed".to_owned())),
        };
        // Written, and to a file that nobody finds any more: not durable.
        let outcome = outcome.and_then(|()| match self.found() == self.opened {
            true => Ok(()),
            false => Err(Trouble::Damaged(
                "the state directory was removed or replaced while the gateway runs".to_owned(),
            )),
        });
        match &outcome {
            Ok(()) => drop(self.state.commits.fetch_add(1, Ordering::Relaxed)),
            Err(trouble) => {
                self.state.failures.fetch_add(1, Ordering::Relaxed);
                self.fail(trouble, now);
            }
        }
        outcome
    }

    /// After a commit: the journal, then the mirror. Whoever reads the mirror now reads what
    /// is durable.
    fn committed(&mut self, ops: Vec<Op>, accepted: &[(Vec<Change>, Reply)], now: Mono) {
        if ops.is_empty() {
            return;
        }
        crash::point("commit.synced");
        self.record(ops, now);
        crash::point("commit.journaled");
        let mut batch = lock(&self.state.batch);
        for (changes, _) in accepted {
            batch.supersede(changes);
            if changes.iter().any(|change| {
                !matches!(
                    change,
                    Change::PutAlert(..) | Change::History(_) | Change::Audit(_)
                )
            }) {
                self.snapshot_due = self.snapshot_due.min(now.plus(SNAPSHOT_DEBOUNCE));
            }
        }
    }

    fn record(&mut self, ops: Vec<Op>, now: Mono) {
        let mut mirror = lock(&self.state.mirror);
        let seq = mirror.seq + 1;
        if let Some(journal) = &mut self.journal {
            let kept = ops
                .iter()
                .filter(|op| op.table != Table::History)
                .cloned()
                .collect();
            let entry = JournalEntry {
                seq,
                at_us: Timestamp::now().as_microsecond(),
                ops: kept,
            };
            if let Err(error) = journal.append(&entry, &self.state.medium) {
                tracing::warn!(%error, "the journal is given up until the next snapshot");
                self.journal = None;
            }
        }
        let outbox = ops
            .iter()
            .any(|op| op.table == Table::Outbox && op.value.is_some());
        mirror.apply(seq, ops);
        drop(mirror);
        if outbox {
            self.state.outbox.send_modify(|changes| *changes += 1);
        }
        if self
            .journal
            .as_ref()
            .is_none_or(|journal| journal.length() >= journal::SNAPSHOT_DUE_BYTES)
        {
            self.snapshot_due = self.snapshot_due.min(now.plus(self.options.retry_min));
        }
    }

    /// Writes what was deferred; keeps it when that fails.
    pub(super) fn flush(&mut self, now: Mono) {
        self.flushed = now;
        let changes = lock(&self.state.batch).take();
        let (lines, settled) = lock(&self.state.evidence).take();
        if changes.is_empty() && lines.is_empty() {
            return;
        }
        let lines: Vec<Change> = lines.into_iter().map(Change::Audit).collect();
        crash::point("batch.before");
        let ops = {
            let mirror = lock(&self.state.mirror);
            let mut plan = Plan::new(&mirror, self.state.notify.load(Ordering::Relaxed));
            plan.deferred(&changes);
            plan.deferred(&lines);
            plan.finish(self.options.history_minutes).0
        };
        match self.try_write(&ops, now) {
            Ok(()) if ops.is_empty() => {}
            Ok(()) => {
                crash::point("batch.synced");
                self.record(ops, now);
                self.sync_journal(now);
                lock(&self.state.evidence).settle(settled, &self.state.medium);
            }
            Err(_) => lock(&self.state.batch).put_back(changes),
        }
    }

    /// Takes a snapshot; whether that worked.
    pub(super) fn snapshot(&mut self, now: Mono) -> bool {
        let outcome = match &*read_lock(&self.state.db) {
            Some(db) if self.failing.is_none() => {
                let mirror = lock(&self.state.mirror).clone();
                snapshot::take(
                    &self.options.dir,
                    db,
                    &mirror,
                    Timestamp::now().as_microsecond(),
                    &self.state.medium,
                )
            }
            _ => Err(std::io::Error::other("the store takes no writes")),
        };
        match outcome {
            Ok(journal) => {
                self.journal = Some(journal);
                self.snapshot_due = now.plus(self.options.snapshot_interval);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "no snapshot could be taken");
                self.state.failures.fetch_add(1, Ordering::Relaxed);
                self.snapshot_due = now.plus(SNAPSHOT_RETRY);
                false
            }
        }
    }

    /// Records that an alert reports the loss: it is not reported again.
    pub(super) fn loss_reported(&mut self, now: Mono) -> Result<(), StorageError> {
        let ops = vec![disk::loss_op(None)];
        self.try_write(&ops, now)
            .map_err(|trouble| StorageError::Unavailable(trouble.to_string().into()))?;
        self.record(ops, now);
        self.state.health.send_modify(|health| health.lost = None);
        Ok(())
    }

    /// Writes what waits and closes, so that the next start finds everything.
    pub(super) fn close(mut self) {
        crash::point("close.before");
        let now = Mono::now();
        if self.failing.is_some() {
            self.heal(now);
        }
        self.flush(now);
        self.sync_journal(now);
        if let Some(db) = write_lock(&self.state.db).take()
            && let Err(trouble) = disk::close(db)
        {
            tracing::warn!(%trouble, "the store did not close cleanly; it is checked at the next start");
        }
    }
}
