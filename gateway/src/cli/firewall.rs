//! `firewall`: opens the packaged service's firewall to what is configured.
//!
//! The unit lets the gateway reach private networks only. systemd's firewall goes by
//! address and cannot follow a name such as Slack's, so for a name it has to be opened
//! altogether; the gateway itself then goes only where `notify.allow` and its channels
//! say, by the address that a name has at each connection.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::args::{FirewallArgs, FirewallCommand};
use crate::config::Config;
use crate::outbound::{self, Destination};

/// Where systemd looks for what is added to the unit.
const DROP_INS: &str = "/etc/systemd/system/mfg-drone-gateway.service.d";
/// The file there.
const FILE: &str = "firewall.conf";
/// Where LINE is, as its channel knows.
const LINE: &str = "api.line.me";

pub(super) fn firewall(args: &FirewallArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    let text = drop_in(&places(&config)?);
    match (&args.command, text) {
        (_, None) => {
            println!("what is configured lies in private networks: nothing is to be opened");
            Ok(())
        }
        (FirewallCommand::Show, Some(text)) => {
            print!("{text}");
            Ok(())
        }
        (FirewallCommand::Write { dir }, Some(text)) => {
            let dir = dir.clone().unwrap_or_else(|| PathBuf::from(DROP_INS));
            write(&dir, &text)
        }
    }
}

fn write(dir: &Path, text: &str) -> anyhow::Result<()> {
    let path = dir.join(FILE);
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&path, text))
        .with_context(|| format!("{} cannot be written; run it as root", path.display()))?;
    println!(
        "{}\nIt holds from the next start: systemctl daemon-reload && systemctl restart mfg-drone-gateway",
        path.display()
    );
    Ok(())
}

/// What the gateway goes to by itself, by name, and the hosts.
///
/// # Errors
/// A file with an address cannot be read.
pub(super) fn places(config: &Config) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut add = |name: &str, url: &str| {
        if let Ok(destination) = Destination::parse(url.trim()) {
            found.push((name.to_owned(), destination.host));
        }
    };
    // (Not http, but host and port stand where they do there.)
    let place = |url: &str| Some(format!("https://{}", url.split_once("://")?.1));
    match &config.notify.proxy {
        Some(proxy) => add("proxy", &place(proxy).unwrap_or_default()),
        None => {
            for (name, url) in posts(config)? {
                add(&name, &url);
            }
        }
    }
    for (name, url) in config.notify.beside_http() {
        add(name, &place(url).unwrap_or_default());
    }
    if let Some(url) = &config.mqtt.url {
        add("mqtt", &place(url).unwrap_or_default());
    }
    if let Some(url) = &config.upstream.url {
        add("upstream", url);
    }
    if let Some(url) = &config.logging.syslog {
        add("syslog", &place(url).unwrap_or_default());
    }
    Ok(found)
}

/// Channels over HTTP, by name, and their addresses.
fn posts(config: &Config) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for webhook in &config.notify.webhook {
        found.push((webhook.name.clone(), webhook.url.clone()));
    }
    for (kind, services) in config.notify.services() {
        for service in services {
            let url = outbound::secret("url", service.url.as_deref(), service.url_file.as_deref());
            let url = match url.map_err(anyhow::Error::msg)? {
                Some(url) => String::from_utf8_lossy(&url).into_owned(),
                None if kind == "line" => format!("https://{LINE}"),
                None => continue,
            };
            found.push((service.name.clone(), url));
        }
    }
    Ok(found)
}

/// The lines that open the unit's firewall to these hosts; none where it is open to them.
fn drop_in(places: &[(String, String)]) -> Option<String> {
    let closed: Vec<_> = places.iter().filter(|(_, host)| is_closed(host)).collect();
    if closed.is_empty() {
        return None;
    }
    let mut text =
        "# Written by `mfg-drone-gateway firewall write`, for what is configured:\n".to_owned();
    for (name, host) in &closed {
        let _ = writeln!(text, "#   {name}: {host}");
    }
    let addresses: Option<Vec<IpAddr>> = closed.iter().map(|(_, host)| host.parse().ok()).collect();
    match addresses {
        Some(addresses) => {
            text.push_str("[Service]\n");
            for address in addresses {
                let _ = writeln!(text, "IPAddressAllow={address}");
            }
        }
        None => text.push_str(
            "# A firewall by address cannot follow a name, so this opens it altogether. The gateway\n\
             # goes only where notify.allow and its channels say, judged at each connection; clients\n\
             # from public addresses reach its listener as well, and need a key there.\n\
             [Service]\nIPAddressAllow=any\n",
        ),
    }
    Some(text)
}

/// Whether the packaged unit keeps the gateway from that host. Names on the site's own
/// networks end as these do; of others nobody knows where they lead.
fn is_closed(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => !is_private(address.to_canonical()),
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host != "localhost" && !host.ends_with(".local") && !host.ends_with(".internal")
        }
    }
}

/// The networks that the unit opens.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address == Ipv6Addr::LOCALHOST
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(hosts: &[&str]) -> Option<String> {
        let places = hosts
            .iter()
            .map(|host| ("a".to_owned(), (*host).to_owned()));
        drop_in(&places.collect::<Vec<_>>())
    }

    #[test]
    fn only_what_is_closed_is_opened_and_a_name_opens_all() {
        let private = [
            "192.168.1.7",
            "127.0.0.1",
            "fd00::1",
            "localhost",
            "nas.local",
        ];
        assert_eq!(opened(&private), None);
        let one = opened(&["192.168.1.7", "203.0.113.7"]).expect("opened");
        assert!(
            one.ends_with("[Service]\nIPAddressAllow=203.0.113.7\n"),
            "{one}"
        );
        let named = opened(&["203.0.113.7", "hooks.slack.com"]).expect("opened");
        assert!(
            named.ends_with("[Service]\nIPAddressAllow=any\n"),
            "{named}"
        );
        assert!(named.contains("#   a: hooks.slack.com\n"), "{named}");
    }

    #[test]
    fn what_is_configured_is_found_also_where_its_address_lies_in_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("slack.url");
        std::fs::write(&file, "https://hooks.slack.com/services/T0/B0/X\n").expect("written");
        let text = format!(
            "[[notify.slack]]\nname = \"slack\"\nurl_file = {file:?}\n\
             [[notify.line]]\nname = \"line\"\ntoken = \"t\"\n[upstream]\nurl = \"https://192.168.1.2\"\n\
             [logging]\nsyslog = \"tls://log.example:6514\"\n"
        );
        let config: Config = toml::from_str(&text).expect("sound");
        let found = places(&config).expect("read");
        let hosts: Vec<&str> = found.iter().map(|(_, host)| &**host).collect();
        let wanted = [
            "hooks.slack.com",
            "api.line.me",
            "192.168.1.2",
            "log.example",
        ];
        assert_eq!(hosts, wanted);
    }
}
