//! The task of one link: owns the command port, tells the machine what it
//! observed and does what it says.
//!
//! The command executor is driven from here too: a drone has one client port, so
//! what operators send and what the link sends share the socket, and the link
//! keeps quiet while a command is under way.
//!
//! Also publishes how old and how frequent the drone's states are, once a
//! second, so that rules can watch silence itself.

#[path = "identity.rs"]
mod identity;
#[path = "notices.rs"]
mod notices;
#[path = "ports.rs"]
mod ports;

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use readings::clock::{Mono, sleep};
use readings::event::EventLog;
use readings::{Metric, Reading};
use tello::command::{Command, MAX_EXTENSION_BYTES};
use tello::reply::Reply;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::command_port::{CommandPort, Wire};
use super::super::commander::{CommandExecutor, Outgoing, Request, Snapshot, publish};
use super::super::filter::Mac;
use super::super::roster::{DroneRecord, Roster};
use super::super::serials::{Judged, Serials};
use super::machine::{Inputs, Link, Step};
use super::reason::Evidence;
use crate::sources::sink::ReadingSink;
use crate::sources::vehicles::{Controls, LinkState, TakeoffGate, TakeoffHold};

/// Longer than any reply.
const REPLY_BYTES: usize = 1536;

/// How often age and rate are published, and the route looked at.
const SECOND: Duration = Duration::from_secs(1);

/// Silence of the video after which a drone that should stream is asked again.
const VIDEO_SILENT_AFTER: Duration = Duration::from_secs(3);

/// Wait after a failed receive, so that a persistent failure cannot spin.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// Who flies, what comes of commands, which drone is which, and what keeps it on the ground.
pub(crate) type Flying = (Controls, EventLog, Serials, Arc<dyn TakeoffHold>);

/// The task of one link, over the drone's command port or what stands for it.
pub(crate) struct LinkTask<W = CommandPort> {
    roster: Arc<Roster>,
    index: usize,
    sink: Arc<dyn ReadingSink>,
    cancel: CancellationToken,
    link: Link,
    port: W,
    route: Option<IpAddr>,
    second_began: Option<Mono>,
    executor: CommandExecutor,
    /// Where it is told what comes of commands.
    events: EventLog,
    requests: mpsc::Receiver<Request>,
    warned: bool,
    intervened: bool,
    landing_overdue: bool,
    upside_down: bool,
    /// Whether a sign of another controller stands.
    rivalled: bool,
    /// Whether it was heard, and seen on the ground, in this run.
    heard: bool,
    seen_landed: bool,
    serials: Serials,
    /// What was thought of its serial number last.
    judged: Judged,
    /// Another network card that answers for its address.
    usurper: Option<Mac>,
    /// How far it is told where its states and its video go.
    ports: ports::Telling,
}

impl LinkTask {
    /// The link of drone `index` of `roster`.
    pub(crate) fn new(
        roster: Arc<Roster>,
        index: usize,
        lost_after: Duration,
        flying: Flying,
        sink: Arc<dyn ReadingSink>,
        cancel: CancellationToken,
    ) -> LinkTask {
        let slot = &roster.slots[index];
        let port = CommandPort::new(
            slot.target(),
            slot.plan.interface.as_deref(),
            slot.plan.from,
        );
        LinkTask::over(port, (roster, index), lost_after, flying, sink, cancel)
    }
}

impl<W: Wire> LinkTask<W> {
    /// The same over `port`.
    pub(crate) fn over(
        port: W,
        (roster, index): (Arc<Roster>, usize),
        lost_after: Duration,
        (controls, events, serials, hold): Flying,
        sink: Arc<dyn ReadingSink>,
        cancel: CancellationToken,
    ) -> LinkTask<W> {
        let slot = &roster.slots[index];
        let mut link = Link::new(slot.plan.address, lost_after);
        let mut executor = CommandExecutor::new(
            slot.plan.policy,
            (slot.plan.id.clone(), controls),
            events.command_ids(),
            TakeoffGate::new(&slot.plan.id, hold),
        );
        let requests = slot.open_intake();
        if let Some(until) = slot.flight_lasts_until(Mono::now()) {
            executor.recall(until);
            link.recall();
        }
        LinkTask {
            link,
            port,
            route: None,
            second_began: None,
            executor,
            events,
            requests,
            warned: false,
            intervened: false,
            landing_overdue: false,
            upside_down: false,
            rivalled: false,
            heard: false,
            seen_landed: false,
            serials,
            judged: Judged::Good,
            usurper: None,
            ports: ports::Telling::new(&roster, index),
            roster,
            index,
            sink,
            cancel,
        }
    }

    /// Serves until cancelled.
    pub(crate) async fn run(mut self) {
        let roster = self.roster.clone();
        let mut wanted = roster.slots[self.index].wanted.subscribe();
        let index = self.index;
        let mut buffer = [0; REPLY_BYTES];
        loop {
            let pause = self.look().await;
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return self.part().await,
                _ = wanted.changed() => {
                    if !*wanted.borrow_and_update() {
                        let out = self.executor.release(&self.snapshot());
                        self.transmit(out).await;
                    }
                }
                Some(request) = self.requests.recv() => {
                    let about = self.snapshot();
                    let (out, admission) = self.executor.take(request, &about);
                    self.transmit(out).await;
                    admission.tell();
                }
                () = roster.slots[index].sticks.come() => self.take_sticks().await,
                received = self.port.receive(&mut buffer) => match received {
                    Ok(length) => self.take_reply(&buffer[..length]).await,
                    Err(error) => {
                        self.take_error(&error);
                        sleep(AFTER_ERROR).await;
                    }
                },
                () = sleep(pause) => {}
            }
        }
    }

    /// The last that is sent to a drone as the gateway ends.
    async fn part(&mut self) {
        for (after, command) in self.executor.parting() {
            sleep(after).await;
            // Nobody is left who could do more about a failure.
            let _ = self.port.send(&written(command)).await;
        }
    }

    fn slot(&self) -> &DroneRecord {
        &self.roster.slots[self.index]
    }

    /// One look: the machine's step, carried out.
    async fn look(&mut self) -> Duration {
        let now = Mono::now();
        let each_second = self
            .second_began
            .is_none_or(|began| now.since(began) >= SECOND);
        if each_second {
            self.second_began = Some(now);
            self.look_for_route();
        }
        let target = self.slot().target();
        self.port.retarget(target);
        self.port.follow(self.roster.way(self.index));
        self.link.retarget(target.ip());
        let inputs = self.inputs(now);
        let step = self.link.look(inputs);
        if step.state == LinkState::Connected && self.slot().link().state != step.state {
            self.executor.meet();
        }
        self.show(&step);
        if self.link.take_answered_at_once() {
            let about = self.snapshot();
            self.executor.states_taken_back(&about);
        }
        // While a command is under way its reply could not be told from ours.
        if step.send && self.executor.is_idle() {
            self.attempt().await;
        }
        if let Some(notice) = step.notice {
            self.tell(notice, inputs);
        }
        if each_second && inputs.wanted {
            self.publish(now);
        }
        if each_second {
            self.look_at_identity();
            self.look_at_video(now).await;
        }
        self.tend().await;
        let due = self
            .executor
            .wake_at()
            .map_or(step.sleep, |at| at.since(now).max(Duration::from_millis(1)));
        step.sleep.min(due)
    }

    /// Drives the executor: what is due is sent, what the guard did is told.
    async fn tend(&mut self) {
        let about = self.snapshot();
        let out = self.executor.tick(&about);
        self.transmit(out).await;
        self.tell_interventions();
    }

    /// Lets everybody see what the executor knows of the drone.
    fn show_flight(&self) {
        let flight = self.executor.flight(&self.snapshot());
        let stats = self.executor.stats();
        self.slot().video.ask(self.executor.streams());
        let mut link = self.slot().link();
        link.flight = flight;
        (link.stats.commands, link.stats.late, link.stats.timeouts) =
            (stats.sent, stats.late, stats.timeouts);
    }

    /// Lets go of video that is over, and has a restarted drone begin again.
    async fn look_at_video(&mut self, now: Mono) {
        let video = self.slot().video.clone();
        video.rest(now);
        if video.asked()
            && video
                .silence(now)
                .is_none_or(|silence| silence >= VIDEO_SILENT_AFTER)
        {
            let about = self.snapshot();
            let out = self.executor.stream_again(&about);
            self.transmit(out).await;
        }
    }

    /// Takes the newest frame of the sticks.
    async fn take_sticks(&mut self) {
        let Some(frame) = self.slot().sticks.take() else {
            return;
        };
        let whose = frame.by.session;
        let about = self.snapshot();
        let (out, refused) = self.executor.take_sticks(frame, &about);
        if let Some(why) = refused {
            self.slot().sticks.refuse(whose, why);
        }
        self.transmit(out).await;
    }

    fn snapshot(&self) -> Snapshot {
        let slot = self.slot();
        let (link, reason) = {
            let link = slot.link();
            (link.state, link.reason)
        };
        let live = slot.live();
        Snapshot {
            now: Mono::now(),
            link,
            reason: reason.map(|reason| {
                let last_c = live.state().temperature_high_c;
                self.roster.explain(slot, reason, last_c)
            }),
            motion: live.motion(),
            battery_pct: live.state().battery_pct,
            height_cm: live.state().height_cm,
            yaw_deg: live.state().yaw_deg.map(i32::from),
            pad: live.state().seen_pad(),
        }
    }

    /// Sends commands, then publishes what came of them: only what left is told as sent,
    /// and nobody is told of an end that cannot be looked up yet.
    async fn transmit(&mut self, mut commands: Outgoing) {
        let mut steps = self.executor.take_reports();
        // Again when one that did not leave lets another go; the line gets shorter.
        while !commands.is_empty() {
            let mut next = Outgoing::new();
            for command in commands {
                if let Err(error) = self.port.send(&written(command)).await {
                    self.take_error(&error);
                    let (about, error) = (self.snapshot(), error.to_string());
                    next.extend(self.executor.not_sent(command, &error, &mut steps, &about));
                }
            }
            steps.extend(self.executor.take_reports());
            commands = next;
        }
        for step in steps {
            publish(&self.events, &self.slot().plan.id, step);
        }
        self.show_flight();
        self.executor.tell_ends();
    }

    fn inputs(&self, now: Mono) -> Inputs {
        let slot = self.slot();
        let live = slot.live();
        Inputs {
            now,
            wanted: *slot.wanted.borrow(),
            heard: live.heard().map(|heard| heard.at),
            airborne: self.executor.may_fly(),
            height_cm: live.motion().highest_cm(),
            rival: self.executor.rival().is_some(),
            last_sent: self.executor.last_held_up(),
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
        self.ports.entering();
        self.ask_alone(Command::EnterSdk).await;
    }

    /// Sends what the link asks for by itself, whose reply is no operator's.
    async fn ask_alone(&mut self, command: Command) {
        self.executor.expect_sdk_reply();
        if let Err(error) = self.port.send(&written(command)).await {
            self.take_error(&error);
        }
    }

    async fn take_reply(&mut self, datagram: &[u8]) {
        if datagram.is_empty() {
            self.slot().link().stats.elsewhere += 1;
            return;
        }
        if is_state(datagram) {
            self.slot().link().stats.misplaced += 1;
            return;
        }
        let reply = Reply::parse(datagram);
        let about = self.snapshot();
        let out = self.executor.reply(&reply, &about);
        self.transmit(out).await;
        self.look_at_identity();
        {
            let mut link = self.slot().link();
            match reply {
                Reply::Binary => link.stats.binary += 1,
                _ => link.stats.replies += 1,
            }
        }
        match self.ports.take(&reply) {
            ports::Next::Tell(command) => self.ask_alone(command).await,
            ports::Next::Refused => {
                let drone = &self.slot().plan.id;
                tracing::warn!(%drone, "it cannot be told other ports than the usual ones: its firmware is \
                                        before SDK 3.0; set drones.state_port to 8890 and drones.video_port to 11111");
                // That it cannot do this says nothing about SDK mode.
                return;
            }
            ports::Next::Nothing => {}
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
        let slot = self.slot();
        let before = {
            let mut link = slot.link();
            link.reason = step.reason;
            link.stats.losses += u64::from(step.lost);
            std::mem::replace(&mut link.state, step.state)
        };
        if before != step.state {
            tracing::info!(drone = %slot.plan.id, state = ?step.state, "link changed");
            let last_c = slot.live().state().temperature_high_c;
            let why = step.reason;
            let why = why.map(|reason| self.roster.explain(slot, reason, last_c));
            self.sink
                .link_changed(&slot.plan.id, step.state.into(), why);
        }
    }

    fn publish(&self, now: Mono) {
        let slot = self.slot();
        let (rate, heard) = {
            let live = slot.live();
            (live.rate(now), live.heard())
        };
        let age = heard.and_then(|heard| {
            Reading::plausible(Metric::StateAge, now.since(heard.at).as_secs_f64())
        });
        let rate = Reading::plausible(Metric::StateRate, f64::from(rate));
        let readings: heapless::Vec<Reading, 2> = rate.into_iter().chain(age).collect();
        self.sink.publish(slot.source, &readings);
    }
}

/// Longest command: text for the TT's own controller, and `EXT`.
const MAX_COMMAND_BYTES: usize = MAX_EXTENSION_BYTES + 8;

/// `command` as it goes on the wire; nothing is allocated, for sticks come 30 times a second.
fn written(command: Command) -> heapless::String<MAX_COMMAND_BYTES> {
    let mut text = heapless::String::new();
    // It fits: the longest of the table is `curve`, with eight numbers.
    let _ = write!(text, "{command}");
    text
}

/// Whether a datagram on the command port is a state: some firmware sends those
/// there too, and they answer nothing. No answer to a question holds both fields.
fn is_state(datagram: &[u8]) -> bool {
    let has = |field: &[u8]| datagram.windows(field.len()).any(|part| part == field);
    has(b"bat:") && has(b"time:")
}
