//! Any datagram through the parsers of the drones' ports: no panic, nothing out
//! of range passed on, and what was read is read again from what firmware would
//! have written of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfg_drone_gateway::readings_of;
use tello::command::Command;
use tello::render::{Sdk, render};
use tello::reply::Reply;
use tello::state::parse;

fuzz_target!(|data: &[u8]| {
    let read = parse(data).state;
    for reading in readings_of(&read) {
        assert!(reading.value.is_finite(), "{reading:?}");
    }
    assert!(read.battery_pct.is_none_or(|percent| percent <= 100));

    // Written as firmware writes it, nothing is lost or altered but digits that
    // the format does not have.
    let written = render(&read, Sdk::V2_0);
    let again = parse(written.as_bytes());
    assert_eq!(again.state.battery_pct, read.battery_pct);
    assert_eq!(again.state.height_cm, read.height_cm);
    assert_eq!(again.state.motor_time_s, read.motor_time_s);
    assert_eq!(again.state.attitude_deg(), read.attitude_deg());

    let _ = Reply::parse(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(command) = Command::parse(text)
    {
        assert_eq!(Command::parse(&command.to_string()), Ok(command));
    }
});
