//! What is heard of the network that a drone is to join: whether it is there, on a band the
//! drone has, and with a cipher it knows. By `iw`, on the adapter beside the drone: it hears
//! what the drone will hear. It must never keep anybody from joining because it cannot look.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Where `iw` is; services and ordinary users have no `sbin` on their path.
const PROGRAMS: [&str; 3] = ["iw", "/usr/sbin/iw", "/sbin/iw"];

/// A scan of all channels takes some four seconds.
const WITHIN: Duration = Duration::from_secs(20);

/// The band on which an EDU and a TT join, in MHz.
const BAND_MHZ: std::ops::Range<u32> = 2_400..2_500;

/// What was heard of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A drone can join it.
    Fits {
        /// Its channel.
        mhz: u32,
        /// How well it is heard, in dBm; none: its driver does not say it so.
        dbm: Option<i32>,
    },
    /// It is not heard: away, or hidden.
    Unheard,
    /// It is heard on another band only.
    Band(u32),
    /// A drone does not know how to join it; as it is heard.
    Cipher(String),
    /// Nobody could look, and why.
    NotLooked(String),
}

impl Look {
    /// Why a drone should not be told to join it; none: it can, or nobody could look.
    pub(crate) fn hindrance(&self, ssid: &str) -> Option<String> {
        Some(match self {
            Look::Fits { .. } | Look::NotLooked(_) => return None,
            Look::Unheard => {
                format!("network {ssid} is not heard here: is its name right, and is it hidden?")
            }
            Look::Band(mhz) => {
                format!("network {ssid} is heard at {mhz} MHz only; the drone joins at 2.4 GHz")
            }
            Look::Cipher(cipher) => format!(
                "network {ssid} is {cipher}; the drone joins by WPA2 with a password (PSK and CCMP)"
            ),
        })
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Look::Fits { mhz, dbm } => {
                write!(f, "{mhz} MHz")?;
                dbm.map_or(Ok(()), |dbm| write!(f, ", {dbm} dBm"))
            }
            Look::NotLooked(why) => write!(
                f,
                "nobody could look for it ({why}). The drone needs 2.4 GHz and WPA2 with a password (PSK)"
            ),
            Look::Unheard => f.write_str("not heard"),
            Look::Band(mhz) => write!(f, "{mhz} MHz only"),
            Look::Cipher(cipher) => f.write_str(cipher),
        }
    }
}

/// Most networks that are named: more than anybody chooses from.
const MAX_NAMED: usize = 64;

/// The networks that are heard by `interface`, each by its name and as a drone would find
/// it, the best first; or why nobody could look.
pub(crate) async fn survey(interface: &str) -> Result<Vec<(String, Look)>, String> {
    let heard = scanned(interface).await?;
    Ok(named(&heard))
}

fn named(heard: &[Heard]) -> Vec<(String, Look)> {
    let mut names: Vec<&[u8]> = heard.iter().map(|one| one.ssid.as_slice()).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    let named = names.into_iter().filter_map(|name| {
        let name = std::str::from_utf8(name).ok()?;
        Some((name.to_owned(), judge(heard, name)))
    });
    let mut named: Vec<_> = named.collect();
    let strength = |look: &Look| match look {
        Look::Fits { dbm, .. } => (0, std::cmp::Reverse(*dbm)),
        _ => (1, std::cmp::Reverse(None)),
    };
    named.sort_by_key(|(_, look)| strength(look));
    named.truncate(MAX_NAMED);
    named
}

/// Looks for `ssid` by `interface`.
pub(crate) async fn look(interface: &str, ssid: &str) -> Look {
    match scanned(interface).await {
        Ok(heard) => judge(&heard, ssid),
        Err(why) => Look::NotLooked(why),
    }
}

async fn scanned(interface: &str) -> Result<Vec<Heard>, String> {
    let mut why = "`iw` hears no network at all".to_owned();
    // What the adapter heard lately needs no permission, and is better than nothing.
    for scan in [&["scan"] as &[&str], &["scan", "dump"]] {
        match iw(&[&["dev", interface], scan].concat()).await {
            Ok(text) => match heard(&text) {
                heard if heard.is_empty() => {}
                heard => return Ok(heard),
            },
            Err(complaint) => why = complaint,
        }
    }
    Err(why)
}

async fn iw(arguments: &[&str]) -> Result<String, String> {
    for program in PROGRAMS {
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = match timeout(WITHIN, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(_)) => continue,
            Err(_) => return Err("`iw` did not end".to_owned()),
        };
        let complaint = String::from_utf8_lossy(&output.stderr);
        return match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("`iw` says: {}", complaint.trim())),
        };
    }
    Err("there is no `iw`".to_owned())
}

/// One access point, as `iw` writes it; what it does not say is absent, and never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Heard {
    /// Any bytes; none of a network that hides its name.
    ssid: Vec<u8>,
    mhz: Option<u32>,
    dbm: Option<i32>,
    /// Whether it says that it encrypts, and whether it says how (WPA).
    is_private: bool,
    has_security: bool,
    /// Ways to join it, and ciphers, in `iw`'s words.
    suites: Vec<String>,
    ciphers: Vec<String>,
}

impl Heard {
    /// Takes one line of it, without the tab before it.
    fn take(&mut self, line: &str) {
        let words = |rest: &str| rest.split_whitespace().map(str::to_owned).collect();
        // (`45/100` and what else is no number of dBm stays absent; newer ones write `2437.0`.)
        let number = |rest: &str| rest.split_whitespace().next()?.parse::<f64>().ok();
        if let Some(rest) = line.strip_prefix("freq:") {
            self.mhz = number(rest).map(|mhz| mhz as u32);
        } else if let Some(rest) = line.strip_prefix("signal:") {
            self.dbm = number(rest).map(|dbm| dbm as i32);
        } else if let Some(rest) = line.strip_prefix("capability:") {
            self.is_private = rest.split_whitespace().any(|word| word == "Privacy");
        } else if let Some(rest) = line.strip_prefix("SSID:") {
            let name = unescaped(rest.strip_prefix(' ').unwrap_or(rest));
            // A beacon that hides it may follow an answer that does not.
            if name.iter().any(|byte| *byte != 0) {
                self.ssid = name;
            }
        } else if self.has_security {
            let rest = line.trim_start_matches([' ', '\t', '*']);
            if let Some(suites) = rest.strip_prefix("Authentication suites:") {
                self.suites.extend::<Vec<String>>(words(suites));
            } else if let Some(ciphers) = rest.strip_prefix("Pairwise ciphers:") {
                self.ciphers.extend::<Vec<String>>(words(ciphers));
            }
        }
    }
}

/// The access points of `iw dev … scan`. What is not known is passed over.
fn heard(text: &str) -> Vec<Heard> {
    let mut all: Vec<Heard> = Vec::new();
    let mut of_security = false;
    for line in text.lines() {
        if line.starts_with("BSS ") {
            all.push(Heard::default());
            of_security = false;
            continue;
        }
        let (Some(one), Some(line)) = (all.last_mut(), line.strip_prefix('\t')) else {
            continue;
        };
        let is_part = line.starts_with([' ', '\t']);
        if !is_part {
            of_security = line.starts_with("RSN:") || line.starts_with("WPA:");
            one.has_security |= of_security;
        }
        // (Other elements have parts of the same names.)
        if !is_part || of_security {
            one.take(line);
        }
    }
    all
}

/// A name as it is: `iw` writes what is no printable character, a space at an end and a
/// backslash as `\xHH`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = rest
            .strip_prefix(br"\x")
            .and_then(|hex| std::str::from_utf8(hex.get(..2)?).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                name.push(escaped);
                rest = &rest[4..];
            }
            None => {
                name.push(byte);
                rest = after;
            }
        }
    }
    name
}

/// What that says of the network of that name: the best of its access points counts.
fn judge(heard: &[Heard], ssid: &str) -> Look {
    let is_named = |one: &&Heard| one.ssid == ssid.as_bytes();
    let named: Vec<&Heard> = heard.iter().filter(is_named).collect();
    let on_band = |one: &&&Heard| one.mhz.is_some_and(|mhz| BAND_MHZ.contains(&mhz));
    let joins = |one: &&&Heard| {
        let knows = |words: &[String], known: &[&str]| {
            words.iter().any(|word| known.contains(&word.as_str()))
        };
        knows(&one.suites, &["PSK"]) && knows(&one.ciphers, &["CCMP", "TKIP"])
    };
    let best = named.iter().filter(on_band).filter(joins);
    if let Some((mhz, dbm)) = best
        .map(|one| (one.mhz, one.dbm))
        .max_by_key(|(_, dbm)| *dbm)
    {
        return Look::Fits {
            mhz: mhz.unwrap_or_default(),
            dbm,
        };
    }
    match (named.iter().find(on_band), named.first()) {
        (Some(one), _) => Look::Cipher(cipher(one)),
        (None, Some(one)) => match one.mhz {
            Some(mhz) => Look::Band(mhz),
            None => Look::NotLooked("`iw` does not say on which channel it is".to_owned()),
        },
        (None, None) => Look::Unheard,
    }
}

/// How a network is joined that the drone does not know how to join.
fn cipher(one: &Heard) -> String {
    match (one.has_security, one.is_private) {
        (false, false) => "open".to_owned(),
        (false, true) => "of WEP, or of a kind that it does not say".to_owned(),
        // What an access point leaves out is this (IEEE 802.11).
        _ if one.suites.is_empty() => "IEEE 802.1X".to_owned(),
        _ => format!("{}, {}", one.suites.join(" "), one.ciphers.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the format of iw 5.19: a site on both bands, one of WPA3 alone, one open, one of
    /// a company with certificates.
    const SCAN: &str = "BSS 02:00:00:00:01:00(on wlan1)
\tTSF: 1 usec (0d, 00:00:00)
\tfreq: 2437
\tbeacon interval: 100 TUs
\tcapability: ESS Privacy ShortSlotTime (0x0411)
\tsignal: -71.00 dBm
\tSSID: site
\tRSN:\t * Version: 1
\t\t * Group cipher: TKIP
\t\t * Pairwise ciphers: CCMP TKIP
\t\t * Authentication suites: PSK SAE
\t\t * Capabilities: 1-PTKSA-RC (0x0000)
\tHT capabilities:
\t\tCapabilities: 0x1ad
BSS 02:00:00:00:01:01(on wlan1) -- associated
\tfreq: 5180.0
\tsignal: -40.00 dBm
\tSSID: site
\tRSN:\t * Version: 1
\t\t * Pairwise ciphers: CCMP
\t\t * Authentication suites: PSK
BSS 02:00:00:00:02:00(on wlan1)
\tfreq: 2412
\tsignal: -50.00 dBm
\tSSID: new
\tRSN:\t * Version: 1
\t\t * Pairwise ciphers: CCMP
\t\t * Authentication suites: SAE
BSS 02:00:00:00:03:00(on wlan1)
\tfreq: 2412
\tcapability: ESS ShortSlotTime (0x0401)
\tsignal: -50.00 dBm
\tSSID: guests
BSS 02:00:00:00:04:00(on wlan1)
\tfreq: 5200
\tsignal: -50.00 dBm
\tSSID: fast
\tRSN:\t * Version: 1
\t\t * Pairwise ciphers: CCMP
\t\t * Authentication suites: PSK
";

    #[test]
    fn a_network_fits_by_name_band_and_cipher() {
        let heard = heard(SCAN);
        assert_eq!(heard.len(), 5);
        let look = |ssid| judge(&heard, ssid);
        let fits = Look::Fits {
            mhz: 2437,
            dbm: Some(-71),
        };
        assert_eq!(look("site"), fits, "the one that the drone can hear");
        assert_eq!(look("new"), Look::Cipher("SAE, CCMP".into()));
        assert_eq!(look("guests"), Look::Cipher("open".into()));
        assert_eq!(look("fast"), Look::Band(5200));
        assert_eq!(look("away"), Look::Unheard);
        let names: Vec<String> = named(&heard).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["site", "fast", "guests", "new"],
            "each once, what fits first"
        );
        assert!(super::heard("rubbish\n\tSSID: x\n").is_empty());
    }

    /// Networks as drivers and access points write them that leave things out.
    const SPARSE: &str = "BSS 02:00:00:00:05:00(on wlan1)
\tlast seen: 710.456s [boottime]
\tfreq: 2412
\tcapability: ESS Privacy ShortPreamble (0x0431)
\tsignal: 45/100
\tlast seen: 0 ms ago
\tInformation elements from Probe response frame:
\tSSID: back\\x5cslash\\x20
\tRSN:\t * Version: 1
\t\t * Group cipher: CCMP
\t\t * Pairwise ciphers: CCMP
\t\t * Authentication suites: PSK
\tBSS Load:
\t\t * station count: 0
\tInformation elements from Beacon frame:
\tSSID: \\x00\\x00\\x00
BSS 02:00:00:00:05:01(on wlan1)
\tfreq: 2417
\tcapability: ESS Privacy (0x0011)
\tSSID: old
BSS 02:00:00:00:05:02(on wlan1)
\tfreq: 2422
\tSSID: company
\tRSN:\t * Version: 1
\t\t * Group cipher: CCMP
\t\t * Pairwise ciphers: CCMP
BSS 02:00:00:00:05:03(on wlan1)
\tSSID: nowhere
BSS 02:00:00:00:05:04(on wlan1)
\tfreq: 2412
\tsignal: -30.00 dBm
\tSSID:
\tWPS:\t * Version: 1.0
\t\t * Authentication suites: PSK
BSS 02:00:00:00:05:05(on wlan1)
\tfreq: 2412
\tcapability: ESS Privacy (0x0011)
\tSSID: aged
\tWPA:\t * Version: 1
\t\t * Group cipher: TKIP
\t\t * Pairwise ciphers: TKIP
\t\t * Authentication suites: PSK
BSS 02:00:00:00:05:06(on wlan1)
\tfreq: 2412
\tSSID: young
\tRSN:\t * Version: 1
\t\t * Pairwise ciphers: CCMP
\t\t * Authentication suites: SAE
\tWPS:\t * Version: 1.0
\t\t * Authentication suites: PSK
BSS 02:00:00:00:05:07(on wlan1)
\tfreq: 2412
\tSSID: half\\x00hidden
\tRSN:\t * Version: 1
\t\t * Pairwise ciphers: CCMP
\t\t * Authentication suites: PSK
";

    #[test]
    fn what_is_not_said_is_absent_and_names_are_what_they_are() {
        let heard = heard(SPARSE);
        let look = |ssid| judge(&heard, ssid);
        let fits = Look::Fits {
            mhz: 2412,
            dbm: None,
        };
        assert_eq!(
            look("back\\slash "),
            fits,
            "a hidden beacon takes no name away"
        );
        assert!(matches!(look("old"), Look::Cipher(how) if how.contains("WEP")));
        assert_eq!(look("company"), Look::Cipher("IEEE 802.1X".into()));
        assert!(matches!(look("nowhere"), Look::NotLooked(why) if why.contains("channel")));
        assert_eq!(
            look(""),
            Look::Cipher("open".into()),
            "the parts of WPS are none of its"
        );
        assert_eq!(look("away"), Look::Unheard);
        assert_eq!(look("aged"), fits, "WPA alone, with TKIP");
        assert_eq!(
            look("young"),
            Look::Cipher("SAE, CCMP".into()),
            "WPS is no way in"
        );
        assert_eq!(look("half\0hidden"), fits, "any byte may stand in a name");
        assert!(named(&heard).iter().all(|(name, _)| !name.is_empty()));
        // What is heard with a strength is better than what is heard without.
        let twice = super::heard(&format!(
            "{SPARSE}{}",
            SPARSE
                .replace("45/100", "-80.00 dBm")
                .replace("2412", "2462")
        ));
        let fits = Look::Fits {
            mhz: 2462,
            dbm: Some(-80),
        };
        assert_eq!(judge(&twice, "back\\slash "), fits);
        assert!(super::heard("").is_empty());
        for text in ["", "plain", r"\x4", r"\xzz", r"a\x41b"] {
            let plain = unescaped(text);
            let wanted = text.replace(r"\x41", "A");
            assert_eq!(plain, wanted.as_bytes(), "{text}");
        }
    }

    #[tokio::test]
    async fn who_cannot_look_says_so() {
        let said = look("nowhere0", "site").await;
        assert!(
            matches!(&said, Look::NotLooked(why) if why.contains("iw")),
            "{said:?}"
        );
    }
}
