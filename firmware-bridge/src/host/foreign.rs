//! What speaks on a port that is not ours, by its first bytes.
//!
//! Pure. A gateway that finds another machine on its port must be able to say which
//! one, without having asked it anything: some machines take any byte as an order.

use core::fmt;
use core::fmt::Write as _;

use heapless::Vec;

use crate::text::Text;

/// Bytes looked at and shown: the first line of what boards print.
pub(super) const FIRST_BYTES: usize = 64;

/// The first bytes, escaped: most of them are printable.
pub type FirstBytes = Text<96>;

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// The ROM of an Espressif chip, which starts or cannot find a program.
    RomLog,
    /// An interpreter that waits for somebody's lines.
    Repl,
    /// A machine's controller that says its name.
    Banner,
    /// A satellite receiver.
    Satellites,
    /// A computer's console.
    Console,
    /// Readable text of something unknown.
    Text,
    /// No text: another protocol, or another baud rate.
    Binary,
}

/// What is known by which words; the first that is found counts.
const KNOWN: [(&str, Foreign); 17] = [
    ("ets J", Foreign::RomLog),
    ("ESP-ROM", Foreign::RomLog),
    ("rst:0x", Foreign::RomLog),
    ("boot:0x", Foreign::RomLog),
    ("MicroPython", Foreign::Repl),
    ("CircuitPython", Foreign::Repl),
    (">>> ", Foreign::Repl),
    ("Grbl", Foreign::Banner),
    ("Marlin", Foreign::Banner),
    ("Smoothie", Foreign::Banner),
    ("echo:", Foreign::Banner),
    ("$GP", Foreign::Satellites),
    ("$GN", Foreign::Satellites),
    ("$GL", Foreign::Satellites),
    ("login:", Foreign::Console),
    ("U-Boot", Foreign::Console),
    ("Linux version", Foreign::Console),
];

impl Foreign {
    /// Whose bytes these are.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Foreign {
        let has = |word: &str| {
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        if let Some((_, known)) = KNOWN.iter().find(|(word, _)| has(word)) {
            return *known;
        }
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t' | 0x1b);
        let readable = bytes.iter().filter(|byte| is_text(byte)).count();
        // Noise has a third of such bytes by chance.
        if readable * 10 >= bytes.len() * 9 {
            Foreign::Text
        } else {
            Foreign::Binary
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Foreign::RomLog => "the log of an Espressif chip's ROM: it starts again and again, or has no program; flash it",
            Foreign::Repl => "a Python prompt; flash the bridge's firmware, or choose another port",
            Foreign::Banner => "a machine's controller; choose another port",
            Foreign::Satellites => "a satellite receiver; choose another port",
            Foreign::Console => "a computer's console; choose another port",
            Foreign::Text => "text of another program; choose another port, or flash the bridge's firmware",
            Foreign::Binary => "no text either; check the baud rate and the firmware",
        })
    }
}

/// The bytes as text that no terminal obeys.
pub(super) fn escaped(bytes: &Vec<u8, FIRST_BYTES>) -> FirstBytes {
    struct Escaped<'a>(&'a [u8]);
    impl fmt::Display for Escaped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0
                .iter()
                .flat_map(|byte| byte.escape_ascii())
                .try_for_each(|byte| f.write_char(char::from(byte)))
        }
    }
    Text::format(format_args!("{}", Escaped(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn well_known_machines_are_named_and_noise_is_no_text() {
        for (bytes, whose) in [
            (&b"ets Jun  8 2016 00:22:57\r\n"[..], Foreign::RomLog),
            (b"ESP-ROM:esp32c3-api1-20210207\r\n", Foreign::RomLog),
            (b"\r\nGrbl 1.1h ['$' for help]\r\n", Foreign::Banner),
            (b"MicroPython v1.22 on 2024-01-05\r\n>>> ", Foreign::Repl),
            (b"$GNRMC,,V,,,,,,,,,,N*4D\r\n", Foreign::Satellites),
            (b"raspberrypi login: ", Foreign::Console),
            (b"temperature 21.4\r\n", Foreign::Text),
            (b"\x00\xff\x93\xe0\x1c\x80aB", Foreign::Binary),
        ] {
            assert_eq!(Foreign::of(bytes), whose, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn no_byte_drives_a_terminal() {
        let bytes: Vec<u8, FIRST_BYTES> = (0..64).collect();
        let shown = escaped(&bytes).to_string();
        assert!(shown.starts_with("\\x00\\x01"), "{shown}");
        assert!(shown.chars().all(|c| c.is_ascii_graphic() || c == ' '));
        let colour = Vec::from_slice(b"\x1b[31mred\r\n").expect("room");
        assert_eq!(escaped(&colour).as_str(), "\\x1b[31mred\\r\\n");
    }
}
