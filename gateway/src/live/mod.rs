//! Live sockets: events over `/ws`, video over `/ws/video/{drone_id}`.

mod changes;
pub(crate) mod control_messages;
mod down;
pub(crate) mod events;
pub(crate) mod message;
pub(crate) mod messages;
pub(crate) mod network_messages;
pub(crate) mod socket;
mod subscriptions;
pub(crate) mod video;

use crate::http::route::Route;

/// The routes of every socket.
pub(crate) const SECTIONS: &[&[Route]] = &[events::ROUTES, video::ROUTES];
