//! Where a thumb meets the link's task: the newest frame of one drone, and why frames are
//! not taken.
//!
//! No queue: what is newer replaces what was not flown yet, which is counted. Neither side
//! waits for the other.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use access::SessionId;
use tokio::sync::Notify;

use super::commander::StickFrame;
use crate::sources::vehicles::Refusal;

/// The newest frame.
#[derive(Debug, Default)]
pub(crate) struct StickSlot {
    inner: Mutex<Inner>,
    come: Notify,
    taken: AtomicU64,
    replaced: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    newest: Option<StickFrame>,
    /// Why whose frames are not taken, until they heard it.
    refused: Option<(Option<SessionId>, Refusal)>,
}

impl StickSlot {
    /// Puts the newest frame there; why the one before was not taken, once.
    pub(super) fn put(&self, frame: StickFrame) -> Option<Refusal> {
        let session = frame.by.session;
        let told = {
            let mut inner = self.inner();
            let replaced = inner.newest.replace(frame).is_some();
            self.replaced.fetch_add(u64::from(replaced), Relaxed);
            inner.refused.take()
        };
        self.come.notify_one();
        told.filter(|(whose, _)| *whose == session)
            .map(|(_, why)| why)
    }

    /// Waits for a frame.
    pub(super) async fn come(&self) {
        self.come.notified().await;
    }

    /// Takes the newest frame.
    pub(super) fn take(&self) -> Option<StickFrame> {
        let frame = self.inner().newest.take();
        self.taken.fetch_add(u64::from(frame.is_some()), Relaxed);
        frame
    }

    /// Frames of `whose` are not taken.
    pub(super) fn refuse(&self, whose: Option<SessionId>, why: Refusal) {
        self.inner().refused = Some((whose, why));
    }

    /// Frames that came to their turn, and those that newer ones replaced.
    pub(super) fn counts(&self) -> [u64; 2] {
        [&self.taken, &self.replaced].map(|count| count.load(Relaxed))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Both are whole between any two statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use readings::clock::Mono;

    use super::*;
    use crate::sources::vehicles::Operator;

    #[test]
    fn the_newest_counts_and_a_refusal_is_told_once_to_whose_it_is() {
        let slot = StickSlot::default();
        let frame = |roll: i8, session: u64| StickFrame {
            axes: [roll, 0, 0, 0],
            by: Operator {
                session: Some(SessionId(session)),
                ..Operator::gateway()
            },
            at: Mono::ZERO,
        };
        assert_eq!(slot.put(frame(1, 7)), None);
        assert_eq!(slot.put(frame(2, 7)), None);
        assert_eq!(slot.take().map(|frame| frame.axes[0]), Some(2));
        assert!(slot.take().is_none());
        assert_eq!(slot.counts(), [1, 1]);
        slot.refuse(Some(SessionId(7)), Refusal::NoControl);
        assert_eq!(slot.put(frame(3, 7)), Some(Refusal::NoControl));
        assert_eq!(slot.put(frame(4, 7)), None);
        slot.refuse(Some(SessionId(7)), Refusal::NoControl);
        assert_eq!(slot.put(frame(5, 8)), None, "another's");
    }
}
