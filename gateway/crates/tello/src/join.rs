//! `ap SSID PASSWORD`: a drone leaves its own network and joins another (SDK 2.0).
//!
//! Apart from [`crate::command`], whose commands are shown, logged and recorded: this one
//! holds a secret, so it has no way to be written but [`Network::text`]. Pure text.

use std::fmt;

use crate::reply::Reply;

/// Longest name of a network.
pub const MAX_SSID_BYTES: usize = 32;

/// Lengths of a password of WPA2.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=63;

/// The word of the SDK.
const WORD: &str = "ap";

/// Why a network cannot be told to a drone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSayable {
    /// Its name.
    Ssid,
    /// Its password.
    Password,
}

impl fmt::Display for NotSayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotSayable::Ssid => {
                "the network's name must be 1 to 32 letters, digits and signs of ASCII without a space: \
                 the drone takes it as one word"
            }
            NotSayable::Password => {
                "the network's password must be 8 to 63 letters, digits and signs of ASCII without a \
                 space: the drone takes it as one word, and joins no open network"
            }
        })
    }
}

impl std::error::Error for NotSayable {}

/// A network as a drone is told of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Network {
    ssid: String,
    password: String,
}

/// One word of printable ASCII.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Network {
    /// That network.
    ///
    /// # Errors
    /// [`NotSayable`]: words of the SDK end at a space.
    pub fn new(ssid: &str, password: &str) -> Result<Network, NotSayable> {
        if !is_word(ssid) || ssid.len() > MAX_SSID_BYTES {
            return Err(NotSayable::Ssid);
        }
        if !is_word(password) || !PASSWORD_BYTES.contains(&password.len()) {
            return Err(NotSayable::Password);
        }
        Ok(Network {
            ssid: ssid.to_owned(),
            password: password.to_owned(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn ssid(&self) -> &str {
        &self.ssid
    }

    /// The command, secret included: for a socket, and for nothing else.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{WORD} {} {}", self.ssid, self.password)
    }

    /// What a datagram says, if it is that command at all; none inside if it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Option<Network>> {
        let mut words = text.split_ascii_whitespace();
        if words.next() != Some(WORD) {
            return None;
        }
        let network = match (words.next(), words.next(), words.next()) {
            (Some(ssid), Some(password), None) => Network::new(ssid, password).ok(),
            _ => None,
        };
        Some(network)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("ssid", &self.ssid)
            .finish_non_exhaustive()
    }
}

/// Whether a reply to it says that the drone goes: firmware adds words to its `ok`.
#[must_use]
pub fn assents(reply: &Reply<'_>) -> bool {
    match reply {
        Reply::Ok => true,
        Reply::Text(text) => text
            .get(..2)
            .is_some_and(|ok| ok.eq_ignore_ascii_case("ok")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_two_words_and_its_secret_is_not_shown() {
        let network = Network::new("site-2.4", "a!secret~word").expect("two words");
        assert_eq!(network.text(), "ap site-2.4 a!secret~word");
        assert_eq!(Network::parse(&network.text()), Some(Some(network.clone())));
        let shown = format!("{network:?}");
        assert!(
            shown.contains("site-2.4") && !shown.contains("secret"),
            "{shown}"
        );
        for ssid in ["", "two words", "日本", &"x".repeat(33)] {
            assert_eq!(Network::new(ssid, "12345678"), Err(NotSayable::Ssid));
        }
        for password in ["", "1234567", "with space", &"x".repeat(64)] {
            assert_eq!(Network::new("s", password), Err(NotSayable::Password));
        }
    }

    #[test]
    fn other_commands_are_none_and_a_broken_one_is_told_apart() {
        for other in ["", "ap?", "apple x y", "command", "wifi x 12345678"] {
            assert_eq!(Network::parse(other), None, "{other}");
        }
        for broken in ["ap", "ap x", "ap x short", "ap x 12345678 more"] {
            assert_eq!(Network::parse(broken), Some(None), "{broken}");
        }
    }

    #[test]
    fn an_assent_may_have_words_behind_it() {
        for (reply, goes) in [
            ("ok", true),
            ("OK,drone will reboot in 3s", true),
            ("error", false),
            ("unknown command: ap", false),
        ] {
            assert_eq!(assents(&Reply::parse(reply.as_bytes())), goes, "{reply}");
        }
    }
}
