//! Network interfaces: whether the link is up, and how strong the radio is.
//!
//! The signal is read from `/proc/net/wireless` rather than by nl80211
//! messages: it is one `pread` without allocation, works on a captured tree,
//! and needs neither an async runtime nor a socket. Kernels without wireless
//! extensions lack the file; the link still shows, and the note says why the
//! signal does not.

use super::{Draft, Search};
use crate::decode::{Decode, WirelessColumn};
use crate::quantity::{Quantity, Role};
use crate::rates::WIRELESS_MS;

const CLASS: &str = "/sys/class/net";
const WIRELESS: &str = "/proc/net/wireless";

pub(super) fn look(search: &mut Search) {
    for interface in search.tree.list(CLASS) {
        let path = format!("{CLASS}/{interface}");
        let radio = ["wireless", "phy80211"].iter().any(|name| {
            let name = format!("{path}/{name}");
            search.tree.exists(&name) || search.tree.link_target(&name).is_some()
        });
        // Bridges, tunnels and containers' ends have no device behind them.
        if !radio && search.tree.link_target(&format!("{path}/device")).is_none() {
            continue;
        }
        let draft = Draft::new(format!("net:{interface}:up"), Quantity::Flag, Role::LinkUp, Decode::Word("up"))
            .label(format!("{interface} is up"))
            .subject(interface.as_str());
        let source = format!("{path}/operstate");
        search.add(source.clone(), source, WIRELESS_MS, vec![draft]);
        if radio {
            signal(search, &interface);
        }
    }
}

fn signal(search: &mut Search, interface: &str) {
    if !search.tree.exists(WIRELESS) {
        search.note(format!("{interface}: no {WIRELESS} in this kernel (CONFIG_CFG80211_WEXT), so no signal"));
        return;
    }
    let column = |column| Decode::Wireless { interface: interface.into(), column };
    let drafts = vec![
        Draft::new(
            format!("wifi:{interface}:signal"),
            Quantity::Signal,
            Role::WifiSignal,
            column(WirelessColumn::Level),
        )
        .label(format!("{interface} received signal"))
        .subject(interface),
        Draft::new(
            format!("wifi:{interface}:missed-beacons"),
            Quantity::Count,
            Role::WifiMissedBeacons,
            column(WirelessColumn::MissedBeacons),
        )
        .label(format!("{interface} missed beacons"))
        .subject(interface),
    ];
    search.add(WIRELESS.to_owned(), format!("wireless {interface}"), WIRELESS_MS, drafts);
}
