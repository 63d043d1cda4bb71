//! `POST /api/session/link`: a one-time link by which somebody's phone signs in.
//!
//! The secret stands behind `#`, which no browser sends: link previews and logs do
//! not see it, and only the page's exchange uses it up. Permission `admin`.

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::doors;
use crate::http::envelope::{ApiError, Issue, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, later};
use crate::http::shape::of;
use crate::qr;
use access::{LINK_TTL, LinkTo, NAME_CHARS};
use https::{Peer, Via};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/session/link",
    ADMIN,
    link,
    Gives::Json(of::<SignInLink>()),
)
.about("sessions", "Make a one-time link by which a phone signs in")
.takes(LINK)
.also(&["404"])];

const KEY: Param = Param::optional(
    Location::Body,
    "key",
    Kind::Text,
    "Preview of the key to sign in to; else give name and permissions of a new one",
);
const NAME: Param = Param::optional(
    Location::Body,
    "name",
    Kind::Chars {
        min: 1,
        max: NAME_CHARS,
    },
    "Name of the key that is made when the link is used, for example whose phone it is",
);
const PERMISSIONS: Param = Param::optional(
    Location::Body,
    "permissions",
    Kind::Text,
    concat!(
        "What that key may do: a comma list of ",
        access::permission_names!(),
        ", or an array"
    ),
);
const EXPIRES_DAYS: Param = Param::optional(
    Location::Body,
    "expires_days",
    Kind::Int {
        min: 1,
        max: 3650,
        default: None,
    },
    "Days until that key expires; never when absent",
);

/// Parameters of `POST /api/session/link`.
pub(crate) const LINK: &[Param] = &[KEY, NAME, PERMISSIONS, EXPIRES_DAYS];

/// A link that signs one browser in, once.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInLink {
    /// For `POST /api/session/exchange`; shown once.
    secret: String,
    /// The page with the secret, by the name that this request was made to.
    url: String,
    /// Seconds that it is good for.
    expires_in_s: u64,
    /// The URL as a QR code: a row a text, 1 for a dark module.
    qr: Vec<String>,
}

/// `POST /api/session/link`
pub(crate) fn link(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let (to, base) = (wanted(&mut call)?, base(&call)?);
        let secret = call.app.access.link(to, &call.audited()).await?;
        let url = format!("{base}/#signin={}", *secret);
        Ok(respond::json(&SignInLink {
            qr: qr::rows(&url).unwrap_or_default(),
            url,
            secret: secret.to_string(),
            expires_in_s: LINK_TTL.as_secs(),
        }))
    })
}

fn wanted(call: &mut Call) -> Result<LinkTo, ApiError> {
    let key = call.inputs.text(&KEY);
    let (name, permissions) = (call.inputs.text(&NAME), call.inputs.list(&PERMISSIONS));
    let expires_days = call.inputs.int(&EXPIRES_DAYS).map(|days| days as u32);
    call.inputs.finish()?;
    match (key, name, permissions) {
        (Some(preview), None, None) => Ok(LinkTo::Key(preview)),
        (None, Some(name), Some(permissions)) => Ok(LinkTo::NewKey {
            name,
            permissions,
            expires_days,
        }),
        (key, ..) => {
            let message = "give either key, or name and permissions";
            let input = key.unwrap_or_default().into();
            let issue = Issue::new("value_error", "body", "key", message, input);
            Err(ApiError::validation(vec![issue]))
        }
    }
}

/// Scheme, name and port by which the gateway was called.
fn base(call: &Call) -> Result<String, ApiError> {
    let host = doors::host(&call.parts)?.ok_or_else(|| ApiError::invalid("Host header missing"))?;
    let peer = call.parts.extensions.get::<Peer>();
    let scheme = match peer.map(|peer| peer.via) {
        None | Some(Via::Https) => "https",
        // On loopback, or behind a proxy whose page has an origin of its own.
        Some(_) => "http",
    };
    Ok(format!("{scheme}://{host}"))
}
