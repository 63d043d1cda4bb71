//! `/api/drones/{drone_id}/join`: a drone leaves its own network for the site's, as
//! `drones join` of the command line has it, for whoever administers the gateway.
//!
//! In the same order: interface, drone, network, and only then the word that holds the
//! secret. The password is in the body of one request, goes to the drone, and is kept,
//! logged, recorded and answered nowhere; what is wrong with it is said without it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tello::ACCESS_POINT_ADDRESS;
use tello::join::Network;
use utoipa::ToSchema;

use crate::config::Range;
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, get, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::http::state::App;
use crate::routes::drone_call::{ID, ONE, audit, drone};
use crate::sources::tello::{
    JOIN_RESET, JoinStage, Look, Met, Progress, Talk, find_by_serial, joined_table, leading_to,
    look_for_network, networks_beside, networks_heard, refusal_to, somebody_flies,
};
use crate::sources::vehicles::{DroneView, Phase};

/// How long a drone that was told is looked for, as by the command line.
const LOOK_FOR: Duration = Duration::from_secs(90);

const INTERFACE: Param = Param::optional(
    Location::Body,
    "interface",
    Kind::Text,
    "Adapter that is in the drone's own network; by default the one by which the drone is reached",
);
const SSID: Param = Param::required(
    Location::Body,
    "ssid",
    Kind::Text,
    "Name of the network that it is to join: one word of ASCII",
);
const PASSWORD: Param = Param::required(
    Location::Body,
    "password",
    Kind::Text,
    "Its password: one word of ASCII, 8 to 63 characters. It is told to the drone and kept nowhere",
);
const NETWORK: Param = Param::optional(
    Location::Body,
    "network",
    Kind::Text,
    "Where to look for it afterwards, as 192.168.1.0/24; by default `drones.scan_ranges`, or the board's other \
     networks",
);
const ANYWAY: Param = Param::optional(
    Location::Body,
    "anyway",
    Kind::Flag,
    "Go on although the network is not heard, or does not look as if the drone could join",
);

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/drones/{drone_id}/join",
        ADMIN,
        progress,
        Gives::Json(of::<JoinProgress>()),
    )
    .about(
        "drones",
        "Get what came of having the drone join the site's network, and how to undo it",
    )
    .takes(ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/join/look",
        ADMIN,
        look,
        Gives::Json(of::<JoinLook>()),
    )
    .about(
        "drones",
        "Ask a drone in its own network whether it can join another, and look which are heard there",
    )
    .takes(&[ID, INTERFACE])
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/join",
        ADMIN,
        join,
        Gives::Json(of::<JoinProgress>()),
    )
    .about(
        "drones",
        "Have the drone (SDK 2.0 and later, on the floor) leave its own network for the site's; how to undo it is in \
         the answer of `/join/look`",
    )
    .takes(&[ID, INTERFACE, SSID, PASSWORD, NETWORK, ANYWAY])
    .may_conflict(),
];

/// Answer of `/join/look`.
#[derive(Serialize, ToSchema)]
pub(crate) struct JoinLook {
    /// Id of the drone.
    drone_id: String,
    /// As it says it.
    serial_number: String,
    /// As it says it: `20`, `30`.
    sdk: String,
    /// By which it is told.
    interface: String,
    /// What is heard there, what it can join first.
    networks: Vec<HeardNetwork>,
    /// Why nobody could look; null when somebody did.
    not_looked: Option<String>,
    /// How it gets its own network back.
    reset: &'static str,
}

/// A network that is heard.
#[derive(Serialize, ToSchema)]
struct HeardNetwork {
    /// Its name.
    ssid: String,
    /// Its channel; null where that is not known, or does not matter.
    mhz: Option<u32>,
    /// How well it is heard; null as its channel.
    dbm: Option<i32>,
    /// Why the drone cannot join it: `band`, `cipher` or `name`; null: it can.
    unfit: Option<&'static str>,
    /// How it is joined, where that is why.
    cipher: Option<String>,
}

/// Answer of the others: what came of it so far.
#[derive(Serialize, ToSchema)]
pub(crate) struct JoinProgress {
    /// Id of the drone.
    drone_id: String,
    /// `none`, `telling`, `searching`, `found`, `lost` or `refused`.
    stage: &'static str,
    /// For people.
    message: String,
    timestamp: Ts,
    /// Name of the network.
    ssid: Option<String>,
    /// Its serial number, once it said it.
    serial_number: Option<String>,
    /// Where it is in the site's network.
    address: Option<String>,
    /// What its table in the configuration has to be from now on.
    table: Option<String>,
    /// How it gets its own network back.
    reset: &'static str,
}

impl JoinProgress {
    fn of(id: &str, progress: Option<Progress>) -> JoinProgress {
        let mut shown = JoinProgress {
            drone_id: id.to_owned(),
            stage: "none",
            message: format!("Drone {id} was not told to join a network"),
            timestamp: Ts::now(),
            ssid: None,
            serial_number: None,
            address: None,
            table: None,
            reset: JOIN_RESET,
        };
        let Some(progress) = progress else {
            return shown;
        };
        let ssid = &progress.ssid;
        (shown.stage, shown.message) = match &progress.stage {
            JoinStage::Telling => ("telling", format!("Drone {id} is asked and told")),
            JoinStage::Searching => (
                "searching",
                format!(
                    "Drone {id} was told to join {ssid}; it is looked for by its serial number"
                ),
            ),
            JoinStage::Found(address, interface) => (
                "found",
                format!(
                    "Drone {id} is at {address} by {interface}: its table in the configuration needs that \
                     address, its serial number and no interface; then restart the gateway. Have the \
                     site's router give it that address always"
                ),
            ),
            JoinStage::Lost => (
                "lost",
                format!(
                    "Drone {id} was not found within {} s. Is the board in the network {ssid}?",
                    LOOK_FOR.as_secs()
                ),
            ),
            JoinStage::Refused(why) => ("refused", format!("Drone {id} was not told: {why}")),
        };
        if let (JoinStage::Found(address, _), Some(serial)) = (&progress.stage, &progress.serial) {
            shown.address = Some(address.to_string());
            shown.table = Some(joined_table(id, *address, serial));
        }
        (shown.ssid, shown.serial_number) = (Some(progress.ssid), progress.serial);
        shown
    }
}

/// 409 `CANNOT_JOIN`, and why.
fn cannot(why: impl std::fmt::Display) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "CANNOT_JOIN", why.to_string())
}

/// `GET /api/drones/{drone_id}/join`
fn progress(call: &mut Call) -> Answer {
    let id = drone(call)?.id;
    let newest = call.app.edge.joining.of(&id);
    Ok(respond::json(&JoinProgress::of(&id, newest)))
}

/// A drone that may be asked, and by which way.
struct Way {
    drone: Arc<str>,
    interface: String,
    to: SocketAddr,
    bind: IpAddr,
}

/// The way to the drone of `call`.
///
/// # Errors
/// Nothing may be told there, or now.
fn way(call: &mut Call) -> Result<Way, ApiError> {
    let given = call.inputs.text(&INTERFACE);
    call.inputs.finish()?;
    let drone = drone(call)?;
    rests(&call.app, &drone)?;
    let address = match drone.address {
        Some(IpAddr::V4(address)) => address,
        None => ACCESS_POINT_ADDRESS,
        Some(IpAddr::V6(_)) => return Err(cannot("a drone's own network has no IPv6")),
    };
    let own = || drone.interface.as_deref().map(str::to_owned);
    let interface = given.or_else(own).or_else(|| leading_to(address));
    let Some(interface) = interface else {
        return Err(cannot("no interface leads to it: name one"));
    };
    if let Some(why) = refusal_to(&interface, Some(call.client)) {
        return Err(cannot(why));
    }
    let drones = &call.config.drones;
    Ok(Way {
        drone: drone.id,
        interface,
        to: SocketAddr::new(address.into(), drones.command_port),
        bind: drones.bind,
    })
}

/// That nobody flies, and this one lies on the ground for all that is known.
fn rests(app: &App, drone: &DroneView) -> Result<(), ApiError> {
    if drone.simulated {
        let own = "it is a simulated one of this gateway: it has no network to leave";
        return Err(cannot(own));
    }
    if drone.airborne || drone.flight.phase == Phase::Idling {
        return Err(cannot("it is not on the ground: land it first"));
    }
    nobody_flies(app)
}

/// Nobody is told or searched for while a drone may be in the air.
fn nobody_flies(app: &App) -> Result<(), ApiError> {
    let shown = app.vehicles.views().into_iter();
    let flies = shown.filter(|drone| drone.airborne).map(|drone| drone.id);
    let kept = || somebody_flies(&app.config.load().storage.dir);
    match flies.into_iter().next().or_else(kept) {
        Some(drone) => Err(cannot(format!("{drone} may be in the air: land it first"))),
        None => Ok(()),
    }
}

/// Asks the drone who it is, and whether it rests.
async fn met(way: &Way) -> Result<(Talk, Met), ApiError> {
    let interface = &way.interface;
    let talk = Talk::open(way.bind, interface, way.to);
    let talk = talk.map_err(|why| cannot(format!("{interface} cannot be used: {why}")))?;
    let who = talk.meet().await.map_err(cannot)?;
    talk.rests().await.map_err(cannot)?;
    Ok((talk, who))
}

/// `POST /api/drones/{drone_id}/join/look`
fn look(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let way = way(&mut call)?;
        let (_, who) = met(&way).await?;
        let (heard, not_looked) = match networks_heard(&way.interface).await {
            Ok(heard) => (heard, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let networks = heard
            .into_iter()
            .map(|(ssid, look)| heard_network(ssid, look));
        Ok(respond::json(&JoinLook {
            drone_id: way.drone.to_string(),
            serial_number: who.serial,
            sdk: who.sdk,
            interface: way.interface,
            networks: networks.collect(),
            not_looked,
            reset: JOIN_RESET,
        }))
    })
}

fn heard_network(ssid: String, look: Look) -> HeardNetwork {
    // (The password stands for one that could be told.)
    let is_word = Network::new(&ssid, "12345678").is_ok();
    let mut network = HeardNetwork {
        ssid,
        mhz: None,
        dbm: None,
        unfit: (!is_word).then_some("name"),
        cipher: None,
    };
    match look {
        Look::Fits { mhz, dbm } => (network.mhz, network.dbm) = (Some(mhz), dbm),
        Look::Band(mhz) => (network.mhz, network.unfit) = (Some(mhz), Some("band")),
        Look::Cipher(cipher) => (network.cipher, network.unfit) = (Some(cipher), Some("cipher")),
        // (Of one that is heard nobody says this but that its channel is not said.)
        Look::Unheard | Look::NotLooked(_) => {}
    }
    network
}

/// The network that a body names. What is wrong with its password is said without it.
fn network(call: &Call) -> Result<Network, ApiError> {
    let text = |param: &Param| call.inputs.body().get(param.name).and_then(Value::as_str);
    Network::new(
        text(&SSID).unwrap_or_default(),
        text(&PASSWORD).unwrap_or_default(),
    )
    .map_err(|why| ApiError::invalid(why.to_string()))
}

/// Where to look for it.
fn ranges(call: &mut Call, interface: &str) -> Result<Vec<Range>, ApiError> {
    let given = call.inputs.text(&NETWORK);
    call.inputs.finish()?;
    let texts = match given {
        Some(given) => vec![given],
        None => call.config.drones.scan_ranges.clone(),
    };
    let ranges: Result<Vec<Range>, _> = texts.iter().map(|text| Range::parse(text)).collect();
    let ranges = ranges.map_err(|error| ApiError::invalid(error.to_string()))?;
    let ranges = if ranges.is_empty() {
        networks_beside(interface)
    } else {
        ranges
    };
    match ranges.is_empty() {
        true => Err(cannot(
            "the board is in no other network of /24 or smaller: name the site's with `network`, or set \
             drones.scan_ranges",
        )),
        false => Ok(ranges),
    }
}

/// `POST /api/drones/{drone_id}/join`
fn join(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let network = network(&call)?;
        let anyway = call.inputs.flag(&ANYWAY).unwrap_or(false);
        let way = way(&mut call)?;
        let ranges = ranges(&mut call, &way.interface)?;
        let app = Arc::clone(&call.app);
        let Some(turn) = app.edge.joining.begin(&way.drone, network.ssid()) else {
            return Err(cannot("a drone is being told already: wait for its end"));
        };
        audit(
            &call,
            &format!(
                "to join the network {} by {}",
                network.ssid(),
                way.interface
            ),
        );
        let id = Arc::clone(&way.drone);
        // A task of its own: who hangs up has said it all the same, and its end is kept.
        let told = tokio::spawn(async move {
            let turn = turn;
            match tell(&app, &way, &network, anyway).await {
                Ok(serial) => {
                    app.edge.joining.note(Some(&serial), JoinStage::Searching);
                    let progress = app.edge.joining.of(&way.drone);
                    tokio::spawn(async move {
                        let _turn = turn;
                        search(&app, &way, &ranges, &serial).await;
                    });
                    Ok(progress)
                }
                Err(why) => {
                    let words = why.message().to_owned();
                    app.edge.joining.note(None, JoinStage::Refused(words));
                    Err(why)
                }
            }
        });
        let progress = told.await.map_err(|_| ApiError::internal())??;
        Ok(respond::json(&JoinProgress::of(&id, progress)))
    })
}

/// Tells it, once everything that can be known was looked at; its serial number.
async fn tell(app: &App, way: &Way, network: &Network, anyway: bool) -> Result<String, ApiError> {
    let (talk, who) = met(way).await?;
    let heard = look_for_network(&way.interface, network.ssid()).await;
    if let Some(hindrance) = heard.hindrance(network.ssid()).filter(|_| !anyway) {
        return Err(cannot(hindrance));
    }
    // The survey took seconds.
    nobody_flies(app)?;
    talk.rests().await.map_err(cannot)?;
    talk.tell(network).await.map_err(cannot)?;
    Ok(who.serial)
}

/// Looks for it until it is there, or the gateway stops.
async fn search(app: &App, way: &Way, ranges: &[Range], serial: &str) {
    let config = app.config.load_full();
    let wanted = (serial, way.interface.as_str());
    let found = tokio::select! {
        found = find_by_serial(&config.drones, ranges, wanted, LOOK_FOR) => found,
        () = app.stop.cancelled() => return,
    };
    let stage = found.map_or(JoinStage::Lost, |found| {
        JoinStage::Found(found.address, found.interface)
    });
    tracing::info!(drone = %way.drone, serial, ?stage, "it was told to join a network");
    app.edge.joining.note(Some(serial), stage);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_network_is_shown_with_what_keeps_the_drone_from_it() {
        let fits = Look::Fits {
            mhz: 2437,
            dbm: Some(-60),
        };
        let shown = |ssid: &str, look: &Look| {
            let shown = heard_network(ssid.to_owned(), look.clone());
            (shown.mhz, shown.unfit)
        };
        assert_eq!(shown("site", &fits), (Some(2437), None));
        assert_eq!(shown("two words", &fits), (Some(2437), Some("name")));
        assert_eq!(shown("fast", &Look::Band(5180)), (Some(5180), Some("band")));
        let cipher = Look::Cipher("SAE, CCMP".into());
        assert_eq!(shown("new", &cipher), (None, Some("cipher")));
    }

    #[test]
    fn where_it_was_found_is_its_table() {
        let progress = Progress {
            drone: "d1".into(),
            ssid: "site".into(),
            serial: Some("0TQ1".into()),
            stage: JoinStage::Found(Ipv4Addr::new(10, 0, 0, 7), "eth0".into()),
        };
        let shown = JoinProgress::of("d1", Some(progress.clone()));
        let table = shown.table.expect("found");
        assert!(table.contains("address = \"10.0.0.7\"") && table.contains("serial = \"0TQ1\""));
        let lost = Progress {
            stage: JoinStage::Lost,
            ..progress
        };
        assert_eq!(JoinProgress::of("d1", Some(lost)).table, None);
        assert_eq!(JoinProgress::of("d1", None).stage, "none");
    }
}
