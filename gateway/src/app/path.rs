//! A thread for the path from a drone's datagram to an alert.
//!
//! State ports and the committer run here, on a runtime of one thread: whatever keeps the
//! workers busy that serve clients, the kernel gives this one its turns as well. (The unit
//! forbids real-time priority.) Nothing that a client sends may be worked on here.

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread, as long as this is held.
pub(super) struct PathThread {
    handle: Handle,
    _ends_it: oneshot::Sender<()>,
}

impl PathThread {
    /// Starts it.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start() -> anyhow::Result<PathThread> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime of the alert path")?;
        let handle = runtime.handle().clone();
        let (ends_it, end) = oneshot::channel();
        let turn = move || drop(runtime.block_on(end));
        std::thread::Builder::new()
            .name("alert path".to_owned())
            .spawn(turn)
            .context("cannot start the thread of the alert path")?;
        Ok(PathThread {
            handle,
            _ends_it: ends_it,
        })
    }

    /// Where tasks of the path are spawned.
    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }
}
