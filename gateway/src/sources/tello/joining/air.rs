//! What is heard of the network that a drone is to join: whether it is there, on a band the
//! drone has, and with a cipher it knows. By `iw`, on the adapter beside the drone: it hears
//! what the drone will hear. It must never keep anybody from joining because it cannot look.

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
        /// How well it is heard, in dBm.
        dbm: i32,
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

/// Looks for `ssid` by `interface`.
pub(crate) async fn look(interface: &str, ssid: &str) -> Look {
    let mut why = "there is no `iw`".to_owned();
    // What the adapter heard lately needs no permission, and is better than nothing.
    for scan in [&["scan"] as &[&str], &["scan", "dump"]] {
        match iw(&[&["dev", interface], scan].concat()).await {
            Ok(text) if text.contains("BSS ") => return judge(&heard(&text), ssid),
            Ok(_) => {}
            Err(complaint) => why = complaint,
        }
    }
    Look::NotLooked(why)
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

/// One access point, as `iw` writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Heard {
    ssid: String,
    mhz: u32,
    dbm: i32,
    /// Ways to join it, and ciphers, in `iw`'s words.
    suites: Vec<String>,
    ciphers: Vec<String>,
}

/// The access points of `iw dev … scan`. What is not known is passed over.
fn heard(text: &str) -> Vec<Heard> {
    let mut all: Vec<Heard> = Vec::new();
    let mut of_security = false;
    for line in text.lines() {
        if line.starts_with("BSS ") {
            all.push(Heard::default());
            continue;
        }
        let (Some(one), Some(line)) = (all.last_mut(), line.strip_prefix('\t')) else {
            continue;
        };
        let words = |rest: &str| rest.split_whitespace().map(str::to_owned).collect();
        if !line.starts_with([' ', '\t']) {
            of_security = line.starts_with("RSN:") || line.starts_with("WPA:");
        }
        let number = |rest: &str| rest.split_whitespace().next()?.parse::<f64>().ok();
        if let Some(rest) = line.strip_prefix("freq:") {
            one.mhz = number(rest).unwrap_or_default() as u32;
        } else if let Some(rest) = line.strip_prefix("signal:") {
            one.dbm = number(rest).unwrap_or_default() as i32;
        } else if let Some(rest) = line.strip_prefix("SSID:") {
            one.ssid = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        } else if of_security {
            let rest = line.trim_start_matches([' ', '\t', '*']);
            if let Some(suites) = rest.strip_prefix("Authentication suites:") {
                one.suites.extend::<Vec<String>>(words(suites));
            } else if let Some(ciphers) = rest.strip_prefix("Pairwise ciphers:") {
                one.ciphers.extend::<Vec<String>>(words(ciphers));
            }
        }
    }
    all
}

/// What that says of the network of that name: the best of its access points counts.
fn judge(heard: &[Heard], ssid: &str) -> Look {
    let named: Vec<&Heard> = heard.iter().filter(|one| one.ssid == ssid).collect();
    let on_band = |one: &&&Heard| BAND_MHZ.contains(&one.mhz);
    let joins = |one: &&&Heard| {
        let knows = |words: &[String], known: &[&str]| {
            words.iter().any(|word| known.contains(&word.as_str()))
        };
        knows(&one.suites, &["PSK"]) && knows(&one.ciphers, &["CCMP", "TKIP"])
    };
    let best = named.iter().filter(on_band).filter(joins);
    if let Some(best) = best.max_by_key(|one| one.dbm) {
        return Look::Fits {
            mhz: best.mhz,
            dbm: best.dbm,
        };
    }
    match (named.iter().find(on_band), named.first()) {
        (Some(one), _) if one.suites.is_empty() => Look::Cipher("open".to_owned()),
        (Some(one), _) => {
            let (suites, ciphers) = (one.suites.join(" "), one.ciphers.join(" "));
            Look::Cipher(format!("{suites}, {ciphers}"))
        }
        (None, Some(one)) => Look::Band(one.mhz),
        (None, None) => Look::Unheard,
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
            dbm: -71,
        };
        assert_eq!(look("site"), fits, "the one that the drone can hear");
        assert_eq!(look("new"), Look::Cipher("SAE, CCMP".into()));
        assert_eq!(look("guests"), Look::Cipher("open".into()));
        assert_eq!(look("fast"), Look::Band(5200));
        assert_eq!(look("away"), Look::Unheard);
        assert!(super::heard("rubbish\n\tSSID: x\n").is_empty());
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
