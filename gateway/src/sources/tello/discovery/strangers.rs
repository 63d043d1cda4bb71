//! Asks drones that stream here without being configured who they are: one that moved to
//! another address is named then, not guessed at.
//!
//! Only while a configured drone is missed that has a serial number, and nobody may be in
//! the air; only those of the configured ranges whose states come to this board and prove
//! the ground. `sn?` is all that is sent: it moves nothing and takes no states away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use readings::clock::Mono;
use tello::command::{Command, Query};
use tello::reply::Reply;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Discovery;
use crate::sources::tello::commander::{Word, word};
use crate::sources::tello::roster::DroneRecord;
use crate::sources::tello::socket;
use crate::sources::tello::unconfigured::UnconfiguredDrone;
use crate::sources::vehicles::LinkState;

/// How often it is looked whether there is somebody to ask.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A Tello answers within some 30 ms (captured).
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// Longer than any serial number, shorter than what a stranger may fill.
const REPLY_BYTES: usize = 64;

impl Discovery {
    /// Asks whoever is to be asked, until cancelled.
    pub(in super::super) async fn know_strangers(self: Arc<Self>, cancel: CancellationToken) {
        let mut looks = interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = looks.tick() => {}
            }
            for stranger in self.to_ask() {
                let serial = self.serial_of(&stranger).await;
                let is = serial
                    .as_ref()
                    .and_then(|serial| self.serials.whose(serial));
                if let Some(drone) = &is {
                    tracing::info!(%drone, address = %stranger.address, "streams from another address");
                }
                self.roster.unconfigured().note(&stranger, serial, is);
            }
        }
    }

    fn to_ask(&self) -> Vec<UnconfiguredDrone> {
        let is_missed = |slot: &DroneRecord| {
            let is_silent = slot.link().state != LinkState::Connected;
            is_silent
                && *slot.wanted.borrow()
                && !slot.simulated()
                && self.serials.knows(&slot.plan.id)
        };
        if !self.roster.slots.iter().any(is_missed) || self.withheld().is_some() {
            return Vec::new();
        }
        let strangers = self.roster.unconfigured();
        let known = strangers.present(Mono::now());
        let is_near = |one: &UnconfiguredDrone| match one.address {
            std::net::IpAddr::V4(address) => self.in_ranges(address),
            std::net::IpAddr::V6(_) => false,
        };
        known
            .filter(|one| one.is_to_be_asked() && is_near(one))
            .cloned()
            .collect()
    }

    async fn serial_of(&self, stranger: &UnconfiguredDrone) -> Option<Word> {
        let interface = self
            .roster
            .sockets
            .get(stranger.socket)?
            .interface
            .as_deref();
        let socket = socket::bind((self.from, 0).into(), interface, false, &[]).ok()?;
        let to = SocketAddr::new(stranger.address, self.command_port);
        // Connected, so that nobody else answers.
        socket.connect(to).await.ok()?;
        let question = Command::Read(Query::SerialNumber).to_string();
        socket.send(question.as_bytes()).await.ok()?;
        let mut buffer = [0; REPLY_BYTES];
        let answer = timeout(ANSWER_WITHIN, socket.recv(&mut buffer)).await;
        let length = answer.ok()?.ok()?;
        match Reply::parse(&buffer[..length]) {
            Reply::Text(text) => word(text),
            _ => None,
        }
    }
}
