//! Webhooks: what they are sent, where they may be, and one call of one.

pub(super) mod body;
pub(super) mod client;
pub(super) mod target;
