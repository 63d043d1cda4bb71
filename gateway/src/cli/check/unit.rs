//! What the packaged service may not, and `check` may: its firewall keeps it from what is
//! configured, and root reads what its user cannot.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use ipnet::IpNet;

use super::{Finding, Severity, finding};
use crate::cli::firewall;
use crate::config::Config;

/// The service of the package.
const UNIT: &str = "mfg-drone-gateway.service";

/// A finding for each host that is out of the unit's reach.
pub(super) fn look(config: &Config, findings: &mut Vec<Finding>) {
    let Some(allowed) = allowed() else { return };
    for (name, host) in firewall::places(config).unwrap_or_default() {
        // One that cannot be resolved now is told as that.
        let Ok(addresses) = (host.as_str(), 0).to_socket_addrs() else {
            continue;
        };
        let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
        if stands_in_the_way(&allowed, &addresses) {
            let text = format!(
                "the service's firewall lets it reach private networks only, and {host} is none; \
                 `sudo mfg-drone-gateway firewall write` opens it"
            );
            findings.push(finding(Severity::Error, &name, text));
        }
    }
}

/// A finding where root judges for another user: whom the state directory belongs to.
pub(super) fn by_root(config: &Config) -> Option<Finding> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let owner = fs::metadata(crate::cli::state_dir(config)).ok()?.uid();
    (owner != 0).then(|| {
        let text = format!(
            "run by root, who may read what the service may not; `sudo -u '#{owner}' mfg-drone-gateway check` \
             judges as the service does"
        );
        finding(Severity::Warning, "user", text)
    })
}

/// The networks that the installed service may reach; none where there is no such service,
/// or it may reach all.
fn allowed() -> Option<Vec<IpNet>> {
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["show", UNIT, "--property=IPAddressAllow,IPAddressDeny"]);
    let shown = systemctl.stderr(Stdio::null()).output().ok()?;
    parse(&String::from_utf8_lossy(&shown.stdout))
}

/// What `systemctl show` says: `IPAddressDeny=0.0.0.0/0 ::/0`.
fn parse(shown: &str) -> Option<Vec<IpNet>> {
    let networks = |property: &str| -> Vec<IpNet> {
        let lines = shown.lines();
        let values = lines.filter_map(|line| line.strip_prefix(property)?.strip_prefix('='));
        let words = values.flat_map(str::split_whitespace);
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let denies_all = networks("IPAddressDeny")
        .iter()
        .any(|net| net.prefix_len() == 0);
    denies_all.then(|| networks("IPAddressAllow"))
}

fn stands_in_the_way(allowed: &[IpNet], addresses: &[IpAddr]) -> bool {
    let reaches = |address: &IpAddr| allowed.iter().any(|net| net.contains(address));
    !addresses.is_empty() && !addresses.iter().any(reaches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_s_own_words_are_understood() {
        let closed =
            "IPAddressAllow=127.0.0.0/8 10.0.0.0/8 ::1/128\nIPAddressDeny=::/0 0.0.0.0/0\n";
        let allowed = parse(closed).expect("it denies");
        let stands =
            |address: &str| stands_in_the_way(&allowed, &[address.parse().expect("an address")]);
        assert!(stands("203.0.113.7") && stands("2001:db8::1"));
        assert!(!stands("10.1.2.3") && !stands("::1"));
        // Not installed, or opened by an administrator.
        assert_eq!(parse("IPAddressAllow=\nIPAddressDeny=\n"), None);
        assert_eq!(parse(""), None);
        let opened = parse("IPAddressAllow=::/0 0.0.0.0/0\nIPAddressDeny=::/0 0.0.0.0/0\n");
        let anywhere = ["203.0.113.7".parse().expect("an address")];
        assert!(!stands_in_the_way(&opened.expect("it denies"), &anywhere));
        assert!(!stands_in_the_way(&allowed, &[]), "not resolved");
    }
}
