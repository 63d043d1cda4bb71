//! Why a drone is not heard, chosen from what was observed, in words a person
//! in the field can act on.
//!
//! Separate from the state machine: the machine needs only which reason holds.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tello::reply::Reply;

use super::super::socket;

/// A main board of a drone that was so hot may be why it fell silent, in °C: one that
/// idles on the ground is at 80 to 86, and switches itself off some degrees above.
const HOT_C: f64 = 88.0;

/// What the last attempts to reach a drone brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Nothing came back.
    #[default]
    Silence,
    /// `ok`, and yet no state.
    Ok,
    /// `unactive`.
    Unactive,
    /// `error`, or any text that is no assent.
    Refusal,
    /// The host answered that nothing listens on its command port.
    NothingListens,
    /// The kernel has no way to the address.
    NoRoute,
    /// The kernel would not let the packet out.
    Blocked,
    /// The interface is not there.
    NoInterface,
}

impl Evidence {
    /// What a reply shows; binary packets and noise show nothing.
    pub(crate) fn of_reply(reply: &Reply<'_>) -> Option<Evidence> {
        match reply {
            Reply::Ok => Some(Evidence::Ok),
            Reply::Unactive => Some(Evidence::Unactive),
            Reply::Error(_) | Reply::Text(_) => Some(Evidence::Refusal),
            Reply::Binary | Reply::Noise => None,
        }
    }

    /// What an error of the socket shows; `None` for errors about ourselves.
    pub(crate) fn of_error(error: &io::Error) -> Option<Evidence> {
        if socket::is_missing_interface(error) {
            return Some(Evidence::NoInterface);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Evidence::NothingListens),
            io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkDown => Some(Evidence::NoRoute),
            io::ErrorKind::PermissionDenied => Some(Evidence::Blocked),
            _ => None,
        }
    }
}

/// Why a drone is lost or cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Our own state port is not bound.
    StatePortUnavailable,
    /// It went silent in the air and is left alone to land by itself.
    SilentInFlight,
    /// The interface it is reached by is not there.
    NoInterface,
    /// No route to its address: no network joined.
    NoRoute,
    /// The board is in another network: the wrong Wi-Fi.
    OtherNetwork(IpAddr),
    /// Its host is there, and nothing listens on its command port.
    NothingListens,
    /// A firewall on this board keeps the packet in.
    Blocked,
    /// It says `ok`, and its state does not arrive.
    NoState,
    /// It was never activated.
    Unactive,
    /// It refuses SDK mode.
    Refused,
    /// Nothing comes back at all.
    NoAnswer,
}

impl Reason {
    /// The most telling reason for what was observed, when packets to `target`
    /// leave by `route`.
    pub(crate) fn choose(evidence: Evidence, target: IpAddr, route: Option<IpAddr>) -> Reason {
        match evidence {
            Evidence::Ok => Reason::NoState,
            Evidence::Unactive => Reason::Unactive,
            Evidence::Refusal => Reason::Refused,
            Evidence::NothingListens => Reason::NothingListens,
            Evidence::NoRoute => Reason::NoRoute,
            Evidence::Blocked => Reason::Blocked,
            Evidence::NoInterface => Reason::NoInterface,
            Evidence::Silence => match route {
                Some(local) if other_network(local, target) => Reason::OtherNetwork(local),
                _ => Reason::NoAnswer,
            },
        }
    }

    /// What its heat adds to the reason, if it was at `last_c` when it was last heard: a drone
    /// that is too hot switches itself off, and its network with it.
    pub(crate) fn heat(self, last_c: Option<f64>) -> Option<String> {
        let is_gone = matches!(
            self,
            Reason::SilentInFlight | Reason::NoRoute | Reason::OtherNetwork(_) | Reason::NoAnswer
        );
        let hot = last_c.filter(|celsius| is_gone && *celsius >= HOT_C)?;
        Some(format!(
            ". Its main board was at {hot} °C: it may have switched itself off; let it cool"
        ))
    }

    /// The reason in words, with what to do.
    pub(crate) fn explain(
        self,
        target: SocketAddr,
        interface: Option<&str>,
        state_port: u16,
    ) -> String {
        let (host, port) = (target.ip(), target.port());
        let interface = interface.unwrap_or("the interface");
        match self {
            Reason::StatePortUnavailable => format!(
                "The gateway's own state port UDP {state_port} is not bound, so no drone can be heard; \
                 see the alert about it"
            ),
            Reason::SilentInFlight => {
                "It went silent in the air. It lands by itself 15 s after its last command; nothing \
                 is sent to it now, since that would cancel the landing"
                    .to_owned()
            }
            Reason::NoInterface => {
                format!(
                    "Interface {interface} is not there: plug the Wi-Fi adapter in, or correct the drone's `interface`"
                )
            }
            Reason::NoRoute => format!("No route to {host}: this board has not joined the drone's Wi-Fi (TELLO-…)"),
            Reason::OtherNetwork(local) => format!(
                "No answer from {host}, and this board would reach it from {local}, which is another network: \
                 probably the wrong Wi-Fi is joined"
            ),
            Reason::NothingListens => format!(
                "{host} is there, but nothing listens on UDP {port}: it is not a drone in SDK mode, or the address is \
                 another device's"
            ),
            Reason::Blocked => {
                format!("A firewall on this board keeps packets to {host} UDP {port} in: allow them")
            }
            Reason::NoState => format!(
                "It answers `ok`, but its state does not arrive on UDP {state_port}: a firewall drops it, or another \
                 program or host is its client. Allow UDP {state_port} in, and stop other Tello programs"
            ),
            Reason::Unactive => {
                "It answers `unactive`: a new drone must be activated once with the Tello app".to_owned()
            }
            Reason::Refused => {
                "It answers, but refuses SDK mode: switch it off and on, and update its firmware".to_owned()
            }
            Reason::NoAnswer => format!(
                "Nothing comes back from {host}: the drone is switched off or out of range, or its Wi-Fi is not joined"
            ),
        }
    }
}

/// Whether `local` is certainly not in the drone's network. Tellos and the
/// networks they join are /24s in practice, so this is a hint in words only.
fn other_network(local: IpAddr, target: IpAddr) -> bool {
    let (IpAddr::V4(local), IpAddr::V4(target)) = (local, target) else {
        return false;
    };
    target.is_private() && local.octets()[..3] != target.octets()[..3]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn silence_from_another_network_points_at_the_wi_fi() {
        let drone = ip("192.168.10.1");
        let choose = |route| Reason::choose(Evidence::Silence, drone, route);
        assert_eq!(
            choose(Some(ip("192.168.1.7"))),
            Reason::OtherNetwork(ip("192.168.1.7"))
        );
        assert_eq!(choose(Some(ip("192.168.10.2"))), Reason::NoAnswer);
        assert_eq!(choose(None), Reason::NoAnswer);
        assert_eq!(
            Reason::choose(Evidence::Silence, ip("127.0.0.9"), Some(ip("127.0.0.1"))),
            Reason::NoAnswer
        );
    }

    #[test]
    fn every_reason_is_worded_with_something_to_act_on() {
        let target = "192.168.10.1:8889".parse().expect("an address");
        for (reason, word) in [
            (Reason::StatePortUnavailable, "8890"),
            (Reason::SilentInFlight, "15 s"),
            (Reason::NoInterface, "wlan1"),
            (Reason::NoRoute, "Wi-Fi"),
            (Reason::OtherNetwork(ip("192.168.1.7")), "wrong Wi-Fi"),
            (Reason::NothingListens, "8889"),
            (Reason::Blocked, "firewall"),
            (Reason::NoState, "firewall"),
            (Reason::Unactive, "activated"),
            (Reason::Refused, "SDK mode"),
            (Reason::NoAnswer, "switched off"),
        ] {
            let text = reason.explain(target, Some("wlan1"), 8890);
            assert!(text.contains(word), "{reason:?}: {text}");
        }
    }

    #[test]
    fn heat_is_named_where_a_drone_is_gone_and_was_hot() {
        let words = Reason::NoAnswer.heat(Some(91.0)).expect("hot");
        assert!(words.contains("91 °C"), "{words}");
        assert_eq!(
            Reason::NoAnswer.heat(Some(86.0)),
            None,
            "idle on the ground"
        );
        assert_eq!(Reason::NoAnswer.heat(None), None, "never heard");
        let firewall = Reason::Blocked.heat(Some(91.0));
        assert_eq!(firewall, None, "it is not the drone's");
    }

    #[test]
    fn errors_of_the_kernel_are_evidence() {
        let of = |errno| Evidence::of_error(&io::Error::from_raw_os_error(errno));
        assert_eq!(of(101), Some(Evidence::NoRoute)); // ENETUNREACH
        assert_eq!(of(113), Some(Evidence::NoRoute)); // EHOSTUNREACH
        assert_eq!(of(111), Some(Evidence::NothingListens)); // ECONNREFUSED
        assert_eq!(of(1), Some(Evidence::Blocked)); // EPERM
        assert_eq!(of(19), Some(Evidence::NoInterface)); // ENODEV
        assert_eq!(of(11), None); // EAGAIN
    }
}
