//! What of a gateway outlives its process: the medium.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alerting::{Alert, Change, Journal, JournalError, Kept, StoredRule};
use readings::clock::sleep;

use crate::state_file::memory::MemoryFile;

/// The medium of one board; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    pub(super) alerts: Medium,
    pub(super) flights: MemoryFile,
    pub(super) latches: MemoryFile,
}

impl Board {
    /// One on which a write takes so long.
    pub(super) fn that_takes(takes: Duration) -> Board {
        let file = || MemoryFile::that_takes(takes);
        Board {
            alerts: Medium {
                takes,
                ..Medium::default()
            },
            flights: file(),
            latches: file(),
        }
    }
}

/// The store of alerts, in place of redb: a commit is there as a whole or not at all, and
/// takes its time.
#[derive(Clone, Debug, Default)]
pub(super) struct Medium {
    held: Arc<Mutex<Held>>,
    takes: Duration,
    /// Whether it says yes and keeps nothing; for tests of the invariants.
    pub(super) forgets: bool,
}

#[derive(Debug, Default)]
struct Held {
    alerts: BTreeMap<u64, Alert>,
    rules: BTreeMap<String, StoredRule>,
    highest_seq: u64,
    refuses: bool,
}

impl Medium {
    /// It refuses writes from now on, or takes them again.
    pub(super) fn refuse(&self, refuses: bool) {
        self.held().refuses = refuses;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, changes: Vec<Change>) {
        if self.forgets {
            return;
        }
        let mut held = self.held();
        for change in changes {
            match change {
                Change::PutAlert(alert, _) => {
                    held.highest_seq = held.highest_seq.max(alert.seq);
                    held.alerts.insert(alert.seq, *alert);
                }
                Change::DeleteAlert(seq) => drop(held.alerts.remove(&seq)),
                Change::PutRule(stored) => {
                    held.rules.insert(stored.rule.name.to_string(), *stored);
                }
                Change::DeleteRule(name) => drop(held.rules.remove(&name)),
            }
        }
    }
}

impl Journal for Medium {
    fn kept(&self) -> Kept {
        let held = self.held();
        let durable = |alert: &Alert| Alert {
            durable: true,
            ..alert.clone()
        };
        Kept {
            alerts: held.alerts.values().map(durable).collect(),
            highest_seq: held.highest_seq,
            rules: held.rules.values().cloned().collect(),
            rules_ignored: Vec::new(),
            epoch: 1,
        }
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        sleep(self.takes).await;
        if self.held().refuses {
            return Err(JournalError::Unavailable("no space".into()));
        }
        self.apply(changes);
        Ok(())
    }

    fn defer(&self, changes: Vec<Change>) {
        self.apply(changes);
    }
}
