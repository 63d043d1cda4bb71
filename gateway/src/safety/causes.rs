//! What makes the gateway act on drones, and what it does about it: the decision.
//!
//! Pure: takes what stands, what is seen of the drones, and `now`; says what to send.
//! Allocates nothing once it is made. A cause acts once a flight; it may act again in the
//! next one, or when an emergency stop is pressed again. What must never happen: that
//! anything but the ground keeps a critical cause from acting, or that a `stop` ends a
//! landing that is under way.

use std::sync::Arc;
use std::time::Duration;

use alerting::{Action, Level, MAX_RULES, Rule};
use heapless::Vec;
use readings::clock::Mono;
use tello::command::Command;

use super::limits::LimitKind;
use crate::config::{MAX_BRIDGES, MAX_DRONES};

/// A set of drones, a bit each in order of configuration.
pub(super) type Drones = u64;
const _: () = assert!(MAX_DRONES == Drones::BITS as usize);

/// Every drone.
pub(super) const ALL: Drones = Drones::MAX;

/// Most causes: one for each rule, two for each bridge, one for each limit. Those that
/// are over and have acted in a flight that goes on give way to new ones; beyond that a
/// cause is refused, and counted.
const MAX_CAUSES: usize = MAX_RULES + 2 * MAX_BRIDGES + LimitKind::ALL.len();

/// How long before a landing that is not critical the flyer is warned.
pub(super) const WARNED_BEFORE: Duration = Duration::from_secs(5);

/// Orders of one step, one a drone at most. On the heap: there is hardly ever one, and room
/// for all of them would be moved about twenty times a second.
pub(super) type Orders = std::vec::Vec<Order>;

/// What a cause wants, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Demand {
    RefuseTakeoff,
    Stop,
    Land,
    Emergency,
}

/// Where a cause comes from. One name is one cause, wherever it was seen.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A rule, the source that tipped it last, and its value there.
    Rule {
        rule: Arc<Rule>,
        source: Arc<str>,
        value: f64,
    },
    /// The emergency stop of a bridge.
    Stop(Arc<str>),
    /// A bridge with an emergency stop that is lost.
    Lost(Arc<str>),
    /// A limit of the flight.
    Limit(LimitKind),
}

impl Origin {
    fn is(&self, other: &Origin) -> bool {
        match (self, other) {
            (Origin::Rule { rule: a, .. }, Origin::Rule { rule: b, .. }) => a.name == b.name,
            (Origin::Stop(a), Origin::Stop(b)) | (Origin::Lost(a), Origin::Lost(b)) => a == b,
            (Origin::Limit(a), Origin::Limit(b)) => a == b,
            _ => false,
        }
    }
}

/// One cause.
#[derive(Debug)]
struct Cause {
    origin: Origin,
    wants: Demand,
    critical: bool,
    /// The drones for which it stands.
    stands: Drones,
    /// Sources at which a rule that names its drones is bad.
    sources: u16,
    /// The drones for which it has acted in this flight.
    acted: Drones,
    /// The drones whose flyers have vetoed it in this flight.
    vetoed: Drones,
}

/// A drone as it is seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DroneFacts {
    /// It is, or may be, in the air.
    pub(super) flies: bool,
    /// Its states prove the ground.
    pub(super) grounded: bool,
    /// It lands already.
    pub(super) lands: bool,
    /// There is a link to it, or was one in this flight.
    pub(super) has_link: bool,
}

/// What to do next for one drone.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) drone: usize,
    pub(super) what: OrderKind,
    pub(super) origin: Origin,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OrderKind {
    /// Send it, now.
    Send(Command),
    /// Warn that it will be landed.
    Announce,
    /// It will not be landed after all.
    CallOff,
}

/// Everything that makes the gateway act.
pub(super) struct Causes {
    causes: Vec<Cause, MAX_CAUSES>,
    /// The landing that is announced to each drone's flyer, and when it is due.
    announced: [Option<(Origin, Mono)>; MAX_DRONES],
    /// The drones that stop and hover where others land.
    hover: Drones,
    refused: u64,
}

impl Causes {
    pub(super) fn new(hover: Drones) -> Box<Causes> {
        Box::new(Causes {
            causes: Vec::new(),
            announced: [const { None }; MAX_DRONES],
            hover,
            refused: 0,
        })
    }

    /// A rule is bad at a source, or good again. `named` are the drones that it names,
    /// `own` is the one that is its source.
    pub(super) fn rule(&mut self, origin: Origin, named: Drones, own: Drones, stands: bool) {
        let Origin::Rule { rule, .. } = &origin else {
            return;
        };
        let Some(action) = &rule.action else { return };
        let wants = match action.what {
            Action::Land => Demand::Land,
            Action::Stop => Demand::Stop,
            Action::RefuseTakeoff => Demand::RefuseTakeoff,
        };
        let critical = rule.level == Level::Critical;
        let by_source = action.drones.is_empty();
        let Some(cause) = self.cause(&origin, stands) else {
            return;
        };
        if stands {
            (cause.origin, cause.wants, cause.critical) = (origin, wants, critical);
        }
        if by_source {
            set(&mut cause.stands, own, stands);
        } else {
            cause.sources = match stands {
                true => cause.sources.saturating_add(1),
                false => cause.sources.saturating_sub(1),
            };
            cause.stands = if cause.sources > 0 { named } else { 0 };
        }
    }

    /// An emergency stop is pressed, or a bridge with one is lost: each time is a new one.
    pub(super) fn press(&mut self, origin: Origin, wants: Demand, critical: bool, drones: Drones) {
        if let Some(cause) = self.cause(&origin, true) {
            (cause.wants, cause.critical) = (wants, critical);
            (cause.stands, cause.acted, cause.vetoed) = (drones, 0, 0);
        }
    }

    /// Whatever `origin` was about is over.
    pub(super) fn end(&mut self, origin: &Origin) {
        if let Some(cause) = self.cause(origin, false) {
            cause.stands = 0;
        }
    }

    /// One drone is beyond a limit, or no longer.
    pub(super) fn limit(&mut self, kind: LimitKind, drone: usize, stands: bool) {
        if let Some(cause) = self.cause(&Origin::Limit(kind), stands) {
            (cause.wants, cause.critical) = (Demand::Land, false);
            set(&mut cause.stands, bit(drone), stands);
        }
    }

    /// The flyer vetoes the landing that is announced; what it was for.
    pub(super) fn veto(&mut self, drone: usize) -> Option<Origin> {
        let (origin, _) = self.announced.get_mut(drone)?.take()?;
        if let Some(cause) = self.cause(&origin, false) {
            cause.vetoed |= bit(drone);
        }
        Some(origin)
    }

    /// The landing that is announced to the flyer of a drone, and when it is due.
    pub(super) fn announced(&self, drone: usize) -> Option<&(Origin, Mono)> {
        self.announced.get(drone)?.as_ref()
    }

    /// An order could not be carried out: it is given again.
    pub(super) fn failed(&mut self, drone: usize, origin: &Origin) {
        if let Some(cause) = self.cause(origin, false) {
            cause.acted &= !bit(drone);
        }
    }

    /// What keeps a drone from taking off: what would bring it down at once, and what says
    /// so. (Emergency stops and lost bridges say so themselves.)
    pub(super) fn holds(&self, drone: usize) -> impl Iterator<Item = &Origin> {
        let holds = move |cause: &&Cause| {
            let is_rule = matches!(cause.origin, Origin::Rule { .. });
            is_rule && cause.stands & bit(drone) != 0 && cause.wants != Demand::Stop
        };
        self.causes.iter().filter(holds).map(|cause| &cause.origin)
    }

    /// Whether anything stands or is announced, so that time matters.
    pub(super) fn is_busy(&self) -> bool {
        self.causes.iter().any(|cause| cause.stands != 0)
            || self.announced.iter().any(Option::is_some)
    }

    /// Causes for which there was no room.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// What is to be done for the drones that are seen.
    pub(super) fn step(&mut self, seen: &[DroneFacts], now: Mono) -> Orders {
        let mut orders = Orders::new();
        for (drone, seen) in seen.iter().enumerate().take(MAX_DRONES) {
            if let Some((what, origin)) = self.one(drone, *seen, now) {
                orders.push(Order {
                    drone,
                    what,
                    origin,
                });
            }
        }
        self.causes
            .retain(|cause| cause.stands | cause.acted | cause.vetoed != 0 || cause.sources > 0);
        orders
    }

    fn one(&mut self, drone: usize, seen: DroneFacts, now: Mono) -> Option<(OrderKind, Origin)> {
        if seen.grounded {
            for cause in &mut self.causes {
                cause.acted &= !bit(drone);
                cause.vetoed &= !bit(drone);
            }
        } else if let Some(urgent) = self.strongest(drone, seen, true) {
            return self.act(drone, urgent, seen);
        }
        let waits = self
            .strongest(drone, seen, false)
            .filter(|_| !seen.grounded);
        let due = self.announced[drone].as_ref().map(|(_, due)| *due);
        match (waits, due) {
            (None, None) => None,
            (None, Some(_)) => {
                let (origin, _) = self.announced[drone].take()?;
                Some((OrderKind::CallOff, origin))
            }
            (Some(cause), None) if seen.lands => self.act(drone, cause, seen),
            (Some(cause), None) => {
                let origin = self.causes[cause].origin.clone();
                self.announced[drone] = Some((origin.clone(), now.plus(WARNED_BEFORE)));
                Some((OrderKind::Announce, origin))
            }
            (Some(cause), Some(due)) if now >= due => self.act(drone, cause, seen),
            (Some(_), Some(_)) => None,
        }
    }

    /// The strongest cause that has something to do: of those that are urgent, or of those
    /// that wait for a veto.
    fn strongest(&self, drone: usize, seen: DroneFacts, urgent: bool) -> Option<usize> {
        let acts = |cause: &Cause| {
            let reaches = match cause.origin {
                // Whatever is believed: only the ground keeps it.
                Origin::Stop(_) => seen.has_link,
                _ => seen.flies,
            };
            let wants = self.wanted(cause, drone);
            let is_urgent = cause.critical || wants != Demand::Land;
            reaches
                && is_urgent == urgent
                && wants != Demand::RefuseTakeoff
                && cause.stands & !cause.acted & !cause.vetoed & bit(drone) != 0
        };
        let acting = self
            .causes
            .iter()
            .enumerate()
            .filter(|(_, cause)| acts(cause));
        let strongest = acting.max_by_key(|(_, cause)| self.wanted(cause, drone));
        strongest.map(|(place, _)| place)
    }

    /// What a cause wants of a drone that may be one of those that hover.
    fn wanted(&self, cause: &Cause, drone: usize) -> Demand {
        if cause.wants == Demand::Land && self.hover & bit(drone) != 0 {
            Demand::Stop
        } else {
            cause.wants
        }
    }

    /// Does what a cause wants, and with it what milder ones want.
    fn act(&mut self, drone: usize, place: usize, seen: DroneFacts) -> Option<(OrderKind, Origin)> {
        let wants = self.wanted(&self.causes[place], drone);
        let origin = self.causes[place].origin.clone();
        let hover = self.hover;
        for cause in &mut self.causes {
            let is_land = cause.wants == Demand::Land;
            let its = match is_land && hover & bit(drone) != 0 {
                true => Demand::Stop,
                false => cause.wants,
            };
            if its <= wants {
                cause.acted |= cause.stands & bit(drone);
            }
        }
        let command = match wants {
            Demand::Emergency => Command::Emergency,
            Demand::Land => Command::Land,
            // On its way down it is stopped by the ground.
            Demand::Stop if seen.lands => return None,
            Demand::Stop => Command::Stop,
            Demand::RefuseTakeoff => return None,
        };
        if wants != Demand::Stop {
            self.announced[drone] = None;
        }
        Some((OrderKind::Send(command), origin))
    }

    /// The cause of that origin; a new one where `make`.
    fn cause(&mut self, origin: &Origin, make: bool) -> Option<&mut Cause> {
        let known = self.causes.iter().position(|cause| cause.origin.is(origin));
        let place = match known {
            Some(place) => place,
            None if !make => return None,
            None => {
                if self.causes.is_full() {
                    // Those that are over come first; what they did is then forgotten.
                    let over = self.causes.iter().position(|cause| cause.stands == 0);
                    let Some(over) = over else {
                        self.refused += 1;
                        return None;
                    };
                    self.causes.swap_remove(over);
                }
                let new = Cause {
                    origin: origin.clone(),
                    wants: Demand::RefuseTakeoff,
                    critical: false,
                    stands: 0,
                    sources: 0,
                    acted: 0,
                    vetoed: 0,
                };
                self.causes.push(new).ok()?;
                self.causes.len() - 1
            }
        };
        self.causes.get_mut(place)
    }
}

/// The set of one drone; empty for one beyond the tables.
pub(super) fn bit(drone: usize) -> Drones {
    u32::try_from(drone).map_or(0, |drone| 1_u64.checked_shl(drone).unwrap_or(0))
}

fn set(drones: &mut Drones, these: Drones, stands: bool) {
    if stands {
        *drones |= these;
    } else {
        *drones &= !these;
    }
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
