//! The boards on serial lines: whether each is there and answers.
//!
//! A running gateway has its ports open and is asked. Without one each port is opened and
//! listened to; a board of ours is met, and to anything else nothing is sent.

#![expect(
    clippy::disallowed_methods,
    reason = "a command that only waits, in real time"
)]

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use firmware_bridge::host::{HostLink, LinkConfig, LinkEvent, LinkHandle};

use super::{Finding, Running, Severity, finding};
use crate::config::{Bridge, Config};
use crate::control::bridges::{self, BridgeState};

/// How long a board may take to be met: it greets every two seconds.
const MEETING: Duration = Duration::from_secs(6);

/// Looks at each configured bridge.
pub(super) async fn look(config: &Config, running: &Running) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (off, on): (Vec<&Bridge>, Vec<&Bridge>) =
        config.bridge.iter().partition(|bridge| !bridge.enabled);
    findings.extend(
        off.into_iter()
            .map(|bridge| of(bridge, Severity::Ok, "switched off")),
    );
    if matches!(running, Running::Yes(_)) {
        let known = bridges::ask(crate::cli::state_dir(config)).await;
        let known = known.unwrap_or_default();
        findings.extend(on.into_iter().map(|bridge| as_known(bridge, &known)));
        return findings;
    }
    // All at once: each takes its time.
    let until = Instant::now() + MEETING;
    let met: Vec<(&Bridge, Option<Meeting>)> = on
        .into_iter()
        .map(|bridge| (bridge, Meeting::begin(bridge)))
        .collect();
    for (bridge, meeting) in met {
        findings.push(match meeting {
            Some(meeting) => meeting.end(bridge, until),
            None => of(
                bridge,
                Severity::Error,
                "the system gives no thread to look at it",
            ),
        });
    }
    findings
}

fn of(bridge: &Bridge, severity: Severity, text: impl Into<String>) -> Finding {
    finding(severity, &format!("bridge {}", bridge.name), text)
}

/// What the running gateway says of it.
fn as_known(bridge: &Bridge, known: &[BridgeState]) -> Finding {
    let Some(state) = known.iter().find(|state| state.name == bridge.name) else {
        let text = "the running gateway does not know it; reload its configuration";
        return of(bridge, Severity::Warning, text);
    };
    let port = state.port.as_deref().unwrap_or(&state.selector);
    match (state.state.as_str(), &state.reason) {
        ("live", _) => {
            let board = state.board.as_deref().unwrap_or("its board");
            of(
                bridge,
                Severity::Ok,
                format!("{port}: {board} answers the running gateway"),
            )
        }
        (_, Some(reason)) => of(bridge, Severity::Error, format!("{port}: {reason}")),
        (_, None) => {
            let text = format!("{port}: the running gateway has not heard its board yet");
            of(bridge, Severity::Warning, text)
        }
    }
}

/// A port that is listened to.
struct Meeting {
    link: LinkHandle,
    events: Receiver<LinkEvent>,
}

impl Meeting {
    fn begin(bridge: &Bridge) -> Option<Meeting> {
        let (sender, events) = mpsc::sync_channel(16);
        let config = LinkConfig {
            baud: bridge.baud,
            ..LinkConfig::new(bridge.port()?)
        };
        let link = HostLink::spawn(config, move |event| {
            if matches!(event, LinkEvent::Connected { .. } | LinkEvent::Lost { .. }) {
                drop(sender.try_send(event));
            }
        });
        let link = link.ok()?;
        Some(Meeting { link, events })
    }

    /// Waits for a board until then; of several ports with the wrong devices the last
    /// loss is told.
    fn end(self, bridge: &Bridge, until: Instant) -> Finding {
        let mut why = format!("{}: no board is heard", bridge.selector);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                self.link.stop();
                return of(bridge, Severity::Error, why);
            };
            match event {
                LinkEvent::Connected { board } => {
                    let port = self.link.stats().port;
                    let port = port.as_deref().unwrap_or(&bridge.selector).to_owned();
                    self.link.stop();
                    let (id, firmware) = (board.id(), &board.greeting.firmware);
                    let text =
                        format!("{port} can be opened, and {id} answers (firmware {firmware})");
                    return of(bridge, Severity::Ok, text);
                }
                LinkEvent::Lost { reason, port } => {
                    let port = port.as_deref().unwrap_or(&bridge.selector);
                    why = format!("{port}: {reason}");
                }
                _ => {}
            }
        }
    }
}
