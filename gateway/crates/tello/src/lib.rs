//! The Tello protocol without input or output: state datagrams, commands,
//! replies, and the access units of the video.
//!
//! [`catalog`] is the table of commands that routes, messages and the command line are
//! made from; [`path`] says where a command leads.
//! Parsers and renderers only; no socket, no clock. The gateway and the
//! simulator share these, so a disagreement shows up as a failing test. Must
//! know nothing of either: what a field means to the gateway is said there.
//!
//! Sources: Tello SDK 1.3, SDK 2.0 and SDK 3.0 user guides, and the captured
//! datagrams in `tests/data/tello`.

pub mod catalog;
pub mod command;
mod direction;
pub mod extension;
pub mod faults;
pub mod h264;
pub mod join;
pub mod path;
mod query;
pub mod render;
pub mod reply;
pub mod state;

/// UDP port on which a Tello takes commands, and from which it sends.
pub const COMMAND_PORT: u16 = 8889;

/// UDP port of its client to which a Tello sends its state.
pub const STATE_PORT: u16 = 8890;

/// UDP port of its client to which a Tello sends its video.
pub const VIDEO_PORT: u16 = 11111;

/// Address of every Tello that is its own access point.
pub const ACCESS_POINT_ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 168, 10, 1);

/// First byte of the binary packets a drone mixes into its text (seen on 8889
/// ahead of the real reply). They belong to the vendor's app protocol.
pub const BINARY_MARK: u8 = 0xCC;
