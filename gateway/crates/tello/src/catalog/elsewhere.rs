//! The SDK's words that are no entry of the table: what is done in their place here, or why
//! nobody does it. So each word of the manuals has its answer, and none is just unknown.

use std::fmt;

/// What becomes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is done in a way of its own: that one.
    Is(&'static str),
    /// It is not passed on, for that reason, and with what to do instead.
    Refused(&'static str),
}

/// A word of the SDK that is no entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The SDK's word.
    pub word: &'static str,
    /// Major SDK version that introduced it.
    pub since_sdk: u8,
    /// What becomes of it.
    pub place: Place,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word;
        match self.place {
            Place::Is(what) => write!(f, "`{word}` is done by {what}"),
            Place::Refused(why) => write!(f, "`{word}` is not passed on: {why}"),
        }
    }
}

/// What is known of a word that is no entry of the table.
#[must_use]
pub fn elsewhere(word: &str) -> Option<&'static Elsewhere> {
    ELSEWHERE.iter().find(|known| known.word == word)
}

const MOVE: Place = Place::Is("`move`, with a direction and a distance");
const ROTATE: Place = Place::Is("`rotate`, with a direction and an angle");
const ASK: Place = Place::Is("`ask`, with what is asked");
/// Whoever the drone's network is the only way to would lose it, and the secret with it.
const NETWORK: Place = Place::Refused(
    "it changes the drone's own network, over which the gateway reaches it, and its password would stand in \
     logs and records: set it with the vendor's app",
);

const fn is(word: &'static str, since_sdk: u8, place: Place) -> Elsewhere {
    Elsewhere {
        word,
        since_sdk,
        place,
    }
}

/// In the order of the manuals; last what public programs send, and no manual has.
pub const ELSEWHERE: &[Elsewhere] = &[
    is(
        "command",
        1,
        Place::Refused("the gateway enters SDK mode by itself when it connects"),
    ),
    is("takeoff", 1, Place::Is("`takeoff`")),
    is("land", 1, Place::Is("`land`")),
    is("stop", 2, Place::Is("`stop`")),
    is("emergency", 1, Place::Is("`emergency`")),
    is("streamon", 1, Place::Is("`camera/stream/start`")),
    is("streamoff", 1, Place::Is("`camera/stream/stop`")),
    is("up", 1, MOVE),
    is("down", 1, MOVE),
    is("left", 1, MOVE),
    is("right", 1, MOVE),
    is("forward", 1, MOVE),
    is("back", 1, MOVE),
    is("cw", 1, ROTATE),
    is("ccw", 1, ROTATE),
    is(
        "rc",
        1,
        Place::Is(
            "`sticks` on the WebSocket: it is never answered, and one alone is a drone that flies away",
        ),
    ),
    is("wifi", 1, NETWORK),
    is(
        "ap",
        2,
        Place::Is(
            "`drones join` at the board, or the drone's page, which looks for the network first and keeps its password unseen",
        ),
    ),
    is(
        "port",
        3,
        Place::Refused(
            "the gateway tells it by itself what `drones.state_port` and `drones.video_port` say; another value \
             would take the drone out of its sight",
        ),
    ),
    is("multiwifi", 3, NETWORK),
    is("wifisetchannel", 3, NETWORK),
    is("EXT", 3, Place::Is("`ext`, with the text behind it")),
    is("battery?", 1, ASK),
    is("speed?", 1, ASK),
    is("time?", 1, ASK),
    is("wifi?", 1, ASK),
    is("height?", 1, ASK),
    is("temp?", 1, ASK),
    is("attitude?", 1, ASK),
    is("baro?", 1, ASK),
    is("acceleration?", 1, ASK),
    is("tof?", 1, ASK),
    is("sdk?", 2, ASK),
    is("sn?", 2, ASK),
    is("hardware?", 3, ASK),
    is("wifiversion?", 3, ASK),
    is("ap?", 3, ASK),
    is("ssid?", 3, ASK),
    is(
        "keepalive",
        1,
        Place::Refused(
            "no manual has it; a drone is kept in the air by the session of whoever flies it, and by nothing else",
        ),
    ),
    is(
        "active?",
        3,
        Place::Refused("no manual has it; a drone that was never activated is shown as `unactive`"),
    ),
    is(
        "downvision",
        2,
        Place::Refused(
            "no manual has it; its pictures are of another size and form, which players of the stream do not expect",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{COMMANDS, entry};
    use crate::command::{Command, CommandError, Query};
    use crate::direction::Direction;

    /// Every word of the manuals, written down a second time: SDK 1.3, what 2.0 added, and
    /// what 3.0 did.
    const MANUALS: [&[&str]; 3] = [
        &[
            "command",
            "takeoff",
            "land",
            "streamon",
            "streamoff",
            "emergency",
            "up",
            "down",
            "left",
            "right",
            "forward",
            "back",
            "cw",
            "ccw",
            "flip",
            "go",
            "curve",
            "speed",
            "rc",
            "wifi",
            "battery?",
            "speed?",
            "time?",
            "wifi?",
            "height?",
            "temp?",
            "attitude?",
            "baro?",
            "acceleration?",
            "tof?",
        ],
        &[
            "stop",
            "mon",
            "moff",
            "mdirection",
            "jump",
            "ap",
            "sdk?",
            "sn?",
        ],
        &[
            "motoron",
            "motoroff",
            "throwfly",
            "reboot",
            "port",
            "setfps",
            "setbitrate",
            "setresolution",
            "hardware?",
            "wifiversion?",
            "ap?",
            "ssid?",
            "multiwifi",
            "wifisetchannel",
            "EXT",
        ],
    ];

    /// What no manual has.
    const PROGRAMS: [&str; 3] = ["keepalive", "active?", "downvision"];

    #[test]
    fn every_word_of_the_manuals_has_one_place_and_the_sdk_that_brought_it() {
        let mut words = 0;
        for (since, manual) in (1..).zip(MANUALS) {
            for word in manual {
                words += 1;
                let listed = entry(word).map(|entry| entry.since_sdk);
                let other = elsewhere(word).map(|known| known.since_sdk);
                assert!(
                    listed.is_some() != other.is_some(),
                    "{word} has none, or two"
                );
                assert_eq!(listed.or(other), Some(since), "{word}");
            }
        }
        let of_manuals = MANUALS.concat();
        let of_table = COMMANDS.iter().map(|entry| entry.word);
        for word in of_table.chain(ELSEWHERE.iter().map(|known| known.word)) {
            let is_known = of_manuals.contains(&word) || PROGRAMS.contains(&word);
            assert!(
                is_known,
                "{word} stands in no manual: MANUALS has each word once"
            );
        }
        assert_eq!(words + PROGRAMS.len(), COMMANDS.len() + ELSEWHERE.len());
        assert!(PROGRAMS.iter().all(|word| elsewhere(word).is_some()));
    }

    #[test]
    fn what_is_done_in_a_way_of_its_own_is_typed_and_what_is_refused_is_none_of_a_client_s() {
        for known in ELSEWHERE {
            let values = match known.word {
                "up" | "down" | "left" | "right" | "forward" | "back" | "cw" | "ccw" => " 20",
                "rc" => " 0 0 0 0",
                "port" => " 8890 11111",
                "EXT" => " tof?",
                _ => "",
            };
            let parsed = Command::parse(&format!("{}{values}", known.word));
            let is_typed = parsed.is_ok_and(|command| command.since_sdk() == known.since_sdk);
            // (`ap` holds a secret, so it is no command that could be shown: `crate::join`.)
            let wanted = match known.place {
                Place::Is(_) => known.word != "ap",
                Place::Refused(why) => {
                    assert!(why.len() > 20, "{}", known.word);
                    ["command", "port"].contains(&known.word)
                }
            };
            assert_eq!(is_typed, wanted, "{}: {parsed:?}", known.word);
            if !wanted {
                assert_eq!(parsed, Err(CommandError::Unknown), "{}", known.word);
            }
        }
        let typed = Direction::ALL.iter().map(|direction| direction.word());
        for word in typed.chain(Query::ALL.iter().map(|query| query.word())) {
            assert!(elsewhere(word).is_some(), "{word}");
        }
    }
}
