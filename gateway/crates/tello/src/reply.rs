//! Replies on the command port, told apart by what they mean for the link.
//!
//! Pure text. A reply borrows from its datagram; nothing is kept.

use super::BINARY_MARK;

/// A datagram from a drone's command port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply<'a> {
    /// `ok`.
    Ok,
    /// `unactive`: a new drone the vendor's app has never activated (SDK 3.0).
    Unactive,
    /// `error`, with what follows it, trimmed.
    Error(&'a str),
    /// Any other text: the answer to a query, `out of range`, `unknown command: x`.
    Text(&'a str),
    /// A packet of the vendor's binary protocol; not a reply at all.
    Binary,
    /// Not text.
    Noise,
}

impl Reply<'_> {
    /// Reads a datagram from the command port. Line ends, NULs and spaces around
    /// the text are not part of it.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Reply<'_> {
        if datagram.first() == Some(&BINARY_MARK) {
            return Reply::Binary;
        }
        let Ok(text) = std::str::from_utf8(datagram) else {
            return Reply::Noise;
        };
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        match text {
            "" => Reply::Noise,
            "ok" | "OK" => Reply::Ok,
            "unactive" => Reply::Unactive,
            _ => match text.strip_prefix("error") {
                Some(what) => Reply::Error(what.trim_start()),
                None => Reply::Text(text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        for (datagram, reply) in [
            (&b"ok"[..], Reply::Ok),
            (b"OK", Reply::Ok),
            (b" ok\r\n", Reply::Ok),
            (b"okay", Reply::Text("okay")),
            (b"\0\r\n ", Reply::Noise),
            (b"ok\0\0", Reply::Ok),
            (b"unactive", Reply::Unactive),
            (b"error", Reply::Error("")),
            (b"error Not joystick", Reply::Error("Not joystick")),
            (b"87\r\n", Reply::Text("87")),
            (b"unknown command: x", Reply::Text("unknown command: x")),
            (b"\xCC\x60\x01", Reply::Binary),
            (b"\xFF\xFE", Reply::Noise),
            (b"", Reply::Noise),
        ] {
            assert_eq!(Reply::parse(datagram), reply);
        }
    }
}
