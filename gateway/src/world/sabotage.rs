//! Faults made on purpose, one for each invariant: a checker that was never red is none.

use std::net::SocketAddr;

use super::gateway::drone_address;
use super::ledger::Pair;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// Something between commander and wire takes landings, stops and emergencies away.
    SwallowedDown,
    /// States say that it stands on the ground.
    LyingStates,
    /// The same of its height alone.
    NoHeight,
    /// The page goes on speaking although nobody is there.
    GhostAtThePage,
    /// Something asks for the battery of a drone that is silent.
    VoiceInTheDark,
    /// A hand at the drone's camera raises an alert each second.
    AlertStorm,
    /// The medium says yes and keeps nothing.
    ForgetfulMedium,
    /// The latches of emergency stops do not outlive the process.
    LostLatches,
    /// The last frame of a thumb is sent for ever.
    StuckThumb,
    /// `emergency` leaves by itself.
    CutMotors,
    /// A drone that is taken for another one is sent up.
    FlownAllTheSame,
    /// Down-commands are swallowed, and something asks a flying drone again and again.
    BlindKeepAlive,
    /// A task ends.
    EndedTask,
}

impl Sabotage {
    /// Changes what a drone says.
    pub(super) fn twist(self, bytes: &mut Vec<u8>, is_state: bool, now_ms: u64) {
        if !is_state || now_ms < 12_000 {
            return;
        }
        let lies: &[(&str, &str)] = match self {
            Sabotage::LyingStates => &[
                ("time", "3"),
                ("vgz", "0"),
                ("vgx", "0"),
                ("vgy", "0"),
                ("h", "0"),
                ("tof", "10"),
            ],
            Sabotage::NoHeight => &[("h", "0"), ("tof", "10"), ("baro", "42.00")],
            _ => return,
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let field = |field: &str| {
            let name = field.split(':').next().unwrap_or_default();
            let lie = lies.iter().find(|(of, _)| *of == name);
            lie.map_or_else(
                || field.to_owned(),
                |(name, value)| format!("{name}:{value}"),
            )
        };
        *bytes = text
            .split(';')
            .map(field)
            .collect::<Vec<_>>()
            .join(";")
            .into();
    }

    /// Changes what leaves a gateway for a drone.
    pub(super) fn meddle(
        self,
        sent: &mut Vec<(SocketAddr, String)>,
        drone: usize,
        pair: &Pair,
        now_ms: u64,
    ) {
        let to = SocketAddr::new(drone_address(drone), tello::COMMAND_PORT);
        match self {
            Sabotage::SwallowedDown => {
                sent.retain(|(_, text)| !["land", "stop", "emergency"].contains(&text.as_str()));
            }
            Sabotage::VoiceInTheDark => {
                let is_dark = pair.heard_ms.is_some_and(|at| at + 3_000 < now_ms);
                if is_dark && pair.flight.may_fly() {
                    sent.push((to, "battery?".to_owned()));
                }
            }
            Sabotage::FlownAllTheSame if pair.is_mistaken => sent.push((to, "up 20".to_owned())),
            Sabotage::BlindKeepAlive => {
                sent.retain(|(_, text)| !["land", "stop", "emergency"].contains(&text.as_str()));
                // (Asked at each answer, in clear air, time would stand still.)
                let last_ms = pair.sent.last().map_or(0, |sent| sent.at_ms);
                if now_ms >= last_ms + 3_000 {
                    sent.push((to, "battery?".to_owned()));
                }
            }
            Sabotage::CutMotors if now_ms > 12_000 => sent.push((to, "emergency".to_owned())),
            _ => {}
        }
    }
}
