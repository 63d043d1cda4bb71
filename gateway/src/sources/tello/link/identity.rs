//! What a link's task makes of a drone's serial number: whether it is the drone that is
//! meant, and who is told when it is not.
//!
//! Apart from the task since it decides nothing about the link.

use std::net::IpAddr;

use alerting::{AlertType, Condition, Level};

use super::super::super::commander::{Word, word};
use super::super::super::routes;
use super::super::super::serials::Judged;
use super::LinkTask;
use crate::sources::vehicles::{Identity, Verification};

/// Name of the condition that stands while a drone says another's serial number.
const MISTAKEN: &str = "drone_mistaken";

impl LinkTask {
    /// Judges what the drone said of itself so far. A stand-in is not the drone and says
    /// so elsewhere.
    pub(super) fn look_at_identity(&mut self) {
        let is_judged = !self.slot().simulated();
        let said = self.who_it_is().filter(|_| is_judged);
        let id = self.slot().plan.id.clone();
        if self.serials.says(&id, said.as_ref()) {
            let serials = self.serials.clone();
            tracing::info!(drone = %id, serial = said.as_deref(), "serial number learnt");
            // Not awaited: a slow medium holds up no drone. What is lost is learnt again.
            tokio::spawn(async move { drop(serials.keep().await) });
        }
        let judged = self.serials.judge(&id);
        let verification = self.verification(&judged, said.is_some());
        if judged != self.judged {
            self.judged = judged;
            self.tell_identity(said.clone());
        }
        let told = self.executor.identity();
        let text = |word: &Option<Word>| word.as_deref().map(str::to_owned);
        let identity = Identity {
            serial: said.as_deref().map(str::to_owned).or(text(&told.serial)),
            sdk: text(&told.sdk),
            hardware: text(&told.hardware),
            unsupported: told.unknown.iter().map(|word| word.to_string()).collect(),
            verification,
            mistaken: self.executor.mistaken().cloned(),
        };
        *self.slot().identity() = identity;
    }

    /// Its serial number; of firmware that knows none, the neighbour's MAC address.
    fn who_it_is(&self) -> Option<Word> {
        let told = self.executor.identity();
        if told.is_verified {
            return told.serial.clone();
        }
        let IpAddr::V4(address) = self.slot().address() else {
            return None;
        };
        let interface = self.slot().plan.interface.as_deref();
        let mac = || routes::neighbour(address, interface);
        told.is_unknown
            .then(mac)
            .flatten()
            .and_then(|mac| word(&mac))
    }

    fn verification(&self, judged: &Judged, has_said: bool) -> Verification {
        let told = self.executor.identity();
        match judged {
            Judged::Mistaken { .. } => Verification::Mistaken,
            Judged::Good if has_said || told.is_verified => Verification::Verified,
            Judged::Good if told.is_unknown => Verification::Unknown,
            Judged::Good => Verification::NotVerified,
        }
    }

    fn tell_identity(&mut self, said: Option<Word>) {
        let (id, name) = (self.slot().plan.id.clone(), self.slot().plan.name.clone());
        let Judged::Mistaken { expected, of } = &self.judged else {
            self.executor.mistake(None);
            self.sink.clear(MISTAKEN, &id);
            return;
        };
        let said = said.unwrap_or_default();
        let whose = match of {
            Some(other) => format!("that of {other}: they have exchanged their addresses"),
            None => "that of no drone here".to_owned(),
        };
        let expected = match expected {
            Some(expected) => format!("; {expected} is expected"),
            None => String::new(),
        };
        let message = format!(
            "{name} ({id}) says the serial number {said}, {whose}{expected}. Only land, stop and emergency are \
             sent. Put the drone back, or accept it: mfg-drone-gateway drones accept-serial {id}"
        );
        tracing::warn!(target: "security", event = "drone_mistaken", drone = %id, serial = %said, of = of.as_deref());
        self.executor.mistake(Some(message.as_str().into()));
        self.sink.raise(Condition {
            key: MISTAKEN,
            subject: id,
            level: Level::Critical,
            alert_type: AlertType::Drone,
            title: "Another Drone",
            message,
            details: None,
        });
    }
}
