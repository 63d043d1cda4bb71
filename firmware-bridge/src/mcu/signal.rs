//! What lamp and buzzer do, as a function of level and time. Pure, so that all
//! boards blink alike and the patterns can be tested.

use super::Indication;
use crate::message::IndicatorLevel;

/// State of lamp and buzzer at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signal {
    /// Lamp on.
    pub lamp: bool,
    /// Buzzer on.
    pub buzzer: bool,
}

/// The signal at `now_ms`:
///
/// | | lamp | buzzer |
/// |---|---|---|
/// | no host | two short flashes every 2 s | silent |
/// | clear | steady | silent |
/// | info | slow blinking, 1 s on, 1 s off | silent |
/// | warning | blinking twice a second | a beep every 4 s |
/// | critical | blinking five times a second | half of every second |
///
/// A steady lamp means "watched, and all well": a board without power or host
/// never looks like that.
#[must_use]
pub fn at(indication: Indication, now_ms: u64) -> Signal {
    let within = |on_ms: u64, period_ms: u64| now_ms % period_ms < on_ms;
    match indication {
        Indication::HostSilent => Signal {
            lamp: within(100, 2_000) || (now_ms + 1_700) % 2_000 < 100,
            buzzer: false,
        },
        Indication::Level(IndicatorLevel::Clear) => Signal {
            lamp: true,
            buzzer: false,
        },
        Indication::Level(IndicatorLevel::Info) => Signal {
            lamp: within(1_000, 2_000),
            buzzer: false,
        },
        Indication::Level(IndicatorLevel::Warning) => Signal {
            lamp: within(250, 500),
            buzzer: within(100, 4_000),
        },
        Indication::Level(IndicatorLevel::Critical) => Signal {
            lamp: within(100, 200),
            buzzer: within(500, 1_000),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of lamp and buzzer, and lamp flashes, in four seconds.
    fn measure(indication: Indication) -> (usize, usize, usize) {
        let lit = |ms| at(indication, ms).lamp;
        (
            (0..4_000).filter(|ms| lit(*ms)).count(),
            (0..4_000).filter(|ms| at(indication, *ms).buzzer).count(),
            (0..4_000).filter(|ms| !lit(*ms) && lit(ms + 1)).count(),
        )
    }

    #[test]
    fn every_level_looks_and_sounds_different() {
        let level = |level| measure(Indication::Level(level));
        assert_eq!(measure(Indication::HostSilent), (400, 0, 4));
        assert_eq!(level(IndicatorLevel::Clear), (4_000, 0, 0));
        assert_eq!(level(IndicatorLevel::Info), (2_000, 0, 2));
        assert_eq!(level(IndicatorLevel::Warning), (2_000, 100, 8));
        assert_eq!(level(IndicatorLevel::Critical), (2_000, 2_000, 20));
    }
}
