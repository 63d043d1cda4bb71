//! Taking out of a capture what says whose board it is.
//!
//! Serial numbers are never collected (the list of files in
//! [`capture`](mod@crate::capture) is a list of what *is* taken); this removes what
//! hides inside the rest: hardware addresses, also in interface names, the
//! serial line of `/proc/cpuinfo`, and the host's name.

use std::collections::BTreeMap;

/// Host names that say nothing: replacing them would garble the device tree.
const DEFAULT_HOSTS: [&str; 6] = [
    "raspberrypi",
    "localhost",
    "debian",
    "ubuntu",
    "orangepi",
    "radxa",
];

/// Replaces what identifies; the same thing always by the same stand-in.
pub(crate) struct Redactor {
    host: Option<String>,
    addresses: BTreeMap<String, usize>,
    pub(crate) replaced: usize,
}

impl Redactor {
    pub(crate) fn new(host: Option<String>) -> Self {
        let telling = |host: &String| host.len() >= 3 && !DEFAULT_HOSTS.contains(&host.as_str());
        Redactor {
            host: host.filter(telling),
            addresses: BTreeMap::new(),
            replaced: 0,
        }
    }

    /// Bytes of a file; what is no text is left as it is.
    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match String::from_utf8(bytes) {
            Ok(text) => self.text(&text).into_bytes(),
            Err(error) => error.into_bytes(),
        }
    }

    /// A path, a link's target or the text of a file.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            // Raspberry Pi kernels print the board's serial in /proc/cpuinfo.
            match line.split_once(':') {
                Some((key, _)) if key.trim() == "Serial" => {
                    out.push_str(key);
                    out.push_str(": 0000000000000000\n");
                    self.replaced += 1;
                }
                _ => self.line(line, &mut out),
            }
        }
        match &self.host {
            Some(host) if out.contains(host.as_str()) => {
                self.replaced += 1;
                out.replace(host.as_str(), "host")
            }
            _ => out,
        }
    }

    /// Copies a line with its hardware addresses replaced.
    fn line(&mut self, line: &str, out: &mut String) {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let length = colon_address(rest).or_else(|| bare_address(rest, out));
            if let Some(length) = length {
                let (address, after) = rest.split_at(length);
                out.push_str(&self.stand_in(address));
                rest = after;
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }

    fn stand_in(&mut self, address: &str) -> String {
        self.replaced += 1;
        let digits: String = address.chars().filter(char::is_ascii_hexdigit).collect();
        let next = self.addresses.len() + 1;
        let number = *self
            .addresses
            .entry(digits.to_ascii_lowercase())
            .or_insert(next);
        if address.contains([':', '-']) {
            format!(
                "00:00:00:00:{:02x}:{:02x}",
                number >> 8 & 0xff,
                number & 0xff
            )
        } else {
            format!("{number:012x}")
        }
    }
}

/// Length of `aa:bb:cc:dd:ee:ff` (or with dashes) at the start of the text.
fn colon_address(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..17)?;
    let separator = bytes[2];
    let fits = bytes.iter().enumerate().all(|(i, b)| match i % 3 {
        2 => *b == separator,
        _ => b.is_ascii_hexdigit(),
    });
    (fits && matches!(separator, b':' | b'-')).then_some(17)
}

/// Length of the twelve digits of `enx001122334455`, a name made of an address.
fn bare_address(text: &str, before: &str) -> Option<usize> {
    let digits = text.as_bytes().get(..12)?;
    let named = ["enx", "wlx", "wwx"]
        .iter()
        .any(|prefix| before.ends_with(prefix));
    (named && digits.iter().all(u8::is_ascii_hexdigit)).then_some(12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_get_stand_ins_that_stay_the_same() {
        let mut r = Redactor::new(None);
        assert_eq!(r.text("dc:a6:32:01:02:03\n"), "00:00:00:00:00:01\n");
        assert_eq!(
            r.text("/sys/class/net/enxdca632010203/x"),
            "/sys/class/net/enx000000000001/x"
        );
        assert_eq!(r.text("00:E0:4C:68:00:01"), "00:00:00:00:00:02");
        // An I²C or PCI address is none.
        assert_eq!(r.text("0000:01:00.0 1-0042"), "0000:01:00.0 1-0042");
    }

    #[test]
    fn serials_and_host_names_go() {
        let mut r = Redactor::new(Some("falcon7".to_owned()));
        assert_eq!(
            r.text("Serial\t\t: 10000000abcdef01\nModel\t: X\n"),
            "Serial\t\t: 0000000000000000\nModel\t: X\n"
        );
        assert_eq!(r.text("falcon7 up"), "host up");
        let mut r = Redactor::new(Some("raspberrypi".to_owned()));
        assert_eq!(r.text("raspberrypi,4-model-b\0"), "raspberrypi,4-model-b\0");
    }

    proptest! {
        #[test]
        fn no_address_survives(before in "[ -~]{0,20}", a in any::<[u8; 6]>(), after in "[^0-9a-fA-F]{0,20}") {
            let address: Vec<String> = a.iter().map(|b| format!("{b:02x}")).collect();
            let address = address.join(":");
            prop_assume!(a[..4] != [0; 4]);
            let text = format!("{before} {address}{after}");
            prop_assert!(!Redactor::new(None).text(&text).contains(&address));
        }
    }
}
