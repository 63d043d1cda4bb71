//! A browser, as far as the list of sessions tells one from another.

use std::net::IpAddr;

/// Longest description of a browser that is kept.
const AGENT_CHARS: usize = 120;

/// Where a browser signed in from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// Its address.
    pub client: IpAddr,
    /// What it calls itself; cut, and without control characters.
    pub agent: String,
}

impl Browser {
    /// The browser at `client` that calls itself `agent`.
    #[must_use]
    pub fn new(client: IpAddr, agent: &str) -> Browser {
        let printable = agent
            .chars()
            .filter(|one| !readings::text::is_misleading(*one));
        Browser {
            client,
            agent: printable.take(AGENT_CHARS).collect(),
        }
    }
}
