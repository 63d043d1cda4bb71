//! The task of one link: owns the command port, tells the machine what it
//! observed and does what it says.
//!
//! Also publishes how old and how frequent the drone's states are, once a
//! second, so that rules can watch silence itself.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::LinkState;
use super::super::command_port::CommandPort;
use super::super::outlet::Outlet;
use super::super::roster::{LinkStats, Roster, Slot};
use super::super::tello::command::Command;
use super::super::tello::reply::Reply;
use super::machine::{Inputs, Link, Notice, Step};
use super::reason::{Evidence, Reason};
use crate::alerts::{AlertType, Condition, Level};
use crate::clock::Mono;
use crate::readings::{Metric, Reading};

/// Longer than any reply.
const REPLY_BYTES: usize = 1536;

/// How often age and rate are published, and the route looked at.
const SECOND: Duration = Duration::from_secs(1);

/// Wait after a failed receive, so that a persistent failure cannot spin.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// Name of the condition that stands while a drone is silent.
const CONDITION: &str = "drone_silent";

/// What the API shows of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkStatus {
    pub(crate) state: LinkState,
    pub(crate) reason: Option<Reason>,
    pub(crate) stats: LinkStats,
}

impl Default for LinkStatus {
    fn default() -> Self {
        LinkStatus { state: LinkState::Disconnected, reason: None, stats: LinkStats::default() }
    }
}

/// The task of one link.
pub(crate) struct LinkTask {
    roster: Arc<Roster>,
    index: usize,
    outlet: Arc<dyn Outlet>,
    cancel: CancellationToken,
    link: Link,
    port: CommandPort,
    route: Option<IpAddr>,
    second_began: Option<Mono>,
}

impl LinkTask {
    /// The link of drone `index` of `roster`.
    pub(crate) fn new(
        roster: Arc<Roster>,
        index: usize,
        lost_after: Duration,
        outlet: Arc<dyn Outlet>,
        cancel: CancellationToken,
    ) -> LinkTask {
        let slot = &roster.slots[index];
        let link = Link::new(slot.plan.address, lost_after);
        let port = CommandPort::new(slot.target(), slot.plan.interface.as_deref(), slot.plan.from);
        LinkTask { link, port, route: None, second_began: None, roster, index, outlet, cancel }
    }

    /// Serves until cancelled.
    pub(crate) async fn run(mut self) {
        let roster = self.roster.clone();
        let mut wanted = roster.slots[self.index].wanted.subscribe();
        let mut buffer = [0; REPLY_BYTES];
        loop {
            let pause = self.look().await;
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                _ = wanted.changed() => {}
                received = self.port.receive(&mut buffer) => match received {
                    Ok(length) => self.take_reply(&buffer[..length]),
                    Err(error) => {
                        self.take_error(&error);
                        sleep(AFTER_ERROR).await;
                    }
                },
                () = sleep(pause) => {}
            }
        }
    }

    fn slot(&self) -> &Slot {
        &self.roster.slots[self.index]
    }

    /// One look: the machine's step, carried out.
    async fn look(&mut self) -> Duration {
        let now = Mono::now();
        let each_second = self.second_began.is_none_or(|began| now.since(began) >= SECOND);
        if each_second {
            self.second_began = Some(now);
            self.look_for_route();
        }
        let inputs = self.inputs(now);
        let step = self.link.look(inputs);
        self.show(&step);
        if step.send {
            self.attempt().await;
        }
        if let Some(notice) = step.notice {
            self.tell(notice, inputs);
        }
        if each_second && inputs.wanted {
            self.publish(now);
        }
        step.sleep
    }

    fn inputs(&self, now: Mono) -> Inputs {
        let slot = self.slot();
        let live = slot.live();
        Inputs {
            now,
            wanted: *slot.wanted.borrow(),
            heard: live.heard().map(|heard| heard.at),
            airborne: live.airborne(),
            port_bound: self.roster.is_bound(slot.state_socket),
            route: self.route,
        }
    }

    /// While a drone is silent, from where it would be reached. Sends nothing.
    fn look_for_route(&mut self) {
        if self.slot().link().state == LinkState::Connected {
            return;
        }
        match self.port.route() {
            Ok(local) => {
                self.route = Some(local);
                self.link.observe_route();
            }
            Err(error) => {
                self.route = None;
                if let Some(evidence) = Evidence::of_error(&error) {
                    self.link.observe(evidence);
                }
            }
        }
    }

    async fn attempt(&mut self) {
        self.slot().link().stats.attempts += 1;
        if let Err(error) = self.port.send(&Command::EnterSdk.to_string()).await {
            self.take_error(&error);
        }
    }

    fn take_reply(&mut self, datagram: &[u8]) {
        let reply = Reply::parse(datagram);
        {
            let mut link = self.slot().link();
            match reply {
                Reply::Binary => link.stats.binary += 1,
                _ => link.stats.replies += 1,
            }
        }
        if let Some(evidence) = Evidence::of_reply(&reply) {
            self.link.observe(evidence);
        }
    }

    fn take_error(&mut self, error: &io::Error) {
        self.slot().link().stats.errors += 1;
        if let Some(evidence) = Evidence::of_error(error) {
            self.link.observe(evidence);
        }
    }

    fn show(&self, step: &Step) {
        let mut link = self.slot().link();
        if link.state != step.state {
            tracing::info!(drone = %self.slot().plan.id, state = ?step.state, "link changed");
        }
        link.state = step.state;
        link.reason = step.reason;
        link.stats.losses += u64::from(step.lost);
    }

    fn tell(&self, notice: Notice, inputs: Inputs) {
        let slot = self.slot();
        match notice {
            Notice::Over => self.outlet.clear(CONDITION, &slot.plan.id),
            Notice::Silent { reason, was_connected } => {
                self.outlet.raise(self.condition(reason, was_connected, inputs))
            }
        }
    }

    fn condition(&self, reason: Reason, was_connected: bool, inputs: Inputs) -> Condition {
        let slot = self.slot();
        let name = &slot.plan.name;
        let age_s = inputs.heard.map(|heard| inputs.now.since(heard).as_secs());
        let level = match (was_connected, inputs.airborne) {
            (true, true) => Level::Critical,
            (true, false) => Level::Error,
            (false, _) => Level::Warning,
        };
        let what = match age_s {
            Some(age_s) => format!("{name}: no state for {age_s} s."),
            None => format!("{name}: never heard."),
        };
        Condition {
            key: CONDITION,
            subject: slot.plan.id.clone(),
            level,
            alert_type: AlertType::Drone,
            title: if was_connected { "Drone lost" } else { "Drone not heard" },
            message: format!("{what} {}", self.roster.explain(slot, reason)),
            details: self.last_words(),
        }
    }

    /// The last that was known of it.
    fn last_words(&self) -> Option<String> {
        let live = self.slot().live();
        let heard = live.heard()?;
        let state = live.state();
        let mut words = format!("last heard {}", heard.wall);
        if let Some(battery) = state.battery_pct {
            words.push_str(&format!(", battery {battery} %"));
        }
        if let Some(height) = state.height_cm {
            words.push_str(&format!(", height {height} cm"));
        }
        Some(words)
    }

    fn publish(&self, now: Mono) {
        let slot = self.slot();
        let (rate, heard) = {
            let live = slot.live();
            (live.rate(now), live.heard())
        };
        let age = heard.and_then(|heard| Reading::plausible(Metric::StateAge, now.since(heard.at).as_secs_f64()));
        let rate = Reading::plausible(Metric::StateRate, f64::from(rate));
        let readings: heapless::Vec<Reading, 2> = rate.into_iter().chain(age).collect();
        self.outlet.publish(slot.source, &readings);
    }
}
