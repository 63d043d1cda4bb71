//! How often each kind of sensor is read, and why so often.
//!
//! The cost of a sample is the kernel's: some microseconds for a register, up
//! to a millisecond of waiting for a chip on a slow I²C bus. The rates below
//! keep a board with all of them far under 0.2 % of a core.

/// A processor under full load heats by some degrees a second.
pub(crate) const TEMPERATURE_MS: u64 = 2_000;

/// The firmware's voltage monitor is polled by its driver every 2 s.
pub(crate) const SUPPLY_ALARM_MS: u64 = 2_000;

/// Throttling comes and goes with temperature.
pub(crate) const THROTTLE_MS: u64 = 5_000;

/// Voltages, currents, powers: often enough to see a motor start.
pub(crate) const ELECTRICAL_MS: u64 = 2_000;

/// A fan takes seconds to spin up, and a stalled one minutes to matter.
pub(crate) const FAN_MS: u64 = 5_000;

/// A hundredth of a battery's charge lasts minutes; mains loss must show soon.
pub(crate) const BATTERY_MS: u64 = 5_000;

/// A picture of the load, not a measurement of it.
pub(crate) const FREQUENCY_MS: u64 = 5_000;

/// A cap changes when somebody or the thermal governor changes it.
pub(crate) const FREQUENCY_CAP_MS: u64 = 30_000;

/// Wear moves by tenths of a card's life.
pub(crate) const WEAR_MS: u64 = 3_600_000;

/// A disk is given up once; what is mounted from it fails at once by itself. What it was
/// heard to say of itself is a line of an ordinary file.
pub(crate) const DISK_MS: u64 = 10_000;

/// A drone flies out of range in seconds.
pub(crate) const WIRELESS_MS: u64 = 2_000;

/// Synchronisation is reached or lost over minutes.
pub(crate) const CLOCK_MS: u64 = 10_000;

/// For people to look at.
pub(crate) const UPTIME_MS: u64 = 10_000;

/// Whether somebody feeds the watchdog changes with a service's start.
pub(crate) const WATCHDOG_MS: u64 = 60_000;

/// A conversion takes 0.75 s, during which its bus does nothing else.
pub(crate) const ONE_WIRE_MS: u64 = 30_000;

/// A turn of one thermometer on 1-wire: its conversion, and nine times that of rest for its
/// bus (`lanes.rs`). With many, a round of all takes longer than the period above.
pub(crate) const ONE_WIRE_TURN_MS: u64 = 7_500;

/// A lithium cell lasts years.
pub(crate) const RTC_MS: u64 = 600_000;

/// Spare converters.
pub(crate) const ADC_MS: u64 = 5_000;

/// Missed samples after which a value is no longer to be judged by.
pub(crate) const STALE_AFTER_PERIODS: u64 = 3;

/// A failing sensor is tried again after 2, 4, 8 … periods, at most this long
/// (or its own period when that is longer), so that a loose wire costs nothing
/// and a repaired one shows within a minute.
pub(crate) const BACK_OFF_MAX_MS: u64 = 60_000;

/// How often the class directories are looked at for devices that came or went.
pub(crate) const RESCAN_MS: u64 = 10_000;
