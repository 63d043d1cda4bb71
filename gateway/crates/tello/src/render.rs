//! The writer of state datagrams, in the three formats firmware uses.
//!
//! The simulator sends what this writes, and the parser's round-trip tests read
//! it back. Separate from the parser so that neither borrows the other's idea
//! of the format.

use std::fmt::Write;

use heapless::String;

use super::state::State;

/// Longest rendered state: 177 bytes for an EDU drone was seen; every field at
/// its widest still fits.
pub const MAX_RENDERED_BYTES: usize = 384;

/// Which SDK a drone's firmware speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sdk {
    /// A plain Tello.
    #[default]
    V1_3,
    /// Tello EDU: mission pads.
    V2_0,
    /// RoboMaster TT.
    V3_0,
}

impl Sdk {
    /// Whether states begin with the mission-pad fields.
    fn has_pads(self) -> bool {
        self != Sdk::V1_3
    }
}

/// Writes `state` as firmware of `sdk` does. Absent fields are left out, except
/// `tof`, which the sensor itself reports as 6553 when out of range.
#[must_use]
pub fn render(state: &State, sdk: Sdk) -> String<MAX_RENDERED_BYTES> {
    let mut out = String::new();
    let full = write_fields(&mut out, state, sdk).and_then(|()| out.write_str("\r\n"));
    debug_assert!(full.is_ok(), "a state fits {MAX_RENDERED_BYTES} bytes");
    out
}

type Out = String<MAX_RENDERED_BYTES>;

fn write_fields(out: &mut Out, state: &State, sdk: Sdk) -> std::fmt::Result {
    if sdk.has_pads() {
        whole(out, "mid", state.pad)?;
        for (name, value) in ["x", "y", "z"].into_iter().zip(state.pad_position_cm) {
            whole(out, name, value)?;
        }
        if let Some([pitch, roll, yaw]) = state.pad_angles_deg {
            write!(out, "mpry:{pitch},{roll},{yaw};")?;
        }
    }
    whole(out, "pitch", state.pitch_deg)?;
    whole(out, "roll", state.roll_deg)?;
    whole(out, "yaw", state.yaw_deg)?;
    for (name, value) in ["vgx", "vgy", "vgz"].into_iter().zip(state.velocity_dm_s) {
        whole(out, name, value.map(|value| value.round() as i32))?;
    }
    whole(
        out,
        "templ",
        state.temperature_low_c.map(|value| value.round() as i32),
    )?;
    whole(
        out,
        "temph",
        state.temperature_high_c.map(|value| value.round() as i32),
    )?;
    whole(out, "tof", Some(state.floor_cm.unwrap_or(6553)))?;
    whole(out, "h", state.height_cm)?;
    whole(out, "bat", state.battery_pct)?;
    hundredths(out, "baro", state.barometric_m)?;
    whole(out, "time", state.motor_time_s)?;
    for (name, value) in ["agx", "agy", "agz"].into_iter().zip(state.acceleration_mg) {
        hundredths(out, name, value)?;
    }
    Ok(())
}

fn whole(out: &mut Out, name: &str, value: Option<impl Into<i64>>) -> std::fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{name}:{};", value.into()))
}

fn hundredths(out: &mut Out, name: &str, value: Option<f64>) -> std::fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{name}:{value:.2};"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_as_firmware_writes_it() {
        let line = "pitch:-1;roll:0;yaw:3;vgx:0;vgy:0;vgz:0;templ:71;temph:74;tof:10;h:0;bat:86;baro:-19.19;time:0;\
                    agx:-6.00;agy:-1.00;agz:-999.00;\r\n";
        let state = super::super::state::parse(line.as_bytes()).state;
        assert_eq!(render(&state, Sdk::V1_3), line);
    }
}
