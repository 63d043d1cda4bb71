//! Live sockets: events over `/ws`, video over `/ws/video/{drone_id}`.

pub(crate) mod events;
pub(crate) mod messages;
pub(crate) mod network_messages;
pub(crate) mod socket;
pub(crate) mod video;
