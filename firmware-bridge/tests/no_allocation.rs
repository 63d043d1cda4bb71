//! The way from bytes to a reading allocates nothing.
#![cfg(feature = "host")]

use firmware_bridge::channel::Receiver;
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::host::{HostSession, LinkEvent};
use firmware_bridge::mcu::{Identity, Session};
use firmware_bridge::message::{ResetCause, ToMcu};
use firmware_bridge::sensor::{Sensor, SensorKind, Unit};

fn board() -> Session {
    let identity = Identity {
        board: "test".into(),
        firmware: "0".into(),
        serial: 7,
        boot: 7,
        reset: ResetCause::PowerOn,
        ticks_hz: 1_000_000,
    };
    let sensor = Sensor {
        name: "battery_voltage".into(),
        kind: SensorKind::Voltage,
        unit: Unit::Volt,
        min: 0.0,
        max: 20.0,
        interval_ms: 10,
    };
    Session::new(identity, [sensor])
}

/// Moves bytes both ways once; returns the readings handed out.
fn exchange(host: &mut HostSession, board: &mut Session, now_us: u64) -> u32 {
    let mut readings = 0;
    let mut sink = |event| readings += u32::from(matches!(event, LinkEvent::Reading { .. }));
    host.tick(now_us, &mut sink);
    for byte in host.outgoing() {
        board.receive(*byte, now_us);
    }
    host.sent(host.outgoing().len());
    while let Some(sensor) = board.sample_due(now_us) {
        board.sampled(sensor, now_us, Ok(11.1));
    }
    let mut buffer = [0; MAX_FRAME_BYTES];
    while let Some(frame) = board.next_frame(now_us, &mut buffer) {
        host.receive(frame, now_us, &mut sink);
    }
    readings
}

#[test]
fn from_bytes_to_readings_without_an_allocation() {
    let (mut host, mut board) = (HostSession::new(), board());
    host.opened(0);
    // Connecting may allocate: once, for the board's description.
    for now_ms in 0..100 {
        exchange(&mut host, &mut board, now_ms * 1_000);
    }
    assert!(host.board().is_some());
    let mut readings = 0;
    let counted = allocation_counter::measure(|| {
        for now_ms in 100..10_100 {
            readings += exchange(&mut host, &mut board, now_ms * 1_000);
        }
    });
    assert_eq!(readings, 1_000);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn garbage_allocates_nothing_either() {
    let mut receiver = Receiver::<ToMcu>::new();
    let counted = allocation_counter::measure(|| {
        for n in 0..1_000_000_u32 {
            assert_eq!(
                receiver.feed((n.wrapping_mul(2_654_435_761) >> 11) as u8),
                None
            );
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
