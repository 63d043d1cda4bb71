//! Webhooks: the first channel. JSON over HTTPS, signed, to where `notify.allow` says.
//!
//! `target` says where to, `body` what, `client` carries it there.

mod body;
mod client;
mod target;

pub(super) use body::json;
#[cfg(test)]
pub(super) use body::signature;
pub(super) use client::Webhook;
