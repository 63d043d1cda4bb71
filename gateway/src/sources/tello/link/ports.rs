//! `port`: telling a drone where its states and its video go (SDK 3.0).
//!
//! Where a gateway listens at other ports than every drone's, so that several programs of one
//! host do not share 8890, each drone is told after it entered SDK mode. Firmware before 3.0
//! does not know the word and goes on sending to the usual ports, which is said. Pure.

use tello::command::Command;
use tello::reply::Reply;

use super::Roster;

/// How far a drone is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    /// What it is told; none: it sends where every drone does.
    wanted: Option<Command>,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Rest,
    /// It was asked into SDK mode.
    Entering,
    /// It was told the ports.
    Told,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Tell(Command),
    /// It does not know the command.
    Refused,
}

impl Telling {
    /// For the drone `index` of `roster`. A simulator of ours knows from the start.
    pub(super) fn new(roster: &Roster, index: usize) -> Telling {
        let ports = (roster.state_port, roster.video_port);
        Telling::of(ports, roster.slots[index].is_own_simulator())
    }

    fn of((state, video): (u16, u16), is_ours: bool) -> Telling {
        let is_usual = (state, video) == (tello::STATE_PORT, tello::VIDEO_PORT);
        Telling {
            wanted: (!is_usual && !is_ours).then_some(Command::Ports { state, video }),
            at: At::Rest,
        }
    }

    /// It is asked into SDK mode.
    pub(super) fn entering(&mut self) {
        self.at = At::Entering;
    }

    /// Takes a reply.
    pub(super) fn take(&mut self, reply: &Reply<'_>) -> Next {
        let Some(command) = self.wanted else {
            return Next::Nothing;
        };
        match (self.at, reply) {
            (At::Entering, Reply::Ok) => {
                self.at = At::Told;
                Next::Tell(command)
            }
            (At::Told, Reply::Ok) => {
                self.at = At::Rest;
                Next::Nothing
            }
            (At::Told, Reply::Text(text)) if text.starts_with("unknown command") => {
                self.at = At::Rest;
                Next::Refused
            }
            (At::Told, Reply::Error(_)) => {
                self.at = At::Rest;
                Next::Refused
            }
            _ => Next::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drone_is_told_once_it_has_entered_sdk_mode_and_only_of_other_ports() {
        let mut telling = Telling::of((8_900, 11_121), false);
        assert_eq!(
            telling.take(&Reply::Ok),
            Next::Nothing,
            "an answer to something else"
        );
        telling.entering();
        let told = Command::Ports {
            state: 8_900,
            video: 11_121,
        };
        assert_eq!(telling.take(&Reply::Text("87")), Next::Nothing);
        assert_eq!(telling.take(&Reply::Ok), Next::Tell(told));
        assert_eq!(telling.take(&Reply::Ok), Next::Nothing);
        assert_eq!(telling.take(&Reply::Ok), Next::Nothing, "once");
        telling.entering();
        assert_eq!(
            telling.take(&Reply::Ok),
            Next::Tell(told),
            "again when it restarted"
        );
        let unknown = Reply::Text("unknown command: port 8900 11121");
        assert_eq!(telling.take(&unknown), Next::Refused);
        for mut quiet in [
            Telling::of((tello::STATE_PORT, tello::VIDEO_PORT), false),
            Telling::of((8_900, 11_121), true),
        ] {
            quiet.entering();
            assert_eq!(quiet.take(&Reply::Ok), Next::Nothing);
        }
    }
}
