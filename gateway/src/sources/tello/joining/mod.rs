//! Getting a drone from its own network into the site's: `drones join` of the command line,
//! and the same for whoever administers the gateway ([`progress`]).
//!
//! Beside the fleet, with a socket of its own: the drone belongs to nobody yet, or to a
//! gateway that must not hear the secret. It is asked who it is and whether it rests before
//! it is told anything. [`ways`] says which interfaces are left alone, [`air`] what of the
//! network is heard.

mod air;
mod progress;
mod ways;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tello::join::{Network, assents};
use tello::reply::Reply;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::flights::may_still_fly;
use super::socket;

pub(crate) use air::{Look, look, survey};
pub(crate) use progress::{Joining, Progress, Stage};
pub(crate) use ways::{leading_to, refusal, refusal_to};

/// How a drone gets its own network back.
pub(crate) const RESET: &str = "\
If the drone does not come back (a wrong password, a network out of its reach): switch it on and
hold its power button for 5 seconds, until its lamp goes out and, once it has restarted, flashes
yellow. Then it is an access point of its own as before, without a password.";

/// The table of a drone that was found. What is in it needs no escape: an id of the
/// configuration's, numbers, and letters and digits.
pub(crate) fn table(id: &str, address: Ipv4Addr, serial: &str) -> String {
    format!(
        "[[drones.drone]]\nid = \"{id}\"\nmode = \"real\"\naddress = \"{address}\"\nserial = \"{serial}\"\n"
    )
}

/// Longer than any reply.
const REPLY_BYTES: usize = 1536;
/// Times a question is asked, and how long each waits; a Tello takes some 30 ms.
const TRIES: u32 = 3;
const ANSWER_WITHIN: Duration = Duration::from_millis(1_000);
/// Between two looks at the motor time, which counts seconds: motors that run show in it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2_200);
/// More than this over the floor is no floor, in mm.
const FLOOR_MM: u32 = 300;
/// First SDK that joins a network, as `sdk?` says it.
const FIRST_SDK: u32 = 20;
/// Wait after a failed receive, so that a persistent failure cannot spin.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// Why a drone is not told to join.
#[derive(Debug)]
pub(crate) enum CannotJoin {
    /// The system does not let a packet out.
    Unsent(io::Error),
    /// Nothing comes back.
    Silent,
    /// It was never activated.
    Unactive,
    /// It does not enter SDK mode.
    NoSdk,
    /// Its firmware has no such command.
    Plain,
    /// It does not say its serial number, so it could not be found again.
    Nameless,
    /// Its motors turn, or it does not say that they rest.
    Moves,
    /// It is not on the floor.
    High,
    /// It was told, and says no.
    Refuses,
}

impl fmt::Display for CannotJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CannotJoin::Unsent(error) => return write!(f, "nothing can be sent to it: {error}"),
            CannotJoin::Silent => {
                "no drone answers: switch it on, join its own Wi-Fi with that adapter, and stop other \
                 programs that fly it"
            }
            CannotJoin::Unactive => {
                "it was never activated; activate it once with the vendor's app"
            }
            CannotJoin::NoSdk => {
                "it does not enter SDK mode; restart it, and close other programs that fly it"
            }
            CannotJoin::Plain => {
                "this drone is a plain Tello (SDK 1.3): it cannot join a network. It stays an access point \
                 of its own, with an adapter of its own at the board"
            }
            CannotJoin::Nameless => {
                "it does not say its serial number, by which it would be found again; restart it"
            }
            CannotJoin::Moves => {
                "its motors turn, or it does not say that they rest: put it on the floor and let it land"
            }
            CannotJoin::High => "it is more than 30 cm over a floor: put it down",
            CannotJoin::Refuses => {
                "it was told, and refuses; restart it and try again, or reset it"
            }
        })
    }
}

impl std::error::Error for CannotJoin {}

/// What a drone said of itself.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) serial: String,
    /// As it says it: `20`, `30`.
    pub(crate) sdk: String,
}

/// A conversation with one drone.
pub(crate) struct Talk {
    socket: UdpSocket,
}

impl Talk {
    /// With the drone at `to`, by that interface and by no other.
    ///
    /// # Errors
    /// [`CannotJoin::Unsent`].
    pub(crate) fn open(from: IpAddr, interface: &str, to: SocketAddr) -> Result<Talk, CannotJoin> {
        let local = SocketAddr::new(from, 0);
        let socket = socket::connect(to, Some(interface), local, &[]);
        let socket = socket.map_err(CannotJoin::Unsent)?;
        Ok(Talk { socket })
    }

    /// Sends `text`, and again, until `read` makes something of a reply; none if nothing
    /// that fits came.
    async fn ask<T>(
        &self,
        text: &str,
        read: impl Fn(&Reply<'_>) -> Option<T>,
    ) -> Result<Option<T>, CannotJoin> {
        let mut buffer = [0; REPLY_BYTES];
        for _ in 0..TRIES {
            // What came late answers another question.
            while self.socket.try_recv(&mut buffer).is_ok() {}
            if let Err(error) = self.socket.send(text.as_bytes()).await
                && error.kind() != io::ErrorKind::ConnectionRefused
            {
                return Err(CannotJoin::Unsent(error));
            }
            let answer = async {
                loop {
                    let Ok(length) = self.socket.recv(&mut buffer).await else {
                        sleep(AFTER_ERROR).await;
                        continue;
                    };
                    if let Some(answer) = read(&Reply::parse(&buffer[..length])) {
                        return answer;
                    }
                }
            };
            if let Ok(answer) = timeout(ANSWER_WITHIN, answer).await {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// Has it enter SDK mode, and asks who it is.
    ///
    /// # Errors
    /// It is none that can join.
    pub(crate) async fn meet(&self) -> Result<Met, CannotJoin> {
        let entered = self.ask("command", |reply| match reply {
            Reply::Ok => Some(Ok(())),
            Reply::Unactive => Some(Err(CannotJoin::Unactive)),
            Reply::Error(_) => Some(Err(CannotJoin::NoSdk)),
            _ => None,
        });
        entered.await?.unwrap_or(Err(CannotJoin::Silent))?;
        let sdk = self.ask("sdk?", |reply| match reply {
            Reply::Text(text) => match text.parse::<u32>() {
                Ok(version) if version >= FIRST_SDK => Some(Ok((*text).to_owned())),
                Ok(_) => Some(Err(CannotJoin::Plain)),
                Err(_) => text
                    .starts_with("unknown command")
                    .then_some(Err(CannotJoin::Plain)),
            },
            Reply::Error(_) => Some(Err(CannotJoin::Plain)),
            _ => None,
        });
        let sdk = sdk.await?.unwrap_or(Err(CannotJoin::Plain))?;
        let serial = self.serial().await?.ok_or(CannotJoin::Nameless)?;
        Ok(Met { serial, sdk })
    }

    /// Its serial number; none if it says none.
    ///
    /// # Errors
    /// [`CannotJoin::Unsent`].
    pub(crate) async fn serial(&self) -> Result<Option<String>, CannotJoin> {
        let serial = self.ask("sn?", |reply| match reply {
            // (A late `sdk?` or `battery?` is shorter, and a number.)
            Reply::Text(text) => {
                let is_word = text.len() > 6 && text.bytes().all(|b| b.is_ascii_alphanumeric());
                is_word.then(|| (*text).to_owned())
            }
            _ => None,
        });
        serial.await
    }

    /// That it rests on the floor: its motors did not turn in two seconds.
    ///
    /// # Errors
    /// It does not, or does not say it.
    pub(crate) async fn rests(&self) -> Result<(), CannotJoin> {
        let motor_s = || {
            self.ask("time?", |reply| match reply {
                Reply::Text(text) => text.strip_suffix('s')?.parse::<u32>().ok(),
                _ => None,
            })
        };
        let before = motor_s().await?.ok_or(CannotJoin::Moves)?;
        sleep(BETWEEN_LOOKS).await;
        if motor_s().await? != Some(before) {
            return Err(CannotJoin::Moves);
        }
        // Firmware that has no such question says nothing against it.
        let floor_mm = self.ask("tof?", |reply| match reply {
            Reply::Text(text) => Some(
                text.strip_suffix("mm")
                    .and_then(|mm| mm.parse::<u32>().ok()),
            ),
            Reply::Error(_) => Some(None),
            _ => None,
        });
        match floor_mm.await?.flatten() {
            Some(mm) if mm > FLOOR_MM => Err(CannotJoin::High),
            _ => Ok(()),
        }
    }

    /// Tells it the network. No answer is no refusal: it may have gone already.
    ///
    /// # Errors
    /// It refuses.
    pub(crate) async fn tell(&self, network: &Network) -> Result<(), CannotJoin> {
        let text = network.text();
        let told = self.ask(&text, |reply| match reply {
            reply if assents(reply) => Some(true),
            Reply::Error(_) | Reply::Text(_) => Some(false),
            _ => None,
        });
        match told.await? {
            // Its words may hold what it was told, and are not shown.
            Some(false) => Err(CannotJoin::Refuses),
            Some(true) | None => Ok(()),
        }
    }
}

/// A drone that may be in the air, by the state directory: then nobody is searched for.
pub(crate) fn somebody_flies(state_dir: &Path) -> Option<Arc<str>> {
    may_still_fly(state_dir).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tello::render::Sdk;
    use tello_simulator::{Options, SimulatedDrone};

    async fn met(sdk: Sdk) -> (SimulatedDrone, Talk) {
        let at = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let options = Options {
            sdk,
            ..Options::default()
        };
        let drone = SimulatedDrone::start(at, options).expect("free");
        let talk = Talk::open(Ipv4Addr::LOCALHOST.into(), "lo", drone.address()).expect("lo");
        (drone, talk)
    }

    #[tokio::test]
    async fn a_drone_says_who_it_is_and_a_plain_one_is_told_that_it_cannot() {
        let (_drone, talk) = met(Sdk::V2_0).await;
        let who = talk.meet().await.expect("an EDU");
        assert_eq!((who.sdk.as_str(), &who.serial[..7]), ("20", "0TQDSIM"));
        talk.rests().await.expect("on the ground");
        let (_drone, talk) = met(Sdk::V1_3).await;
        let refused = talk.meet().await.expect_err("a plain one");
        assert!(refused.to_string().contains("cannot join"), "{refused}");
    }

    #[tokio::test]
    async fn one_that_flies_is_left_alone() {
        let (_drone, talk) = met(Sdk::V2_0).await;
        talk.meet().await.expect("an EDU");
        talk.socket.send(b"takeoff").await.expect("sent");
        assert!(matches!(talk.rests().await, Err(CannotJoin::Moves)));
    }
}
