//! The writer thread: takes requests from a bounded queue and groups commits.
//!
//! A thread and not a task, because `fsync` on a card takes tens of
//! milliseconds and must not hold up a worker of the runtime.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use tokio::sync::oneshot;

use super::engine::{Engine, Reply};
use super::state::StoreState;
use super::{Change, StorageError};
use readings::clock::Mono;

/// Requests waiting at most. Beyond it callers are asked to try again: a card
/// that takes 20 ms an `fsync` still clears a full queue in well under a second.
pub(super) const QUEUE_CAPACITY: usize = 1_024;
/// Commits in one transaction at most; bounds its memory.
const GROUP_CAPACITY: usize = 256;

/// What handles ask of the writer.
pub(super) enum Request {
    /// Make changes durable.
    Commit(Vec<Change>, Reply),
    /// Something is due earlier than it was.
    Look,
    /// Write what was deferred, now.
    Flush(Reply),
    /// Take a snapshot, now.
    Snapshot(Reply),
    /// An alert reports the loss.
    LossReported(Reply),
    /// Write what waits, close and end.
    Close(oneshot::Sender<()>),
}

/// Serves `queue` until it is closed or every handle is gone.
pub(super) fn run(mut engine: Engine, queue: &Receiver<Request>, state: &Arc<StoreState>) {
    loop {
        let wait = engine.deadline().since(Mono::now());
        let mut next = match queue.recv_timeout(wait) {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return engine.close(),
        };
        while let Some(request) = next.take() {
            state.queued.fetch_sub(1, Ordering::Relaxed);
            let now = Mono::now();
            match request {
                Request::Commit(changes, reply) => {
                    let (group, other) = gather(changes, reply, queue, state);
                    engine.commit(group, now);
                    next = other;
                }
                Request::Look => {}
                Request::Flush(reply) => {
                    engine.flush(now);
                    answer(reply, Ok(()));
                }
                Request::Snapshot(reply) => {
                    let taken = engine.snapshot(now);
                    answer(
                        reply,
                        if taken {
                            Ok(())
                        } else {
                            Err(StorageError::Unavailable("no snapshot".into()))
                        },
                    );
                }
                Request::LossReported(reply) => answer(reply, engine.loss_reported(now)),
                Request::Close(done) => {
                    engine.close();
                    let _gone = done.send(());
                    return;
                }
            }
        }
        engine.tick(Mono::now());
    }
}

fn answer(reply: Reply, outcome: Result<(), StorageError>) {
    let _gone = reply.send(outcome);
}

/// Every commit that is queued already, up to the first other request.
fn gather(
    changes: Vec<Change>,
    reply: Reply,
    queue: &Receiver<Request>,
    state: &Arc<StoreState>,
) -> (Vec<(Vec<Change>, Reply)>, Option<Request>) {
    let mut group = vec![(changes, reply)];
    while group.len() < GROUP_CAPACITY {
        match queue.try_recv() {
            Ok(Request::Commit(changes, reply)) => {
                state.queued.fetch_sub(1, Ordering::Relaxed);
                group.push((changes, reply));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}
