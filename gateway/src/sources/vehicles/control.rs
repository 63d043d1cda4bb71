//! Who has control of each drone: the session that flies it.
//!
//! Whoever sends a free drone flying has control until it is on the ground again; who took
//! it expressly has it until they give it back. Control ends with the session's presence.
//! It keeps others from flying the drone, never from bringing it down: that is not asked
//! here. Taking it from somebody is an act of its own, and told. Takes `now`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readings::clock::{Mono, Timestamp, wall_now};

use super::presence::GONE_AFTER;
use super::{Operator, Presences, Standstills};

/// Control of one drone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Who has it; always of a session.
    pub by: Operator,
    /// Since when.
    pub since: Timestamp,
    /// The same for whoever counts from it.
    pub begun: Mono,
}

#[derive(Debug)]
struct Held {
    drone: Arc<str>,
    control: Control,
    /// Taken expressly, not by flying.
    is_taken: bool,
}

/// Who has control of which drone, and which sessions there are; clones share it. Bounded
/// by the drones: only existing ones are spoken of.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    presences: Presences,
    standstills: Standstills,
    held: Arc<Mutex<Vec<Held>>>,
}

impl Controls {
    /// The sessions.
    #[must_use]
    pub fn presences(&self) -> &Presences {
        &self.presences
    }

    /// Whether the gateway heard nobody a moment ago.
    #[must_use]
    pub fn standstills(&self) -> &Standstills {
        &self.standstills
    }

    /// Who has control of `drone`.
    #[must_use]
    pub fn of(&self, drone: &str, now: Mono) -> Option<Control> {
        let held = self.living(now);
        let found = held.iter().find(|held| *held.drone == *drone);
        found.map(|held| held.control.clone())
    }

    /// Whether `by` may fly `drone`: nobody else has control.
    ///
    /// # Errors
    /// The name of who has.
    pub fn admit(&self, drone: &str, by: &Operator, now: Mono) -> Result<(), Arc<str>> {
        match self.of(drone, now) {
            Some(control) if control.by.session != by.session => Err(control.by.name),
            _ => Ok(()),
        }
    }

    /// `by`, who was admitted, sends `drone` flying. One of no session gets no control:
    /// nobody could say when it ends.
    pub fn fly(&self, drone: &Arc<str>, by: &Operator, now: Mono) {
        if self.presences.knows(by.session) && self.of(drone, now).is_none() {
            self.hold(drone, by, now, false);
        }
    }

    /// `by` takes control; who of another session had it until now.
    ///
    /// # Errors
    /// `by` belongs to no session: nobody could say when its control ends.
    pub fn take(
        &self,
        drone: &Arc<str>,
        by: &Operator,
        now: Mono,
    ) -> Result<Option<Control>, NoSession> {
        if !self.presences.knows(by.session) {
            return Err(NoSession);
        }
        let before = self.of(drone, now);
        self.hold(drone, by, now, true);
        Ok(before.filter(|before| before.by.session != by.session))
    }

    /// `by` gives control back; nothing changes where nobody has it.
    ///
    /// # Errors
    /// The name of who has it instead.
    pub fn give(&self, drone: &str, by: &Operator, now: Mono) -> Result<(), Arc<str>> {
        self.admit(drone, by, now)?;
        self.held().retain(|held| *held.drone != *drone);
        Ok(())
    }

    /// `drone` is on the ground: who has control by flying it has it no more.
    pub fn end_of_flight(&self, drone: &str) {
        self.held()
            .retain(|held| held.is_taken || *held.drone != *drone);
    }

    fn hold(&self, drone: &Arc<str>, by: &Operator, now: Mono, is_taken: bool) {
        let mut held = self.held();
        held.retain(|held| held.drone != *drone);
        held.push(Held {
            drone: drone.clone(),
            control: Control {
                by: by.clone(),
                since: wall_now(),
                begun: now,
            },
            is_taken,
        });
    }

    /// What is held now; what a gone session held is free.
    fn living(&self, now: Mono) -> MutexGuard<'_, Vec<Held>> {
        let mut held = self.held();
        held.retain(|held| {
            let by = &held.control.by;
            // A session that says nothing yet has it for as long as one that falls silent.
            let is_new =
                now.since(held.control.begun) < GONE_AFTER && self.presences.knows(by.session);
            is_new || self.presences.is_there(by, now)
        });
        held
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        // The list is whole between any two statements.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Control belongs to a session, and this is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSession;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Presence;
    use super::*;

    const BEGAN: Mono = Mono::from_millis(10_000);

    fn after(ms: u64) -> Mono {
        BEGAN.plus(Duration::from_millis(ms))
    }

    fn session(all: &Controls, name: &str) -> (Presence, Operator) {
        let presence = all.presences().open(&"k".into(), None, BEGAN);
        presence.say(BEGAN);
        let session = Some(presence.id());
        let operator = Operator {
            id: "k".into(),
            name: name.into(),
            session,
        };
        (presence, operator)
    }

    #[test]
    fn who_flies_has_control_until_the_ground_and_who_took_it_until_it_is_given() {
        let (all, drone) = (Controls::default(), Arc::from("d"));
        let ((_a, ann), (_b, ben)) = (session(&all, "ann"), session(&all, "ben"));
        all.fly(&drone, &ann, BEGAN);
        assert_eq!(all.admit("d", &ben, BEGAN), Err("ann".into()));
        assert_eq!(all.admit("d", &ann, BEGAN), Ok(()));
        assert_eq!(all.admit("other", &ben, BEGAN), Ok(()));
        all.end_of_flight("d");
        assert_eq!(all.admit("d", &ben, BEGAN), Ok(()));
        all.fly(&drone, &ann, BEGAN);
        let before = all.take(&drone, &ben, BEGAN).expect("a session");
        assert_eq!(before.map(|control| control.by.name), Some("ann".into()));
        all.end_of_flight("d");
        assert_eq!(all.give("d", &ann, BEGAN), Err("ben".into()));
        assert_eq!(all.give("d", &ben, BEGAN), Ok(()));
        assert_eq!(all.of("d", BEGAN), None);
    }

    #[test]
    fn control_ends_with_the_presence_and_belongs_to_a_session() {
        let (all, drone) = (Controls::default(), Arc::from("d"));
        let (a, ann) = session(&all, "ann");
        let nobody = Operator {
            session: None,
            ..ann.clone()
        };
        assert_eq!(all.take(&drone, &nobody, BEGAN), Err(NoSession));
        all.fly(&drone, &nobody, BEGAN);
        assert_eq!(all.of("d", BEGAN), None);
        all.take(&drone, &ann, BEGAN).expect("a session");
        assert_eq!(all.admit("d", &nobody, after(2_900)), Err("ann".into()));
        assert_eq!(all.admit("d", &nobody, after(3_000)), Ok(()), "it is gone");
        all.take(&drone, &ann, after(5_000)).expect("a session");
        assert!(all.of("d", after(5_000)).is_some());
        a.revoke();
        assert_eq!(all.of("d", after(5_000)), None);
    }
}
