//! The running gateway: assembled, announced, reloaded, stopped.
//!
//! The only place that knows every room; none of them knows another's
//! insides. Order of the start: what others write to first (store, alerts),
//! listeners last, so that no request meets a half-made gateway.

mod alert_events;
mod announce;
mod clock_watch;
mod control_socket;
mod core;
mod edges;
mod guard_audit;
mod heap;
mod housekeeping;
mod listeners;
mod loss;
mod observe;
mod panel;
mod path;
mod serve;
mod start;

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::ConfigError;
use crate::settings::Settings;
use start::Running;

/// Resolves the settings again, as they were resolved at the start.
pub type Resolve = Box<dyn Fn() -> Result<Settings, ConfigError> + Send + Sync>;

/// Longest wait for tasks after the listeners have drained.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or Ctrl-C; `reload` is for SIGHUP, and `started` is called once
/// everything is up and announced.
///
/// # Errors
/// What makes a start impossible, in words for the operator.
pub async fn run(
    settings: Settings,
    reload: Resolve,
    started: impl FnOnce(),
) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let mut running = Running::start(&settings).await?;
    started();
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    loop {
        match signals.next().await {
            Request::Stop => break,
            Request::Reload => {
                drop(sd_notify::notify(&[sd_notify::NotifyState::Reloading]));
                reload_from(&mut running, &reload);
                drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
            }
        }
    }
    drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
    tracing::info!("stopping");
    running.stop(STOP_TIMEOUT).await;
    Ok(())
}

/// Applies what can be applied; a broken file changes nothing.
fn reload_from(running: &mut Running, resolve: &Resolve) {
    let reload = match resolve().and_then(|new| new.beside(&running.config())) {
        Ok((settings, reload)) => {
            running.apply(&settings, &reload);
            reload
        }
        Err(error) => {
            tracing::error!("configuration not reloaded, the running one stays: {error}");
            return;
        }
    };
    tracing::info!(
        applied = reload.applied.join(", "),
        "configuration reloaded"
    );
    if !reload.needs_restart.is_empty() {
        tracing::warn!(
            keys = reload.needs_restart.join(", "),
            "changed keys that need a restart"
        );
    }
}

/// What a signal asks for.
enum Request {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Reload,
        }
    }
}

#[cfg(test)]
mod tests;
