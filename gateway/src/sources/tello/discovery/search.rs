//! Carries a search out: sockets, the clock, and the [`Sweep`] between.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use readings::clock::Mono;
use tello::reply::Reply;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout_at};

use super::sweep::{Hit, Sweep, Target};
use crate::sources::tello::socket;

/// Longer than any reply.
const REPLY_BYTES: usize = 1536;

/// What a search came to.
pub(super) struct Outcome {
    pub(super) hits: Vec<Hit>,
    /// Datagrams sent, as counted by the sweep.
    pub(super) sent: u64,
    /// Whether everybody was asked.
    pub(super) complete: bool,
}

/// One socket for each interface; those that cannot be opened are left out of
/// the list, and their targets with them.
pub(super) fn open(
    from: IpAddr,
    interfaces: &mut Vec<Arc<str>>,
    targets: &mut Vec<Target>,
) -> io::Result<Vec<UdpSocket>> {
    let (mut sockets, mut places, mut refusal) = (Vec::new(), Vec::new(), None);
    for interface in interfaces.iter() {
        let local = SocketAddr::new(from, 0);
        match socket::bind(local, Some(interface), false, &[]) {
            Ok(socket) => {
                places.push(Some(sockets.len()));
                sockets.push(socket);
            }
            Err(error) => {
                tracing::debug!(interface = &**interface, %error, "not searched");
                places.push(None);
                refusal = Some(error);
            }
        }
    }
    let mut is_open = places.iter().map(Option::is_some);
    interfaces.retain(|_| is_open.next().unwrap_or_default());
    targets.retain_mut(|target| match places[target.socket] {
        Some(place) => {
            target.socket = place;
            true
        }
        None => false,
    });
    match refusal {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// Asks `targets` on `port`, until everybody has answered or had their time, and
/// never longer than `patience`.
pub(super) async fn run(
    sockets: &[UdpSocket],
    targets: Vec<Target>,
    port: impl Fn(Target) -> u16,
    patience: Duration,
    most_hits: usize,
) -> Outcome {
    let deadline = Instant::now() + patience;
    let mut sweep = Sweep::new(targets, patience, most_hits);
    // Running out of time is one of the ways in which a search ends.
    let _ = timeout_at(deadline, drive(sockets, &mut sweep, port)).await;
    let (hits, sent, complete) = sweep.end();
    Outcome {
        hits,
        sent,
        complete,
    }
}

async fn drive(sockets: &[UdpSocket], sweep: &mut Sweep, port: impl Fn(Target) -> u16) {
    let mut buffer = [0; REPLY_BYTES];
    let mut deaf = vec![false; sockets.len()];
    let mut outgoing = Vec::new();
    loop {
        let Some(pause) = sweep.look(Mono::now(), |target, word| outgoing.push((target, word)))
        else {
            return;
        };
        for (target, word) in outgoing.drain(..) {
            send(sockets, target, port(target), word).await;
        }
        let wake = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                (socket, from, length) = receive(sockets, &mut deaf, &mut buffer) => {
                    let IpAddr::V4(address) = from.ip().to_canonical() else { continue };
                    let from = Target { socket, address };
                    if let Some(word) = sweep.take(from, &Reply::parse(&buffer[..length]), Mono::now()) {
                        send(sockets, from, port(from), word).await;
                    }
                }
                () = sleep(wake.saturating_duration_since(Instant::now())) => break,
            }
        }
    }
}

/// A send that the kernel refuses (no neighbour, no buffer) is like one lost on
/// the way: it is tried again.
async fn send(sockets: &[UdpSocket], target: Target, port: u16, word: &str) {
    let to = SocketAddr::new(target.address.into(), port);
    if let Err(error) = sockets[target.socket].send_to(word.as_bytes(), to).await {
        tracing::trace!(%to, %error, "not sent");
    }
}

/// The next datagram of any socket. One whose interface has gone fails for good
/// and is heard no more.
async fn receive(
    sockets: &[UdpSocket],
    deaf: &mut [bool],
    buffer: &mut [u8],
) -> (usize, SocketAddr, usize) {
    poll_fn(|context| {
        for (index, socket) in sockets.iter().enumerate() {
            if deaf[index] {
                continue;
            }
            let mut into = ReadBuf::new(buffer);
            match socket.poll_recv_from(context, &mut into) {
                Poll::Ready(Ok(from)) => return Poll::Ready((index, from, into.filled().len())),
                Poll::Ready(Err(_)) => deaf[index] = true,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn an_interface_that_cannot_be_opened_takes_its_name_and_targets_with_it() {
        let mut interfaces: Vec<Arc<str>> = vec!["gone0".into(), "lo".into()];
        let target = |socket, last| Target {
            socket,
            address: Ipv4Addr::new(127, 0, 0, last),
        };
        let mut targets = vec![target(0, 2), target(1, 3)];
        let sockets = open(Ipv4Addr::LOCALHOST.into(), &mut interfaces, &mut targets)
            .expect("the loopback interface can be opened");
        assert_eq!(
            (sockets.len(), interfaces, targets),
            (1, vec!["lo".into()], vec![target(0, 3)])
        );
    }
}
