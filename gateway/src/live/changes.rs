//! Which drones have changed since a client of `/ws` was last told of them.

use crate::http::state::App;
use crate::live::message::{DRONE_STATUS, OfDrone, say};
use crate::live::subscriptions::Subscriptions;
use crate::routes::drone_views::DroneStatus;
use crate::sources::vehicles::{DroneView, Flight, LinkState};
use access::SessionId;

/// Each drone as a client last heard of it, in configured order.
#[derive(Debug, Default)]
pub(crate) struct DroneChanges(Vec<Option<DroneSnapshot>>);

/// What of a drone is worth a message when it changes. Not the time it was last
/// heard: that changes with every datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
struct DroneSnapshot {
    link: LinkState,
    flight: Flight,
    battery_pct: Option<u8>,
    temperature_c: Option<f64>,
    height_cm: Option<i32>,
    attitude_deg: Option<[i32; 3]>,
    control: Option<SessionId>,
}

impl DroneSnapshot {
    fn of(drone: &DroneView) -> DroneSnapshot {
        DroneSnapshot {
            link: drone.link,
            flight: drone.flight,
            battery_pct: drone.battery_pct,
            temperature_c: drone.temperature_c,
            height_cm: drone.height_cm,
            attitude_deg: drone.attitude_deg,
            control: drone
                .control
                .as_ref()
                .and_then(|control| control.by.session),
        }
    }
}

impl DroneChanges {
    /// `drone_status` of every drone that is or was connected and has changed.
    /// Subscribed ones are left out: the client gets them anyway.
    pub(crate) fn since_last(&mut self, app: &App, subscriptions: &Subscriptions) -> Vec<String> {
        let drones = app.vehicles.views();
        // As many as are configured: bounded like the fleet.
        self.0.resize(drones.len(), None);
        let mut messages = Vec::new();
        for (drone, shown) in drones.iter().zip(&mut self.0) {
            let snapshot = DroneSnapshot::of(drone);
            let known = shown.is_some() || drone.link == LinkState::Connected;
            if known && *shown != Some(snapshot) && !subscriptions.has(&drone.id) {
                *shown = Some(snapshot);
                let status = Some(DroneStatus::from(drone));
                messages.push(say(
                    DRONE_STATUS,
                    OfDrone {
                        drone_id: &drone.id,
                        status,
                        error: None,
                    },
                ));
            }
        }
        messages
    }
}
