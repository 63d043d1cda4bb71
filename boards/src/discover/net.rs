//! Network interfaces: whether the link is up, and how strong the radio is.
//!
//! On the running machine a radio is asked by nl80211, which every driver of
//! `cfg80211` answers and Wi-Fi 7's too. Where that is not permitted, not told
//! by the driver, or on a tree, the signal is read from `/proc/net/wireless`;
//! kernels without wireless extensions lack the file, and the note says so.

use super::{Draft, Search};
use crate::decode::{Decode, WirelessColumn};
use crate::kernel::{Question, Radio, stations};
use crate::quantity::{Quantity, Role};
use crate::rates::WIRELESS_MS;

const CLASS: &str = "/sys/class/net";
const WIRELESS: &str = "/proc/net/wireless";
const NOT_ASSOCIATED: &str = "not associated: nobody at the other end of the radio";

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
        let draft = Draft::new(
            format!("net:{interface}:up"),
            Quantity::Flag,
            Role::LinkUp,
            Decode::Word("up"),
        )
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
    let has_file = search.tree.exists(WIRELESS);
    if let Some(mut radio) = asked(search, interface)
        // A driver that lists no stations may still fill the file.
        && (radio.tells_stations() || !has_file)
    {
        by_nl80211(search, interface, radio);
    } else if has_file {
        by_file(search, interface);
    } else {
        search.note(format!(
            "{interface}: no {WIRELESS} in this kernel (CONFIG_CFG80211_WEXT), so no signal"
        ));
    }
}

/// The radio, where the kernel may be asked.
fn asked(search: &mut Search, interface: &str) -> Option<Radio> {
    if !search.tree.is_live() {
        return None;
    }
    Radio::open(interface)
        .inspect_err(|error| {
            search.note(format!(
                "{interface}: nl80211: {error}; {WIRELESS} is read instead"
            ))
        })
        .ok()
}

fn by_nl80211(search: &mut Search, interface: &str, radio: Radio) {
    let column = |place, none| Decode::answer(place, 1.0, none);
    // Turns before the interface goes down.
    let associated = Draft::new(
        format!("wifi:{interface}:associated"),
        Quantity::Flag,
        Role::LinkUp,
        column(stations::ASSOCIATED, "no client of an access point now"),
    );
    let drafts = vec![
        associated
            .label(format!("{interface} is associated"))
            .subject(interface),
        signal_draft(interface, column(stations::SIGNAL, NOT_ASSOCIATED)),
        missed_beacons_draft(
            interface,
            column(
                stations::BEACON_LOSSES,
                "nobody to hear beacons from, or the driver does not count",
            ),
        ),
    ];
    search.add_question(
        format!("nl80211 {interface}"),
        Question::Stations(radio),
        WIRELESS_MS,
        drafts,
    );
}

fn by_file(search: &mut Search, interface: &str) {
    let column = |column| Decode::Wireless {
        interface: interface.into(),
        column,
    };
    let drafts = vec![
        signal_draft(interface, column(WirelessColumn::Level)),
        missed_beacons_draft(interface, column(WirelessColumn::MissedBeacons)),
    ];
    search.add(
        WIRELESS.to_owned(),
        format!("wireless {interface}"),
        WIRELESS_MS,
        drafts,
    );
}

fn signal_draft(interface: &str, decode: Decode) -> Draft {
    Draft::new(
        format!("wifi:{interface}:signal"),
        Quantity::Signal,
        Role::WifiSignal,
        decode,
    )
    .label(format!("{interface} received signal"))
    .subject(interface)
}

fn missed_beacons_draft(interface: &str, decode: Decode) -> Draft {
    Draft::new(
        format!("wifi:{interface}:missed-beacons"),
        Quantity::Count,
        Role::WifiMissedBeacons,
        decode,
    )
    .label(format!("{interface} missed beacons"))
    .subject(interface)
}
