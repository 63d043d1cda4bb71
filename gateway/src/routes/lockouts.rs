//! Addresses that are locked out: to be seen, and let in again. Permission `admin`.

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, SUCCESS, get, later};
use crate::http::shape::of;
use access::{ClientAddress, KeyError, LockedOut};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/security/lockouts",
        ADMIN,
        list,
        Gives::Json(of::<Lockouts>()),
    )
    .about(
        "security",
        "List the addresses that are locked out after wrong keys",
    ),
    later(
        Verb::Delete,
        "/api/security/lockouts/{address}",
        ADMIN,
        lift,
        SUCCESS,
    )
    .about("security", "Lift the lock-out of an address")
    .takes(LIFT),
];

/// Parameters of `DELETE /api/security/lockouts/{address}`.
pub(crate) const LIFT: &[Param] = &[Param::required(
    Location::Path,
    "address",
    Kind::Text,
    "The address as it is listed; the slash of a network as %2F",
)];

/// An address that is locked out.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lockout {
    /// An address, or the /64 that counts as one client.
    address: String,
    /// Wrong keys that led to it.
    failed_attempts: u32,
    /// Seconds until it ends by itself.
    remaining_s: u64,
}

impl From<LockedOut> for Lockout {
    fn from(locked: LockedOut) -> Lockout {
        Lockout {
            address: locked.client.to_string(),
            failed_attempts: locked.failures,
            remaining_s: locked.remaining.as_secs(),
        }
    }
}

/// Addresses that are locked out, the longest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lockouts {
    /// The longest first.
    lockouts: Vec<Lockout>,
    /// How many there are.
    total_count: usize,
}

/// `GET /api/security/lockouts`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let locked = call.app.access.locked_out();
    let lockouts: Vec<Lockout> = locked.into_iter().map(Lockout::from).collect();
    Ok(respond::json(&Lockouts {
        total_count: lockouts.len(),
        lockouts,
    }))
}

/// `DELETE /api/security/lockouts/{address}`
pub(crate) fn lift(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let unknown = || ApiError::not_found("This address is not locked out");
        let client: ClientAddress = call.param.parse().map_err(|()| unknown())?;
        let access = &call.app.access;
        if !access
            .lift_lockout(client, &call.audited())
            .await
            .map_err(KeyError::from)?
        {
            return Err(unknown());
        }
        Ok(respond::json(&SuccessResponse::new(format!(
            "Lock-out lifted: {client}"
        ))))
    })
}
