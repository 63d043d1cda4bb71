//! Does what was decided: commands first, then words about them.
//!
//! Two tasks. The first looks at the drones, asks [`super::causes`] and sends; it never
//! waits for the medium. The second keeps latched emergency stops in their file.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use alerting::{AlertType, Condition, Level};
use futures_util::future::join_all;
use readings::clock::{Mono, sleep, wall_now};
use readings::command::{CommandId, CommandState};
use readings::event::{EventKind, EventLog, NewEvent, Values};
use tello::command::Command;
use tokio_util::sync::CancellationToken;

use super::causes::{DroneFacts, Order, OrderKind, Orders, WARNED_BEFORE};
use super::limits::{LimitKind, LimitSeen};
use super::stops::StoredStop;
use super::{Safety, Table, words};
use crate::sources::sink::{Pipeline, ReadingSink as _};
use crate::sources::vehicles::{
    CommandError, DroneView, LinkState, OwnWish, Phase, Refusal, Vehicles,
};

/// Between two looks while there is something to act on, or a flight with limits: twice
/// as often as states come.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two looks otherwise; what begins wakes it.
const LOOK_SELDOM: Duration = Duration::from_secs(1);
/// Until latches are written again that the medium refused.
const KEEP_AGAIN: Duration = Duration::from_secs(5);

/// Key of the condition that a landing is announced.
pub(super) const ANNOUNCED: &str = "landing_announced";
/// Key of the condition that the gateway acted, until the drone is on the ground.
const ACTED: &str = "drone_action";
/// Key and subject of the condition that latches are not on the medium.
const NOT_KEPT: &str = "emergency_stop_not_saved";
const LATCHES: &str = "emergency-stop";

/// The first task.
pub(crate) struct SafetyTask {
    pub(crate) safety: Safety,
    pub(crate) vehicles: Vehicles,
    pub(crate) sink: Pipeline,
    pub(crate) events: EventLog,
}

/// What a look found.
#[derive(Default)]
struct Findings {
    orders: Orders,
    /// Drones that exceed a limit that only warns.
    warnings: Vec<(usize, LimitKind)>,
    /// Drones on the ground.
    grounded: Vec<usize>,
    is_busy: bool,
}

impl SafetyTask {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let pause = self.look().await;
            tokio::select! {
                () = self.safety.0.wake.notified() => {}
                () = sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One look, and what follows from it; how long until the next.
    async fn look(&self) -> Duration {
        let views = self.vehicles.views();
        let found = self.safety.look(&views);
        join_all(found.orders.into_iter().map(|order| self.carry_out(order))).await;
        for (drone, kind) in found.warnings {
            let id = &self.safety.0.ids[drone];
            let limits = self.safety.table().limits[drone].limits;
            let words = words::exceeded(kind, Some(&limits), 0);
            let title = "Flight Limit Exceeded";
            self.raise(kind.condition(), id, Level::Warning, title, words);
        }
        for drone in found.grounded {
            let id = &self.safety.0.ids[drone];
            let kinds = LimitKind::ALL.map(LimitKind::condition);
            for key in kinds.into_iter().chain([ACTED, ANNOUNCED]) {
                self.sink.clear(key, id);
            }
        }
        if found.is_busy {
            LOOK_EVERY
        } else {
            LOOK_SELDOM
        }
    }

    async fn carry_out(&self, order: Order) {
        let Order {
            drone,
            what,
            origin,
        } = order;
        let safety = &self.safety;
        let id = &safety.0.ids[drone];
        let why = {
            let table = safety.table();
            words::cause(&origin, Some(&table.limits[drone].limits))
        };
        match what {
            OrderKind::Announce => {
                let command_id = self.events.command_ids().next();
                safety.table().announced[drone] = Some(command_id);
                let seconds = WARNED_BEFORE.as_secs();
                let words = format!("in {seconds} s: {why}");
                self.publish(id, command_id, CommandState::Queued, words);
                safety.0.counts.announced.fetch_add(1, Relaxed);
                let words = format!("{id} is landed in {seconds} s: {why}; its flyer may veto it");
                self.raise(ANNOUNCED, id, Level::Warning, "Landing Announced", words);
            }
            OrderKind::CallOff => {
                let announced = safety.table().announced[drone].take();
                if let Some(command_id) = announced {
                    let words = format!("called off, no longer so: {why}");
                    self.publish(id, command_id, CommandState::Overtaken, words);
                }
                self.sink.clear(ANNOUNCED, id);
            }
            OrderKind::Send(command) => {
                let announced = match command {
                    Command::Land => safety.table().announced[drone].take(),
                    _ => None,
                };
                let own = OwnWish {
                    why: why.as_str().into(),
                    announced,
                };
                match self.vehicles.act(id, command, own).await {
                    Ok(_) => self.acted(id, command, &why),
                    // There is nobody to act on.
                    Err(CommandError::Refused {
                        why: Refusal::NotConnected | Refusal::NotAirborne,
                        ..
                    }) => {}
                    Err(error) => {
                        safety.0.counts.not_taken.fetch_add(1, Relaxed);
                        tracing::error!(drone = %id, %command, %error, "an action was not taken; it is given again");
                        safety.table().causes.failed(drone, &origin);
                    }
                }
            }
        }
    }

    fn acted(&self, id: &Arc<str>, command: Command, why: &str) {
        self.safety.0.counts.sent.fetch_add(1, Relaxed);
        tracing::warn!(target: "security", event = "action", drone = %id, %command, why);
        self.sink.clear(ANNOUNCED, id);
        let does = match command {
            Command::Emergency => "cuts its motors",
            Command::Stop => "stops it where it is",
            _ => "lands it",
        };
        let words = format!("{id}: {why}, so the gateway {does}");
        self.raise(ACTED, id, Level::Error, "Gateway Acts", words);
    }

    fn publish(&self, id: &Arc<str>, command_id: CommandId, state: CommandState, words: String) {
        let event = landing(id.clone(), command_id, state, words);
        self.events.publish(event, wall_now());
    }

    fn raise(
        &self,
        key: &'static str,
        id: &Arc<str>,
        level: Level,
        title: &'static str,
        message: String,
    ) {
        self.sink.raise(Condition {
            key,
            subject: id.clone(),
            level,
            alert_type: AlertType::Drone,
            title,
            message,
            details: None,
        });
    }
}

/// Emergency stops are not on the medium: they hold until the gateway ends.
fn not_kept(error: &std::io::Error) -> Condition {
    Condition {
        key: NOT_KEPT,
        subject: LATCHES.into(),
        level: Level::Critical,
        alert_type: AlertType::System,
        title: "Emergency Stop Not Saved",
        message: format!(
            "What emergency stops are latched, reset or overridden is not saved ({error}). It holds now; after a \
             restart the gateway would know only what was saved before, and might let drones take off. Free space \
             or replace the medium, and do not restart before this alert ends; it is tried again each {} s",
            KEEP_AGAIN.as_secs()
        ),
        details: None,
    }
}

/// A step of a landing that the gateway announces.
pub(super) fn landing(
    id: Arc<str>,
    command_id: CommandId,
    state: CommandState,
    words: String,
) -> NewEvent {
    NewEvent {
        drone: Some(id),
        kind: EventKind::Guard,
        who: Some(crate::sources::vehicles::GATEWAY.into()),
        why: Some(words.into()),
        values: Values::Command {
            command_id,
            command: Command::Land.to_string().into(),
            state,
        },
    }
}

impl Safety {
    /// Takes in how the drones are; what is to be done.
    fn look(&self, views: &[DroneView]) -> Findings {
        let now = Mono::now();
        let mut found = Findings::default();
        let mut seen = vec![DroneFacts::default(); self.0.ids.len()];
        let mut table = self.table();
        for view in views {
            let Some(drone) = self.index(&view.id) else {
                continue;
            };
            seen[drone] = seen_of(view);
            table.look_at_limits(drone, view, now, &mut found);
            if seen[drone].grounded && view.link == LinkState::Connected {
                found.grounded.push(drone);
            }
            found.is_busy |= view.airborne && table.limits[drone].is_set();
        }
        found.orders = table.causes.step(&seen, now);
        let may_act = |seen: &DroneFacts| seen.flies || (seen.has_link && !seen.grounded);
        found.is_busy |= table.causes.is_busy() && seen.iter().any(may_act);
        found
    }

    /// Keeps latched stops on the medium, until `stop`. Says to `sink` that it cannot, for as
    /// long as that is so.
    pub(crate) async fn keep_latches(self, sink: Pipeline, stop: CancellationToken) {
        let mut written: Option<Vec<StoredStop>> = Some(self.0.file.read());
        let mut told = false;
        // Of the run before: this one reads what is kept, and tries anew what is not.
        sink.clear(NOT_KEPT, LATCHES);
        loop {
            let changed = self.table().stops.take_changed();
            let new = changed.filter(|kept| written.as_ref() != Some(kept));
            let pause = match new {
                None => None,
                Some(kept) => match self.0.file.write(&kept).await {
                    Ok(()) => {
                        self.0.unkept.store(false, Relaxed);
                        if std::mem::take(&mut told) {
                            tracing::info!("emergency stops are saved again");
                            sink.clear(NOT_KEPT, LATCHES);
                        }
                        written = Some(kept);
                        None
                    }
                    Err(error) => {
                        self.table().stops.not_kept();
                        self.0.unkept.store(true, Relaxed);
                        if !std::mem::replace(&mut told, true) {
                            tracing::error!(%error, "emergency stops are not saved; it is tried again");
                            sink.raise(not_kept(&error));
                        }
                        Some(KEEP_AGAIN)
                    }
                },
            };
            tokio::select! {
                () = self.0.latched.notified() => {}
                () = sleep(pause.unwrap_or(KEEP_AGAIN)), if pause.is_some() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

impl Table {
    fn look_at_limits(&mut self, drone: usize, view: &DroneView, now: Mono, found: &mut Findings) {
        let limits = &mut self.limits[drone];
        if !limits.is_set() {
            return;
        }
        let seen = LimitSeen {
            flies: view.airborne,
            sampled: view.last_seen_mono.filter(|_| view.fresh),
            height_cm: view.height_under_ceiling_cm,
            attitude_deg: view.attitude_deg,
        };
        let exceeded = limits.look(seen, now);
        for (kind, exceeded) in LimitKind::ALL.into_iter().zip(exceeded) {
            if exceeded.warn {
                // (It stands until the drone is on the ground: raised once.)
                found.warnings.push((drone, kind));
            }
            self.causes.limit(kind, drone, exceeded.land);
        }
    }
}

fn seen_of(view: &DroneView) -> DroneFacts {
    let is_landed = view.flight.phase == Phase::Landed;
    DroneFacts {
        flies: view.airborne,
        grounded: is_landed && view.flight.is_known(),
        lands: view.flight.phase == Phase::Landing,
        has_link: view.airborne || matches!(view.link, LinkState::Connected | LinkState::Lost),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_height_that_another_sensor_than_h_shows_is_over_the_limit() {
        let text = "[limits]\nland_height_cm = 300\n[[drone]]\nid = \"d1\"\n";
        let drones: crate::config::Drones = toml::from_str(text).expect("drones");
        let safety = Safety::open(&drones, Path::new("/nowhere/at/all"));
        let view = |ms| DroneView {
            airborne: true,
            fresh: true,
            last_seen_mono: Some(Mono::from_millis(ms)),
            height_cm: Some(100),
            height_under_ceiling_cm: Some(350),
            ..DroneView::unheard("d1", LinkState::Connected)
        };
        assert!(safety.look(&[view(1)]).orders.is_empty(), "one alone");
        let found = safety.look(&[view(2)]);
        let what: Vec<OrderKind> = found.orders.iter().map(|order| order.what).collect();
        assert_eq!(what, [OrderKind::Announce]);
    }
}
