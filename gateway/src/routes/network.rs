//! Contract 10: which real drones are there, and how the search for them goes.
//!
//! Translates; whom a search may ask and how long it takes is decided in the
//! drones' room. The same is said on the WebSocket ([`crate::live::network_messages`]).

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome as Answer};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, WRITE, get, later, now};
use crate::http::scalars::{Ts, round2};
use crate::http::shape::{list_of, of};
use crate::http::state::App;
use crate::routes::drone_call;
use crate::routes::network_views::{ConnectionCheck, DetectedDrone, NetworkStatus};
use crate::sources::tello::{NotAllowed, Searched};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/system/network-status",
        READ,
        status,
        Gives::Json(of::<NetworkStatus>()),
    )
    .about(
        "network",
        "Get the state of the search for drones and what it found",
    ),
    now(Verb::Post, "/api/system/auto-scan/start", WRITE, start_auto)
        .about("network", "Start searching for drones at an interval")
        .takes(AUTO_SCAN),
    now(Verb::Post, "/api/system/auto-scan/stop", WRITE, stop_auto)
        .about("network", "Stop searching for drones at an interval"),
    later(
        Verb::Post,
        "/api/drones/scan",
        WRITE,
        scan,
        Gives::Json(of::<ScanResult>()),
    )
    .about(
        "drones",
        "Search for real drones and list them with the simulated ones",
    ),
    later(
        Verb::Get,
        "/api/drones/detect",
        READ,
        detect,
        Gives::Json(list_of::<DetectedDrone>()),
    )
    .about(
        "network",
        "Search for real drones: with `write` the configured address ranges are asked, else and while a drone may be in the air only those are found that stream",
    )
    .takes(DETECT),
    later(
        Verb::Post,
        "/api/drones/verify-connection",
        WRITE,
        verify,
        Gives::Json(of::<ConnectionCheck>()),
    )
    .about("network", "Check whether a drone answers at an address")
    .takes(VERIFY),
];

/// Seconds of `POST /api/drones/scan`, which must answer within eight.
const SCAN_S: f64 = 4.0;
const TIMEOUT: Param = Param::optional(
    Location::Query,
    "timeout",
    // Contract 10.
    seconds(0.1, 60.0, 5.0),
    "Longest search in seconds",
);
const INTERVAL: Param = Param::optional(
    Location::QueryOrBody,
    "interval_seconds",
    // Contract 10.
    seconds(1.0, 86_400.0, 60.0),
    "Seconds between two searches",
);
const ADDRESS: Param = Param::required(
    Location::QueryOrBody,
    "ip_address",
    Kind::Text,
    "IPv4 address of the drone",
);

/// So many seconds, or `default_s` when the client does not say.
const fn seconds(min: f64, max: f64, default_s: f64) -> Kind {
    Kind::Range {
        min,
        max,
        default: Some(default_s),
    }
}

/// Parameters of `detect`.
pub(crate) const DETECT: &[Param] = &[TIMEOUT];
/// Parameters of `verify-connection`.
pub(crate) const VERIFY: &[Param] = &[ADDRESS];
/// Parameters of `auto-scan/start`.
pub(crate) const AUTO_SCAN: &[Param] = &[INTERVAL];

/// A time of the client's, as `param` describes it; in words what is wrong with it.
fn time(given: Option<f64>, param: &Param) -> Result<Duration, String> {
    let Kind::Range { min, max, default } = param.kind else {
        return Err(format!("{} is not a time", param.name));
    };
    let seconds = given.or(default).unwrap_or(min);
    if !(min..=max).contains(&seconds) {
        return Err(format!("Input should be {min} to {max} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// How long a search may take.
pub(crate) fn timeout(given: Option<f64>) -> Result<Duration, String> {
    time(given, &TIMEOUT)
}

/// The time between two searches.
pub(crate) fn interval(given: Option<f64>) -> Result<Duration, String> {
    time(given, &INTERVAL)
}

fn bad(
    place: &str,
    param: &Param,
    kind: &'static str,
    message: String,
    input: serde_json::Value,
) -> ApiError {
    ApiError::validation(vec![Issue::new(kind, place, param.name, message, input)])
}

/// Who is there: found by asking where `may_ask`, else by their streams alone. `command`
/// to an unknown drone takes it from whoever flies it; that is not for who only looks.
async fn searched(app: &App, may_ask: bool, patience: Duration) -> Searched {
    let discovery = app.fleet.discovery();
    match may_ask {
        true => discovery.detect(patience).await,
        false => {
            let why = "nobody was asked, which needs the permission `write`";
            discovery.heard(why.to_owned())
        }
    }
}

/// Who is there, as the contract lists them.
pub(crate) async fn detected(app: &App, may_ask: bool, patience: Duration) -> Vec<DetectedDrone> {
    searched(app, may_ask, patience)
        .await
        .found
        .iter()
        .map(DetectedDrone::from)
        .collect()
}

/// `GET /api/drones/detect`
pub(crate) fn detect(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let given = call.inputs.number(&TIMEOUT);
        call.inputs.finish()?;
        let patience = timeout(given).map_err(|message| {
            bad(
                "query",
                &TIMEOUT,
                "range",
                message,
                given.unwrap_or_default().into(),
            )
        })?;
        let may_ask = drone_call::may_write(&call);
        Ok(respond::json(&detected(&call.app, may_ask, patience).await))
    })
}

/// Asks one address.
pub(crate) async fn check(app: &App, address: Ipv4Addr) -> Result<ConnectionCheck, NotAllowed> {
    let verification = app.fleet.discovery().verify(address).await?;
    Ok(ConnectionCheck::new(address, verification))
}

/// `POST /api/drones/verify-connection`
pub(crate) fn verify(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let text = call.inputs.text(&ADDRESS);
        call.inputs.finish()?;
        let text = text.unwrap_or_default();
        let address = text.trim().parse::<Ipv4Addr>().map_err(|_| {
            let message = "Input should be an IPv4 address".to_owned();
            bad(
                if call.inputs.has_body() {
                    "body"
                } else {
                    "query"
                },
                &ADDRESS,
                "ip_v4_address",
                message,
                text.clone().into(),
            )
        })?;
        let check = check(&call.app, address).await;
        check
            .map(|check| respond::json(&check))
            .map_err(|error| ApiError::invalid(error.to_string()))
    })
}

/// `GET /api/system/network-status`
pub(crate) fn status(call: &mut Call) -> Answer {
    Ok(respond::json(&NetworkStatus::now(&call.app)))
}

/// Starts searching by itself; in words what was done.
pub(crate) fn begin(app: &App, interval: Duration) -> String {
    let discovery = app.fleet.discovery();
    let was_on = discovery.auto_interval().is_some();
    discovery.start_auto(interval);
    let what = if was_on {
        "Auto scan already running, interval updated"
    } else {
        "Auto scan started"
    };
    format!("{what}: every {} s", interval.as_secs_f64())
}

/// Stops it; in words what was done.
pub(crate) fn end(app: &App) -> &'static str {
    let discovery = app.fleet.discovery();
    let was_on = discovery.auto_interval().is_some();
    discovery.stop_auto();
    if was_on {
        "Auto scan stopped"
    } else {
        "Auto scan was not running"
    }
}

/// `POST /api/system/auto-scan/start`
pub(crate) fn start_auto(call: &mut Call) -> Answer {
    let given = call.inputs.number(&INTERVAL);
    call.inputs.finish()?;
    let place = if call.inputs.has_body() {
        "body"
    } else {
        "query"
    };
    let interval = interval(given).map_err(|message| {
        bad(
            place,
            &INTERVAL,
            "range",
            message,
            given.unwrap_or_default().into(),
        )
    })?;
    Ok(respond::json(&SuccessResponse::new(begin(
        &call.app, interval,
    ))))
}

/// `POST /api/system/auto-scan/stop`
pub(crate) fn stop_auto(call: &mut Call) -> Answer {
    Ok(respond::json(&SuccessResponse::new(end(&call.app))))
}

/// Answer of `POST /api/drones/scan` (contract 11.2).
#[derive(Serialize, ToSchema)]
pub(crate) struct ScanResult {
    /// What came of it, for people.
    message: String,
    /// The same number.
    found: usize,
    /// Drones found.
    count: usize,
    /// Ids of configured drones, addresses of others.
    drones: Vec<String>,
    /// Addresses of real drones.
    detected_drones: Vec<String>,
    /// Seconds.
    scan_duration: f64,
    timestamp: Ts,
    /// The real drones in full.
    detections: Vec<DetectedDrone>,
}

/// `POST /api/drones/scan`: simulated drones that can be had, and real ones that are there.
pub(crate) fn scan(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let searched = searched(&call.app, true, Duration::from_secs_f64(SCAN_S)).await;
        let simulated = call
            .app
            .vehicles
            .views()
            .into_iter()
            .filter(|drone| drone.simulated);
        let mut drones: Vec<String> = simulated.map(|drone| drone.id.to_string()).collect();
        for found in &searched.found {
            let name = found
                .drone
                .as_deref()
                .map_or_else(|| found.address.to_string(), str::to_owned);
            // A stand-in and the real drone it stands for are one.
            if !drones.contains(&name) {
                drones.push(name);
            }
        }
        Ok(respond::json(&ScanResult {
            message: match &searched.withheld {
                None => format!("{} drones found", drones.len()),
                Some(why) => format!("{} drones found; {why}", drones.len()),
            },
            found: drones.len(),
            count: drones.len(),
            drones,
            detected_drones: searched
                .found
                .iter()
                .map(|found| found.address.to_string())
                .collect(),
            scan_duration: round2(searched.took.as_secs_f64()),
            timestamp: Ts::now(),
            detections: searched.found.iter().map(DetectedDrone::from).collect(),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_documented_bounds_and_defaults() {
        let ms = |time: Result<Duration, String>| time.map(|time| time.as_millis());
        assert_eq!(ms(timeout(None)), Ok(5_000));
        assert_eq!(ms(interval(None)), Ok(60_000));
        for (seconds, expected) in [
            (0.1, Some(100)),
            (60.0, Some(60_000)),
            (0.099, None),
            (60.1, None),
        ] {
            assert_eq!(ms(timeout(Some(seconds))).ok(), expected, "{seconds}");
        }
        for (seconds, expected) in [
            (1.0, Some(1_000)),
            (86_400.0, Some(86_400_000)),
            (0.9, None),
            (86_401.0, None),
        ] {
            assert_eq!(ms(interval(Some(seconds))).ok(), expected, "{seconds}");
        }
        let refused = timeout(Some(f64::NAN)).expect_err("no number");
        assert_eq!(refused, "Input should be 0.1 to 60 seconds");
    }
}
