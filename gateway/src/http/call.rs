//! A request that passed the gate, as its handler sees it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;

use crate::config::Config;
use crate::http::inputs::Inputs;
use crate::http::params::Param;
use crate::http::state::App;
use crate::shares::Principal;
use access::Session;
use https::{Peer, Via};

/// Who is named for what was done over the control socket.
const CONSOLE: &str = "console";

/// A request that passed the gate, as a handler sees it.
pub(crate) struct Call {
    /// The rooms.
    pub(crate) app: Arc<App>,
    /// The configuration the request is judged by.
    pub(crate) config: Arc<Config>,
    /// Path that it matched, with `{parameters}`.
    pub(crate) template: &'static str,
    /// What the route takes.
    pub(crate) params: &'static [Param],
    /// Who asks; none on open routes.
    pub(crate) session: Option<Session>,
    /// Address of the client.
    pub(crate) client: IpAddr,
    /// The path's parameter, decoded; empty when the path has none.
    pub(crate) param: String,
    /// Query and body.
    pub(crate) inputs: Inputs,
    /// Method, path, headers.
    pub(crate) parts: Parts,
}

impl Call {
    /// Name of the key that asks, for `acknowledged_by` and the audit trail.
    pub(crate) fn actor(&self) -> &str {
        match &self.session {
            Some(session) => session.name(),
            None if self.is_of_console() => CONSOLE,
            None => "anonymous",
        }
    }

    fn is_of_console(&self) -> bool {
        let peer = self.parts.extensions.get::<Peer>();
        peer.is_some_and(|peer| peer.via == Via::Console)
    }

    /// Who asks, where places are shared.
    pub(crate) fn principal(&self) -> Principal {
        match &self.session {
            Some(session) => Principal::Key(session.key().0),
            None => Principal::Address(self.client.to_canonical()),
        }
    }

    /// Who asks, for the audit trail: the name of the key with the session, which stands in
    /// the records of what the same session flew.
    pub(crate) fn audited(&self) -> Cow<'_, str> {
        match &self.session {
            Some(session) => format!("{}, session {}", session.name(), session.id()).into(),
            None => self.actor().into(),
        }
    }
}
