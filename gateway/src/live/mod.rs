//! What goes on as long as somebody listens: events over `/ws`, video over
//! `/ws/video/{drone_id}` and, for players, as MP4, MPEG-TS and JPEGs.

mod changes;
mod commands;
pub(crate) mod control_messages;
#[cfg(test)]
mod described;
mod down;
pub(crate) mod events;
pub(crate) mod message;
pub(crate) mod messages;
pub(crate) mod mjpeg;
pub(crate) mod network_messages;
pub(crate) mod socket;
mod sticks;
pub(crate) mod stream;
mod subscriptions;
pub(crate) mod video;

use crate::http::route::Route;

/// The routes of every file here.
pub(crate) const SECTIONS: &[&[Route]] =
    &[events::ROUTES, mjpeg::ROUTES, stream::ROUTES, video::ROUTES];
