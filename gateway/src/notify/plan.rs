//! What a channel is sent next, of everything that waits for it.
//!
//! Pure. Whoever comes back after an outage reads what stands, the worst and newest
//! first, and not the story from its beginning: what is over by now comes last, and in
//! one message. For each alert the order is kept. A program (a webhook, Alertmanager)
//! gets every event by itself.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use readings::Level;
use store::{OutboxEvent, OutboxRecord};

/// Most alerts in one message.
pub(super) const MOST_TOGETHER: usize = 20;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The record that is told.
    pub(super) record: OutboxRecord,
    /// Others that belong into the same message.
    pub(super) also: Vec<OutboxRecord>,
    /// Numbers in the outbox that are dealt with by it.
    pub(super) numbers: Vec<u64>,
    /// Whether all of it came and went while it could not be told.
    pub(super) is_summary: bool,
}

/// The next step; `waiting` is in the order of the outbox, and holds only what the channel
/// is to hear. `together`: whether it takes several alerts in one message.
pub(super) fn next(waiting: &[(u64, OutboxRecord)], together: bool) -> Option<Step> {
    let mut alerts: BTreeMap<u64, Vec<&(u64, OutboxRecord)>> = BTreeMap::new();
    for one in waiting {
        alerts.entry(one.1.alert.seq).or_default().push(one);
    }
    let mut alerts: Vec<Pending<'_>> = alerts.into_values().map(Pending::of).collect();
    alerts.sort_by_key(|alert| (alert.turn, Reverse(alert.level), Reverse(alert.newest)));
    let first = alerts.first()?;
    if !together {
        let (number, record) = first.events.first()?;
        return Some(Step {
            record: record.clone(),
            also: Vec::new(),
            numbers: vec![*number],
            is_summary: false,
        });
    }
    let same = |other: &&Pending<'_>| other.belongs_to(first);
    let group: Vec<&Pending<'_>> = alerts.iter().filter(same).take(MOST_TOGETHER).collect();
    // The state that it is in by now is all that there is to say.
    let (_, record) = first.events.last()?;
    let also = group.iter().skip(1).filter_map(|alert| alert.events.last());
    let numbers = group.iter().flat_map(|alert| &alert.events);
    Some(Step {
        record: record.clone(),
        also: also.map(|(_, record)| record.clone()).collect(),
        numbers: numbers.map(|(number, _)| *number).collect(),
        is_summary: first.turn == Turn::CameAndWent && group.len() > 1,
    })
}

/// In which order alerts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// It stands, and nobody has been told.
    Stands,
    /// Something happened to one that was told.
    Went,
    /// It came and went, and nobody has been told.
    CameAndWent,
}

/// What waits to be told of one alert.
struct Pending<'a> {
    events: Vec<&'a (u64, OutboxRecord)>,
    turn: Turn,
    level: Option<Level>,
    newest: u64,
}

impl<'a> Pending<'a> {
    fn of(events: Vec<&'a (u64, OutboxRecord)>) -> Pending<'a> {
        let is = |one: Option<&&(u64, OutboxRecord)>, wanted: &[OutboxEvent]| {
            one.is_some_and(|(_, record)| wanted.contains(&record.event))
        };
        let is_new = is(events.first(), &[OutboxEvent::Raised]);
        let is_over = is(
            events.last(),
            &[OutboxEvent::Cleared, OutboxEvent::Resolved],
        );
        let last = events.last();
        Pending {
            turn: match (is_new, is_over) {
                (true, false) => Turn::Stands,
                (true, true) => Turn::CameAndWent,
                (false, _) => Turn::Went,
            },
            level: last.and_then(|(_, record)| Level::from_name(&record.alert.level)),
            newest: last.map_or(0, |(number, _)| *number),
            events,
        }
    }

    /// Whether one message says both: one rule that several sources break at once, or
    /// all that is over by now.
    fn belongs_to(&self, first: &Pending<'_>) -> bool {
        let rule = |pending: &Pending<'a>| pending.events.last().map(|(_, r)| r.alert.rule.clone());
        let of_first = first
            .events
            .last()
            .map(|(_, record)| record.alert.rule.clone());
        self.turn == first.turn
            && match first.turn {
                Turn::Stands => rule(self) == of_first,
                Turn::Went => self.newest == first.newest,
                Turn::CameAndWent => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::notification;
    use OutboxEvent::{Acknowledged, Raised, Resolved};

    fn outbox(events: &[(u64, &str, OutboxEvent, &str)]) -> Vec<(u64, OutboxRecord)> {
        let one =
            |(number, (seq, level, event, rule)): (usize, &(u64, &str, OutboxEvent, &str))| {
                let mut record = notification(*seq, level, *event).record;
                record.alert.rule = (*rule).to_owned();
                (number as u64 + 1, record)
            };
        events.iter().enumerate().map(one).collect()
    }

    /// The order in which everything is told: numbers, and how many alerts a message holds.
    fn told(mut waiting: Vec<(u64, OutboxRecord)>, together: bool) -> Vec<(Vec<u64>, bool)> {
        let mut order = Vec::new();
        while let Some(step) = next(&waiting, together) {
            assert!(!step.numbers.is_empty(), "it would be told for ever");
            waiting.retain(|(number, _)| !step.numbers.contains(number));
            order.push((step.numbers, step.is_summary));
        }
        order
    }

    #[test]
    fn after_an_outage_the_worst_and_newest_come_first_and_what_is_over_in_one_message() {
        let waiting = outbox(&[
            (1, "warning", Raised, "a"),
            (2, "info", Raised, "b"),
            (3, "critical", Raised, "c"),
            (1, "warning", Resolved, "a"),
            (4, "warning", Raised, "d"),
            (5, "critical", Raised, "e"),
            (2, "info", Resolved, "b"),
            (9, "error", Resolved, "told before"),
        ]);
        assert_eq!(
            told(waiting.clone(), true),
            [
                (vec![6], false),
                (vec![3], false),
                (vec![5], false),
                (vec![8], false),
                (vec![1, 4, 2, 7], true),
            ]
        );
        // A program gets each event, of each alert in order.
        let alone: Vec<u64> = told(waiting, false)
            .into_iter()
            .flat_map(|(n, _)| n)
            .collect();
        assert_eq!(alone.len(), 8);
        assert_eq!(alone[..4], [6, 3, 5, 8]);
        let place = |number| alone.iter().position(|one| *one == number);
        assert!(place(1) < place(4) && place(2) < place(7), "{alone:?}");
    }

    #[test]
    fn one_rule_that_many_break_is_one_message_and_the_newest_state_is_told() {
        let waiting = outbox(&[
            (1, "critical", Raised, "Drone lost"),
            (2, "critical", Raised, "Drone lost"),
            (3, "critical", Raised, "Low Battery"),
            (2, "critical", Acknowledged, "Drone lost"),
        ]);
        let step = next(&waiting, true).expect("a step");
        assert_eq!((step.record.event, step.also.len()), (Acknowledged, 1));
        assert_eq!(step.numbers, [2, 4, 1]);
        assert_eq!(next(&[], true), None);
    }

    #[test]
    fn one_that_came_and_went_alone_is_told_as_over() {
        let waiting = outbox(&[(1, "warning", Raised, "a"), (1, "warning", Resolved, "a")]);
        let step = next(&waiting, true).expect("a step");
        assert_eq!((step.record.event, step.is_summary), (Resolved, false));
        assert_eq!(step.numbers, [1, 2]);
    }
}
