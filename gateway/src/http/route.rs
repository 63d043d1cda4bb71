//! What one route is: who may call it, how it is run, what it takes and gives.
//!
//! Rows of these make the table (`crate::table`). They are constants, so that a route
//! that is not described does not compile.

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::Method;

use crate::config::Profile;
use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::params::{Param, takes_body};
use crate::http::shape::Shape;
use access::{Permission, RateClass};

/// How a route is run.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// At once: everything it reads is in memory.
    Now(fn(&mut Call) -> Outcome),
    /// It waits for the store or a socket.
    Later(fn(Call) -> BoxFuture<'static, Outcome>),
    /// It reads the body itself as it comes, under a cap of its own, or passes it on:
    /// the gate holds none of it.
    Stream(fn(Call, Body) -> BoxFuture<'static, Outcome>),
}

/// Who may call a route, by access profile (contract 1.4 and the deviations).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Anyone.
    Open,
    /// A key, whatever it may do.
    AnyKey,
    /// A key with this permission, whatever the profile.
    Needs(Permission),
    /// `dashboard`; open in profile `legacy`.
    Dashboard,
    /// This permission in profile `strict`, else open: drones and system.
    Strict(Permission),
    /// What answers an alert: `respond` in profile `strict`, else `dashboard`, as
    /// the contract has it.
    Respond,
    /// The WebSocket: as `Strict(Read)`, but a ticket does as well as a key.
    Socket,
    /// `read`, or nothing on the metrics listener.
    Metrics,
}

impl Policy {
    /// Whether a key is asked for under `profile`.
    pub(crate) const fn asks_for_key(self, profile: Profile) -> bool {
        matches!(self, Policy::AnyKey) || self.needs(profile).is_some()
    }

    /// The permission a caller needs under `profile`.
    pub(crate) const fn needs(self, profile: Profile) -> Option<Permission> {
        match (self, profile) {
            (Policy::Open | Policy::AnyKey, _) | (Policy::Dashboard, Profile::Legacy) => None,
            (Policy::Needs(permission), _) | (Policy::Strict(permission), Profile::Strict) => {
                Some(permission)
            }
            (Policy::Respond, Profile::Strict) => Some(Permission::Respond),
            (Policy::Dashboard | Policy::Respond, _) => Some(Permission::Dashboard),
            (Policy::Socket, Profile::Strict) | (Policy::Metrics, _) => Some(Permission::Read),
            (Policy::Strict(_) | Policy::Socket, Profile::Documented | Profile::Legacy) => None,
        }
    }
}

/// Methods that routes have. `HEAD` and `OPTIONS` come with every path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(crate) const fn method(self) -> Method {
        match self {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
        }
    }
}

/// What a route answers with 200.
#[derive(Clone, Copy)]
pub(crate) enum Gives {
    /// JSON of this shape.
    Json(Shape),
    /// JSON of this shape, or another media type where the request asks for it.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the document asks"))]
    JsonOr(Shape, &'static str),
    /// Another media type.
    Media(&'static [&'static str]),
    /// 101 Switching Protocols.
    Upgrade,
    /// JSON of the upstream, which is of this shape where the service keeps to the contract.
    Forwarded(Shape),
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// Method.
    pub(crate) verb: Verb,
    /// Path with `{parameters}`.
    pub(crate) path: &'static str,
    /// Who may call it.
    pub(crate) policy: Policy,
    /// Its rate limit.
    pub(crate) class: RateClass,
    /// What runs.
    pub(crate) run: Run,
    /// Group in the document.
    pub(crate) tag: &'static str,
    /// One line for people.
    pub(crate) summary: &'static str,
    /// What it takes.
    pub(crate) params: &'static [Param],
    /// What it answers.
    pub(crate) gives: Gives,
    /// Whether 409 is an answer: the thing is there already, or a table is full.
    pub(crate) conflicts: bool,
    /// Further statuses that only routes like this one answer with.
    pub(crate) also: &'static [&'static str],
}

impl Route {
    pub(crate) const fn new(
        verb: Verb,
        path: &'static str,
        policy: Policy,
        run: Run,
        gives: Gives,
    ) -> Route {
        let (class, params, tag, summary) = (RateClass::Other, [].as_slice(), "", "");
        Route {
            verb,
            path,
            policy,
            class,
            run,
            tag,
            summary,
            params,
            gives,
            conflicts: false,
            also: &[],
        }
    }

    pub(crate) const fn class(mut self, class: RateClass) -> Route {
        self.class = class;
        self
    }

    pub(crate) const fn about(mut self, tag: &'static str, summary: &'static str) -> Route {
        self.tag = tag;
        self.summary = summary;
        self
    }

    pub(crate) const fn gives(mut self, gives: Gives) -> Route {
        self.gives = gives;
        self
    }

    pub(crate) const fn takes(mut self, params: &'static [Param]) -> Route {
        self.params = params;
        self
    }

    pub(crate) const fn may_conflict(mut self) -> Route {
        self.conflicts = true;
        self
    }

    pub(crate) const fn also(mut self, also: &'static [&'static str]) -> Route {
        self.also = also;
        self
    }

    /// Whether the gate reads a JSON body for it.
    pub(crate) fn takes_body(&self) -> bool {
        takes_body(self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_matrix_is_the_documented_one() {
        use Permission::{Admin, Dashboard, Read, Respond, Write};
        use Profile::{Documented, Legacy, Strict};
        let matrix = [
            (Policy::Open, [None, None, None]),
            (Policy::AnyKey, [None, None, None]),
            (
                Policy::Needs(Admin),
                [Some(Admin), Some(Admin), Some(Admin)],
            ),
            (
                Policy::Needs(Dashboard),
                [Some(Dashboard), Some(Dashboard), Some(Dashboard)],
            ),
            (Policy::Dashboard, [Some(Dashboard), Some(Dashboard), None]),
            (
                Policy::Respond,
                [Some(Respond), Some(Dashboard), Some(Dashboard)],
            ),
            (Policy::Strict(Read), [Some(Read), None, None]),
            (Policy::Strict(Respond), [Some(Respond), None, None]),
            (Policy::Strict(Write), [Some(Write), None, None]),
            (Policy::Socket, [Some(Read), None, None]),
            (Policy::Metrics, [Some(Read), Some(Read), Some(Read)]),
        ];
        for (policy, expected) in matrix {
            assert_eq!(
                [Strict, Documented, Legacy].map(|profile| policy.needs(profile)),
                expected,
                "{policy:?}"
            );
            assert!(!Policy::Open.asks_for_key(Strict) && Policy::AnyKey.asks_for_key(Legacy));
        }
    }
}
