//! What a link's task makes of a drone's serial number: whether it is the drone that is
//! meant, and who is told when it is not.
//!
//! Apart from the task since it decides nothing about the link.

use alerting::{AlertType, Condition, Level};

use super::super::super::command_port::Wire;
use super::super::super::commander::{Word, word};
use super::super::super::filter::Mac;
use super::super::super::routes;
use super::super::super::serials::Judged;
use super::LinkTask;
use crate::sources::vehicles::{Identity, LinkState, Verification};

/// Name of the condition that stands while a drone says another's serial number.
const MISTAKEN: &str = "drone_mistaken";

/// Name of the condition that stands while another network card answers for its address.
const USURPED: &str = "drone_address_taken";

impl<W: Wire> LinkTask<W> {
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
        self.look_at_card(said.is_some() && is_judged);
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
        told.is_unknown
            .then(|| self.port.neighbour())
            .flatten()
            .and_then(|mac| word(&mac))
    }

    /// Of a drone that has said who it is, the network card that it has then is the one whose
    /// states count, until it is lost on the ground. (Before, any does: a drone that was
    /// exchanged has another.) One that takes its address meanwhile is told of.
    fn look_at_card(&mut self, has_said: bool) {
        let is_connected = self.slot().link().state == LinkState::Connected;
        let pinned = *self.slot().card();
        let known = pinned.filter(|_| is_connected || self.executor.may_fly());
        let is_asked = has_said && is_connected;
        let answers = is_asked.then(|| self.card()).flatten();
        let card = known.or(answers);
        if card != pinned {
            let id = &self.slot().plan.id;
            tracing::info!(drone = %id, known = card.is_some(), "its network card");
            *self.slot().card() = card;
        }
        let other = answers.filter(|answers| card.is_some_and(|card| card != *answers));
        if other == self.usurper {
            return;
        }
        self.usurper = other;
        let (id, name) = (self.slot().plan.id.clone(), self.slot().plan.name.clone());
        if other.is_none() {
            return self.sink.clear(USURPED, &id);
        }
        tracing::warn!(target: "security", event = "drone_address_taken", drone = %id);
        self.sink.raise(Condition {
            key: USURPED,
            subject: id.clone(),
            level: Level::Critical,
            alert_type: AlertType::Drone,
            title: "Another Host at the Drone's Address",
            message: format!(
                "{name} ({id}): another network card answers for its address now. Its states do not count; commands, \
                 land and stop among them, may go there and not to the drone. Be ready to land it by hand, and \
                 look for the other host in its network"
            ),
            details: None,
        });
    }

    /// The network card that answers for its address, as the kernel sees it.
    fn card(&self) -> Option<Mac> {
        routes::mac(&self.port.neighbour()?)
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
