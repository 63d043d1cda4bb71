//! What a drone's own words of refusal mean, and what to do about them.
//!
//! Firmware says them in a few English words; who flies has no manual at hand. Each has a
//! code that stays as it is, by which a page finds its own language.

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DroneWords {
    /// What the drone says, in small letters.
    says: &'static str,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// What it means and what to do.
    pub(crate) advice: &'static str,
}

const KNOWN: &[DroneWords] = &[
    DroneWords {
        says: "motor stop",
        code: "motor_stop",
        advice: "its motors stand, after a knock or on a slope; set it on level ground, look at its propellers, \
                 switch it off and on",
    },
    DroneWords {
        says: "no valid imu",
        code: "no_valid_imu",
        advice: "its position sensors need light and a floor with a pattern, or its IMU needs calibrating; light \
                 the place, or calibrate it in the maker's app",
    },
    DroneWords {
        says: "no valid vision position",
        code: "no_valid_imu",
        advice: "it does not see the floor; light the place, or fly over a floor with a pattern",
    },
    DroneWords {
        says: "not joystick",
        code: "busy",
        advice: "it is busy with an earlier move; wait until that is over, or land it",
    },
    DroneWords {
        says: "auto land",
        code: "auto_land",
        advice: "it lands by itself, mostly because its battery is empty; let it, then charge it",
    },
    DroneWords {
        says: "run timeout",
        code: "run_timeout",
        advice: "the move took too long: something is in its way, or it does not see the floor; look at it",
    },
    DroneWords {
        says: "no valid marker",
        code: "no_valid_marker",
        advice: "it does not see the mission pad; fly it over the pad, and light the place",
    },
    DroneWords {
        says: "forced stop",
        code: "forced_stop",
        advice: "it was stopped in the middle of the move; look where it is before the next one",
    },
    DroneWords {
        says: "low battery",
        code: "battery_low",
        advice: "its battery is too low for that; land it and charge it",
    },
    DroneWords {
        says: "out of range",
        code: "out_of_range",
        advice: "its firmware does not take that value; give a smaller one",
    },
    DroneWords {
        says: "unactive",
        code: "unactive",
        advice: "it was never activated; activate it once with the maker's app",
    },
    DroneWords {
        says: "unknown command",
        code: "unknown_command",
        advice: "its firmware does not know that; update it in the maker's app",
    },
];

impl DroneWords {
    /// Those that `words` are, if they are known.
    pub(crate) fn of(words: &str) -> Option<&'static DroneWords> {
        let words = words.to_ascii_lowercase();
        KNOWN.iter().find(|known| words.contains(known.says))
    }
}

/// `words` with what they mean, as far as that is known.
pub(crate) fn explained(words: &str) -> String {
    match DroneWords::of(words) {
        Some(known) => format!("{words} ({})", known.advice),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_drones_say_are_known_whatever_surrounds_them() {
        for (words, code) in [
            ("Motor stop", "motor_stop"),
            ("No valid imu", "no_valid_imu"),
            ("Not joystick", "busy"),
            ("Auto land", "auto_land"),
            ("Run timeout", "run_timeout"),
            ("unknown command: stop", "unknown_command"),
        ] {
            assert_eq!(
                DroneWords::of(words).map(|known| known.code),
                Some(code),
                "{words}"
            );
            assert!(explained(words).starts_with(words));
        }
        assert_eq!(explained("error"), "error");
    }
}
