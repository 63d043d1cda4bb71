//! Sign-in links over the control socket: for whoever stands at the board.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::{ACTOR, Control, Refusal, refuse};
use access::{LINK_TTL, LinkTo};

/// What a link is to sign in to: a key, or a new one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewLink {
    /// Preview of a key.
    pub(crate) key: Option<String>,
    /// Name of the key that is made when the link is used.
    pub(crate) name: String,
    /// What that key may do.
    pub(crate) permissions: String,
}

/// A link that was made; the only place where its secret is in clear.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MadeLink {
    /// What stands behind `#signin=`.
    pub(crate) secret: String,
    /// Seconds it is good for.
    pub(crate) expires_in_s: u64,
    /// Where the gateway can be reached, as `host:port`, best first: its certificate
    /// is for each of them.
    pub(crate) places: Vec<String>,
}

/// Makes a link.
pub(super) async fn make(
    State(control): State<Arc<Control>>,
    Json(new): Json<NewLink>,
) -> Result<Json<MadeLink>, Refusal> {
    let to = match new.key {
        Some(preview) => LinkTo::Key(preview),
        None => LinkTo::NewKey {
            name: new.name,
            permissions: new.permissions,
            expires_days: None,
        },
    };
    let secret = control.access.link(to, ACTOR).await.map_err(refuse)?;
    let listen = (control.health)().listen;
    let hosts = match listen.ip().is_unspecified() {
        true => reachable((control.names)()),
        false => vec![written(&listen.ip().to_string())],
    };
    let place = |host: String| format!("{host}:{}", listen.port());
    Ok(Json(MadeLink {
        secret: secret.to_string(),
        expires_in_s: LINK_TTL.as_secs(),
        places: hosts.into_iter().map(place).collect(),
    }))
}

/// Those of the certificate's names that a phone on site can reach, best first:
/// addresses of the site, the board's `.local` name, other names, the drones' network.
fn reachable(names: Vec<String>) -> Vec<String> {
    let mut hosts: Vec<(u8, String)> = names
        .into_iter()
        .filter_map(|name| Some((rank(&name)?, written(&name))))
        .collect();
    hosts.sort();
    hosts.into_iter().map(|(_, host)| host).collect()
}

/// None: only this board calls itself so.
fn rank(name: &str) -> Option<u8> {
    match name.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => None,
        // Where a drone is the access point; no phone is in it but by mistake.
        Ok(IpAddr::V4(address)) if address.octets()[..3] == [192, 168, 10] => Some(4),
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => None,
        Ok(IpAddr::V4(_)) => Some(0),
        Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => None,
        Ok(IpAddr::V6(_)) => Some(3),
        Err(_) if name == "localhost" => None,
        Err(_) if name.to_ascii_lowercase().ends_with(".local") => Some(1),
        Err(_) => Some(2),
    }
}

/// As it stands in a URL.
fn written(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_shown_the_address_that_it_can_reach() {
        let names = [
            "localhost",
            "127.0.0.1",
            "fe80::1",
            "192.168.10.2",
            "2001:db8::7",
            "board",
            "board.local",
            "192.168.1.7",
        ];
        let shown = reachable(names.map(str::to_owned).into());
        let expected = [
            "192.168.1.7",
            "board.local",
            "board",
            "[2001:db8::7]",
            "192.168.10.2",
        ];
        assert_eq!(shown, expected);
    }
}
