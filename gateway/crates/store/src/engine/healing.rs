//! While the medium fails: what is known of it, attempts with back-off, putting right.
//!
//! The mirror says what must be on the medium; whatever is found there is made to say the
//! same before the next commit is taken.

use std::sync::Arc;
use std::time::Duration;

use redb::Database;

use super::Engine;
use crate::disk::{self, Trouble};
use crate::mirror::Mirror;
use crate::opening::{self, Opened};
use crate::plan;
use crate::state::{Health, lock, write_lock};
use readings::clock::Mono;

/// Longest wait between attempts.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Attempts after which failing blocks are taken to stay so.
const WORN_ATTEMPTS: u32 = 3;

/// The medium takes no writes at present.
pub(super) struct Failing {
    pub(super) reason: Arc<str>,
    pub(super) tried: Mono,
    pub(super) delay: Duration,
    attempts: u32,
}

impl Engine {
    pub(super) fn fail(&mut self, trouble: &Trouble, now: Mono) {
        let reason: Arc<str> = trouble.to_string().into();
        tracing::error!(%reason, "the store takes no writes");
        self.journal = None;
        let delay = self
            .failing
            .as_ref()
            .map_or(self.options.retry_min, |failing| {
                (failing.delay * 2).min(RETRY_MAX)
            });
        let attempts = self
            .failing
            .as_ref()
            .map_or(0, |failing| failing.attempts + 1);
        self.failing = Some(Failing {
            reason: reason.clone(),
            tried: now,
            delay,
            attempts,
        });
        self.state.health.send_modify(|health| {
            health.healthy = false;
            health.reason = Some(reason);
        });
    }

    /// Opens the store again and puts it right; whether it takes writes now.
    pub(super) fn heal(&mut self, now: Mono) -> bool {
        // redb must be closed before its file is opened again; a copy in
        // memory has no file and goes on answering until it is replaced.
        if lock(&self.state.mirror).on_medium
            && let Some(db) = write_lock(&self.state.db).take()
        {
            let _failed_before = disk::close(db);
        }
        let (dir, medium) = (&self.options.dir, &self.state.medium);
        let worn_for = self.failing.as_ref().map_or(0, |failing| failing.attempts);
        let renewed = self.lock.renew(dir).map_err(Trouble::Medium);
        let healed = match renewed
            .and_then(|()| opening::open_writable(dir, medium))
            .and_then(|opened| self.put_right(opened))
        {
            Err(Trouble::Worn(_)) if worn_for >= WORN_ATTEMPTS => {
                opening::move_elsewhere(dir, medium).and_then(|opened| self.put_right(opened))
            }
            outcome => outcome,
        };
        match healed {
            Ok((db, mirror, lost)) => {
                tracing::info!("the store takes writes again");
                *lock(&self.state.mirror) = mirror;
                *write_lock(&self.state.db) = Some(db);
                self.opened = self.found();
                lock(&self.state.evidence).rewrite(&self.state.medium);
                self.failing = None;
                // The journal was given up: again, there twice before the next answer.
                self.snapshot(now);
                let lost = lost.map(Arc::from);
                self.state.health.send_modify(|health| {
                    let lost = lost.or(health.lost.take());
                    *health = Health {
                        healthy: true,
                        reason: None,
                        lost,
                    };
                });
                true
            }
            Err(trouble) => {
                self.fail(&trouble, now);
                false
            }
        }
    }

    /// Makes the opened store say what the mirror says: what was acknowledged
    /// is put back, what was refused is taken out. The write also proves that
    /// the medium takes writes.
    fn put_right(&self, opened: Opened) -> Result<(Database, Mirror, Option<String>), Trouble> {
        let Opened {
            db,
            mirror: found,
            recovery,
            ..
        } = opened;
        let wanted = lock(&self.state.mirror).clone();
        let mut ops = plan::reconcile(&found, &wanted);
        ops.push(disk::epoch_op(wanted.epoch));
        // Nothing was found where there must be something: as good as damaged.
        let is_rebuilt = recovery.lost.is_some() || recovery.created && wanted.seq > 0;
        let lost = is_rebuilt.then(|| {
            "the store was damaged while running, or its directory removed, and was rebuilt \
             from memory: the stored history and audit records may be lost"
                .to_owned()
        });
        ops.push(disk::loss_op(lost.as_deref().or(wanted.lost.as_deref())));
        let seq = found.seq.max(wanted.seq) + 1;
        if let Err(trouble) = disk::write(&db, seq, &ops) {
            let _failed_before = disk::close(db);
            return Err(trouble);
        }
        let mut mirror = found;
        (mirror.epoch, mirror.lost) = (wanted.epoch, lost.clone().or(wanted.lost));
        mirror.apply(seq, ops);
        Ok((db, mirror, lost))
    }
}
