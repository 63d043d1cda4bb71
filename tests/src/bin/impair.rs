//! A bad network as a process: datagrams between the gateway and one drone pass
//! through it, and some are lost, doubled, delayed, or overtaken, both ways.
//!
//! ```text
//! impair FRONT BACK DRONE GATEWAY [lose=PERCENT] [double=PERCENT] [delay=MS] [jitter=MS] [seed=N]
//! ```
//!
//! FRONT is the drone as the gateway sees it, BACK the gateway as the drone
//! sees it; four addresses without ports. It does what `tc netem` does, for
//! machines whose kernel has no netem. Every command that comes from the
//! gateway is printed as it comes, before anything happens to it.
#![allow(clippy::print_stdout, reason = "what it says is its result")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

/// Ports of the drone's protocol.
const COMMANDS: u16 = 8889;
const STATES: u16 = 8890;
/// Longest datagram.
const BYTES: usize = 2048;
/// Most datagrams that are on their way; more are lost.
const ON_THE_WAY: usize = 256;

#[derive(Clone, Copy, Default)]
struct Trouble {
    lose: u64,
    double: u64,
    delay: u64,
    jitter: u64,
    seed: u64,
}

/// The bad network in one direction.
struct Line {
    trouble: Trouble,
    random: fastrand::Rng,
    places: Arc<Semaphore>,
}

impl Line {
    fn new(trouble: Trouble, number: u64) -> Line {
        Line {
            trouble,
            random: fastrand::Rng::with_seed(trouble.seed * 3 + number),
            places: Arc::new(Semaphore::new(ON_THE_WAY)),
        }
    }

    /// Equal seeds, equal troubles.
    fn below(&mut self, limit: u64) -> u64 {
        self.random.u64(..limit.max(1))
    }

    fn pass(&mut self, bytes: &[u8], by: &Arc<UdpSocket>, to: SocketAddr) {
        if self.below(100) < self.trouble.lose {
            return;
        }
        // Copies arrive together, as a radio that misses an acknowledgement makes
        // them; one that came much later would be an answer nobody could place.
        let copies = if self.below(100) < self.trouble.double {
            2
        } else {
            1
        };
        let after = Duration::from_millis(self.trouble.delay + self.below(self.trouble.jitter + 1));
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return;
        };
        let (bytes, by) = (bytes.to_vec(), by.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            for _ in 0..copies {
                // A host that is not there is a lost datagram.
                let _ = by.send_to(&bytes, to).await;
            }
            drop(place);
        });
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut trouble = Trouble::default();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            None => addresses.push(
                argument
                    .parse()
                    .with_context(|| format!("{argument} is no address"))?,
            ),
            Some((name, value)) => {
                let place = match name {
                    "lose" => &mut trouble.lose,
                    "double" => &mut trouble.double,
                    "delay" => &mut trouble.delay,
                    "jitter" => &mut trouble.jitter,
                    "seed" => &mut trouble.seed,
                    other => anyhow::bail!("{other} is none of lose, double, delay, jitter, seed"),
                };
                *place = value.parse()?;
            }
        }
    }
    let [front, back, drone, gateway] = addresses[..] else {
        anyhow::bail!("four addresses are needed")
    };
    let bind = |address, port| UdpSocket::bind(SocketAddr::new(address, port));
    let facing_gateway = Arc::new(bind(front, COMMANDS).await?);
    let facing_drone = Arc::new(bind(back, COMMANDS).await?);
    let states = bind(back, STATES).await?;
    println!("ready");

    let (mut commands, mut replies) = (Line::new(trouble, 1), Line::new(trouble, 2));
    let mut client = None;
    let (mut from_gateway, mut from_drone, mut state) = ([0; BYTES], [0; BYTES], [0; BYTES]);
    loop {
        tokio::select! {
            received = facing_gateway.recv_from(&mut from_gateway) => {
                let Ok((length, from)) = received else { continue };
                println!("{}", String::from_utf8_lossy(&from_gateway[..length]));
                client = Some(from);
                commands.pass(&from_gateway[..length], &facing_drone, SocketAddr::new(drone, COMMANDS));
            }
            received = facing_drone.recv_from(&mut from_drone) => {
                let (Ok((length, _)), Some(client)) = (received, client) else { continue };
                replies.pass(&from_drone[..length], &facing_gateway, client);
            }
            received = states.recv_from(&mut state) => {
                let Ok((length, _)) = received else { continue };
                replies.pass(&state[..length], &facing_gateway, SocketAddr::new(gateway, STATES));
            }
        }
    }
}
