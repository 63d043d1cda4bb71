//! Loopback addresses nobody else uses, so that tests run side by side with the
//! documented ports and never race for one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};

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
        Block { second, third: NEXT.fetch_add(1, Ordering::Relaxed) }
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
