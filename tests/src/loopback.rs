//! Loopback addresses nobody else uses, so that tests run side by side with the
//! documented ports and never race for one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

/// Next block of this process.
static NEXT: AtomicU8 = AtomicU8::new(0);

/// 254 addresses of 127.0.0.0/8 for one test: `host(1)` is the gateway's.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    second: u8,
    third: u8,
}

impl Block {
    /// A block of its own: the second octet comes from the process, the third
    /// counts up.
    #[must_use]
    pub fn claim() -> Block {
        let second = 1 + (std::process::id() % 253) as u8;
        Block {
            second,
            third: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// One address of the block.
    #[must_use]
    pub const fn host(self, last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, self.second, self.third, last))
    }

    /// The gateway's address.
    #[must_use]
    pub const fn gateway(self) -> IpAddr {
        self.host(1)
    }
}

/// A port that no other test of this process has, for what must share addresses:
/// simulated drones live at 127.0.0.2 and up. Above the drone's documented ports,
/// below those that the kernel gives out by itself.
#[must_use]
pub fn spare_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    12_000 + (std::process::id() % 200) as u16 * 100 + TAKEN.fetch_add(1, Ordering::Relaxed)
}
