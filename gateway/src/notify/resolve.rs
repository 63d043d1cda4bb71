//! The addresses to which a name leads now, and a channel may go.
//!
//! Asked at each connection: a name that is allowed cannot lead elsewhere later.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use super::allowed::Allowed;

/// The allowed addresses of `host`, a name or an address in figures.
///
/// # Errors
/// It has none.
pub(super) async fn addresses(
    allowed: &Allowed,
    host: &str,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    let asked = host.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        (asked.as_str(), port).to_socket_addrs().map(Vec::from_iter)
    });
    let mut found = found.await.map_err(io::Error::other)??;
    found.retain(|address| allowed.resolved(host, address.ip()));
    if found.is_empty() {
        return Err(io::Error::other(format!(
            "{host} leads to no address that notify.allow lists"
        )));
    }
    Ok(found)
}
