//! Which drone it is: its serial number, and the versions that it tells of.
//!
//! An address names a place in a network, and any drone can stand there. So the drone on
//! the ground is asked at each connection, by questions that firmware before SDK 2.0 does
//! not know. In the air nothing is asked: what was known holds through a flight. Pure:
//! takes `now` and answers, says what to ask. What the number means is judged elsewhere.

use std::time::Duration;

use readings::clock::Mono;
use tello::command::{Command, Query};

use crate::sources::vehicles::Outcome;

/// Longest word a drone tells of itself; a serial number has 14 letters.
const MAX_WORD_BYTES: usize = 32;

/// A word a drone tells of itself.
pub(in super::super) type Word = heapless::String<MAX_WORD_BYTES>;

/// Most commands that are remembered as unknown; beyond it the drone answers for itself.
const MAX_UNKNOWN: usize = 16;

/// What a drone says of what it does not know.
const UNKNOWN_COMMAND: &str = "unknown command";

/// What is asked, in this order.
const QUESTIONS: [Query; 3] = [Query::SerialNumber, Query::Sdk, Query::Hardware];

/// How long no answer is waited for longer than the last time, and at most six times that.
const AGAIN: Duration = Duration::from_secs(10);
const MOST_MISSES: u32 = 6;

/// What a drone said of itself.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Identity {
    pub(in super::super) serial: Option<Word>,
    pub(in super::super) sdk: Option<Word>,
    pub(in super::super) hardware: Option<Word>,
    /// Whether the serial number was said since the drone was last connected on the ground.
    pub(in super::super) is_verified: bool,
    /// Whether its firmware knows no serial number.
    pub(in super::super) is_unknown: bool,
    /// First words of the commands that it said it does not know, since it was connected on
    /// the ground: another firmware comes with another connection.
    pub(in super::super) unknown: heapless::Vec<Word, MAX_UNKNOWN>,
    asked: usize,
    ask_at: Mono,
    misses: u32,
}

impl Identity {
    /// Major version of its SDK, as far as it said; firmware that knows no serial number is
    /// older than 2.0.
    pub(super) fn sdk_major(&self) -> Option<u8> {
        let said = self.sdk.as_deref().and_then(|word| word.get(..1));
        let major = said.and_then(|digit| digit.parse().ok());
        major
            .filter(|major| *major > 0)
            .or(self.is_unknown.then_some(1))
    }

    /// The drone is connected, again perhaps. In flight it is still the one it was.
    pub(super) fn met(&mut self, may_fly: bool) {
        (self.asked, self.ask_at, self.misses) = (0, Mono::ZERO, 0);
        if !may_fly {
            (self.is_verified, self.is_unknown) = (false, false);
            self.unknown.clear();
        }
    }

    /// What a drone on the ground with nothing to do is to be asked now.
    pub(super) fn question(&mut self, now: Mono) -> Option<Query> {
        let query = QUESTIONS.get(self.asked).filter(|_| now >= self.ask_at)?;
        self.ask_at = now.plus(AGAIN);
        Some(*query)
    }

    /// Takes what came of the question that `command` is.
    pub(super) fn answered(&mut self, command: Command, outcome: &Outcome, now: Mono) {
        let Some(query) = QUESTIONS.get(self.asked) else {
            return;
        };
        if command != Command::Read(*query) {
            return;
        }
        let word = match outcome {
            Outcome::Answer(text) => word(text),
            Outcome::Refused(_) => None,
            _ => return self.missed(now),
        };
        match query {
            Query::SerialNumber => {
                (self.is_verified, self.is_unknown) = (word.is_some(), word.is_none());
                if word.is_none() {
                    // It is older than the other questions, too.
                    self.asked = QUESTIONS.len();
                }
                self.serial = word;
            }
            Query::Sdk => self.sdk = word,
            _ => self.hardware = word,
        }
        (self.asked, self.ask_at, self.misses) = (self.asked + 1, now, 0);
    }

    /// Takes what came of a command that somebody gave.
    pub(super) fn heeds(&mut self, command: Command, outcome: &Outcome) {
        let is_unknown = matches!(outcome, Outcome::Refused(words)
            if words.to_ascii_lowercase().contains(UNKNOWN_COMMAND));
        if is_unknown
            && self.knows(command)
            && let Some(word) = first_word(command)
        {
            drop(self.unknown.push(word));
        }
    }

    /// Whether it may know `command`, as far as it said.
    pub(super) fn knows(&self, command: Command) -> bool {
        self.unknown.is_empty()
            || first_word(command).is_none_or(|word| !self.unknown.contains(&word))
    }

    fn missed(&mut self, now: Mono) {
        self.misses = (self.misses + 1).min(MOST_MISSES);
        self.ask_at = now.plus(AGAIN * self.misses);
    }
}

/// What a command is known by: its first word; of text for the TT's own controller, which
/// knows some and not others, the one behind `EXT`.
fn first_word(command: Command) -> Option<Word> {
    let text = command.to_string();
    let mut words = text.split(' ');
    let first = words.next()?;
    match command {
        Command::Extension(_) => word(&format!("EXT:{}", words.next()?)),
        _ => word(first),
    }
}

/// A word of letters, digits and what stands between them; nothing else names a thing.
pub(in super::super) fn word(text: &str) -> Option<Word> {
    let good = |letter: u8| letter.is_ascii_alphanumeric() || b"-:._".contains(&letter);
    let text = text.trim();
    let is_word = !text.is_empty() && text.bytes().all(good);
    is_word.then(|| Word::try_from(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SN: Command = Command::Read(Query::SerialNumber);

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1_000)
    }

    fn answer(text: &str) -> Outcome {
        Outcome::Answer(text.to_owned())
    }

    #[test]
    fn what_it_does_not_know_is_remembered_until_it_is_connected_anew() {
        let command = |text: &str| Command::parse(text).expect(text);
        let mut drone = Identity::default();
        let unknown = Outcome::Refused("unknown command: throwfly".to_owned());
        drone.heeds(command("throwfly"), &unknown);
        drone.heeds(command("EXT led 0 0 0"), &unknown);
        drone.heeds(command("up 50"), &Outcome::Refused("error".to_owned()));
        assert!(!drone.knows(command("throwfly")) && drone.knows(command("up 50")));
        assert!(!drone.knows(command("EXT led 9 9 9")) && drone.knows(command("EXT tof?")));
        drone.met(true);
        assert!(
            !drone.knows(command("throwfly")),
            "in the air it is the one it was"
        );
        drone.met(false);
        assert!(drone.knows(command("throwfly")));
    }

    #[test]
    fn a_drone_is_asked_for_all_once_a_connection() {
        let mut drone = Identity::default();
        drone.met(false);
        assert_eq!(drone.question(at(1)), Some(Query::SerialNumber));
        assert_eq!(drone.question(at(1)), None, "it is asked already");
        drone.answered(SN, &answer("0TQDG1234567AB\r\n"), at(1));
        assert!(drone.is_verified);
        assert_eq!(drone.question(at(1)), Some(Query::Sdk));
        drone.answered(Command::Read(Query::Sdk), &answer("30"), at(1));
        assert_eq!(drone.question(at(1)), Some(Query::Hardware));
        let unknown = Outcome::Refused("unknown command: hardware?".to_owned());
        drone.answered(Command::Read(Query::Hardware), &unknown, at(1));
        assert_eq!(
            (drone.sdk.as_deref(), drone.hardware.as_deref()),
            (Some("30"), None)
        );
        assert_eq!(drone.question(at(500)), None);
        drone.met(true);
        assert!(drone.is_verified, "it is in the air");
        drone.met(false);
        assert!(!drone.is_verified);
        assert_eq!(drone.question(at(501)), Some(Query::SerialNumber));
    }

    #[test]
    fn no_answer_is_asked_for_again_and_old_firmware_is_left_alone() {
        let mut drone = Identity::default();
        drone.met(false);
        for (asked, again) in [(0, 10), (10, 30), (30, 60)] {
            assert_eq!(drone.question(at(asked)), Some(Query::SerialNumber));
            drone.answered(SN, &Outcome::NoReply, at(asked));
            assert!(!drone.is_verified && !drone.is_unknown);
            assert_eq!(drone.question(at(again - 1)), None);
        }
        assert_eq!(drone.question(at(60)), Some(Query::SerialNumber));
        let unknown = Outcome::Refused("unknown command: sn?".to_owned());
        drone.answered(SN, &unknown, at(60));
        assert!(drone.is_unknown);
        assert_eq!(drone.question(at(999)), None);
    }

    #[test]
    fn what_is_no_word_is_no_name() {
        for text in ["", "two words", "<b>", &"x".repeat(33), "ドローン"] {
            assert_eq!(word(text), None, "{text}");
        }
        assert_eq!(word(" aa:bb-1_2. ").as_deref(), Some("aa:bb-1_2."));
    }
}
