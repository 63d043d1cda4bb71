//! Signing a browser in and out: a key, or the secret of a link, for a cookie.
//!
//! `POST /api/session` and `/exchange` are open to everybody: they are where a key is
//! judged. Why one is refused is told by a code each, so that a page can say it in its
//! own language. The cookie in clear passes through here once, in its header.

use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{SUCCESS, get, later};
use crate::http::scalars::Ts;
use crate::http::session_cookie;
use crate::http::shape::of;
use access::{
    Browser, BrowserSession, Denial, KeyError, Permission, Session, SessionId, SignInError,
    SignedIn,
};

const SESSION: Gives = Gives::Json(of::<SessionView>());
/// What a sign-in is refused with.
const REFUSED: &[&str] = &["401", "403", "503"];

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(Verb::Post, "/api/session", Policy::Open, sign_in, SESSION)
        .about("sessions", "Sign a browser in: a key for a cookie")
        .takes(SIGN_IN)
        .also(REFUSED),
    get("/api/session", Policy::AnyKey, who, SESSION).about("sessions", "Get who is signed in"),
    later(
        Verb::Delete,
        "/api/session",
        Policy::Open,
        sign_out,
        SUCCESS,
    )
    .about("sessions", "Sign the browser out"),
    later(
        Verb::Post,
        "/api/session/exchange",
        Policy::Open,
        exchange,
        SESSION,
    )
    .about(
        "sessions",
        "Sign a browser in: the secret of a link for a cookie",
    )
    .takes(EXCHANGE)
    .may_conflict()
    .also(REFUSED),
    get(
        "/api/sessions",
        Policy::AnyKey,
        list,
        Gives::Json(of::<SessionList>()),
    )
    .about(
        "sessions",
        "List browsers that are signed in: all for an administrator, else those of the own key",
    ),
    later(
        Verb::Delete,
        "/api/sessions/{id}",
        Policy::AnyKey,
        remove,
        SUCCESS,
    )
    .about("sessions", "End the session of a browser")
    .takes(END),
];

const KEY: Param = Param::required(
    Location::Body,
    "key",
    Kind::Chars { min: 1, max: 1024 },
    "The API key as it was typed; full-width characters are folded, spaces around it left out",
);
const SECRET: Param = Param::required(
    Location::Body,
    "secret",
    Kind::Chars { min: 1, max: 256 },
    "The secret of a sign-in link: what stands behind #signin=",
);

/// Parameters of `POST /api/session`.
pub(crate) const SIGN_IN: &[Param] = &[KEY];
/// Parameters of `POST /api/session/exchange`.
pub(crate) const EXCHANGE: &[Param] = &[SECRET];
/// Parameters of `DELETE /api/sessions/{id}`.
pub(crate) const END: &[Param] = &[Param::required(
    Location::Path,
    "id",
    Kind::Text,
    "Id from the listing",
)];

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// To end it by; none for a request that brings its key.
    id: Option<String>,
    /// Name of the key.
    name: String,
    /// Preview of the key.
    key: String,
    /// Everything it may do: `respond` is listed where `write` is.
    permissions: Vec<&'static str>,
    opened_at: Option<Ts>,
    last_seen_at: Option<Ts>,
    /// Never, for a key that does not expire.
    expires_at: Option<Ts>,
    /// Address that signed in.
    client: Option<String>,
    /// What the browser calls itself.
    agent: Option<String>,
    /// Whether it is the session that asks.
    current: bool,
}

impl SessionView {
    fn of(session: &BrowserSession, asking: Option<SessionId>) -> SessionView {
        SessionView {
            id: Some(session.id.to_string()),
            name: session.name.to_string(),
            key: access::preview(&session.key),
            permissions: names(|permission| session.permissions.contains(permission)),
            opened_at: Some(Ts::from_us(session.opened_us)),
            last_seen_at: Some(Ts::from_us(session.seen_us)),
            expires_at: Some(Ts::from_us(session.expires_us)),
            client: Some(session.browser.client.to_string()),
            agent: Some(session.browser.agent.clone()),
            current: asking == Some(session.id),
        }
    }

    /// Of a request that brings its key.
    fn of_key(session: &Session) -> SessionView {
        SessionView {
            id: None,
            name: session.name().to_string(),
            key: access::preview(session.key()),
            permissions: names(|permission| session.may(permission)),
            opened_at: None,
            last_seen_at: None,
            expires_at: session.key_expires_us().map(Ts::from_us),
            client: None,
            agent: None,
            current: true,
        }
    }
}

fn names(may: impl Fn(Permission) -> bool) -> Vec<&'static str> {
    let granted = Permission::ALL.into_iter().filter(|one| may(*one));
    granted.map(Permission::name).collect()
}

/// Browsers that are signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The newest first.
    sessions: Vec<SessionView>,
    /// How many there are.
    total_count: usize,
}

/// `POST /api/session`
pub(crate) fn sign_in(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let typed = call.inputs.text(&KEY);
        call.inputs.finish()?;
        let outcome = call
            .app
            .access
            .sign_in(&typed.unwrap_or_default(), browser(&call))
            .await;
        answer(outcome, "KEY_WRONG", "This key is not known")
    })
}

/// `POST /api/session/exchange`
pub(crate) fn exchange(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let secret = call.inputs.text(&SECRET);
        call.inputs.finish()?;
        let outcome = call
            .app
            .access
            .exchange(secret.unwrap_or_default().trim(), browser(&call))
            .await;
        answer(outcome, "LINK_WRONG", "This sign-in link is not known")
    })
}

fn browser(call: &Call) -> Browser {
    let agent = call.parts.headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Browser::new(call.client, agent.unwrap_or_default())
}

/// The cookie and who it is, or why not. `wrong` is the code of what is not known.
fn answer(
    outcome: Result<SignedIn, SignInError>,
    wrong: &'static str,
    unknown: &'static str,
) -> Outcome {
    let signed_in = outcome.map_err(|error| refusal(error, wrong, unknown))?;
    let asking = Some(signed_in.session.id);
    let mut response = respond::json(&SessionView::of(&signed_in.session, asking));
    let cookie = session_cookie::set(&signed_in.cookie).ok_or_else(ApiError::internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn refusal(error: SignInError, wrong: &'static str, unknown: &'static str) -> ApiError {
    let refused = |code, message| ApiError::new(StatusCode::UNAUTHORIZED, code, message);
    match error {
        SignInError::Denied(Denial::Missing) => refused("KEY_MISSING", "Type a key"),
        SignInError::Denied(Denial::Invalid) => refused(wrong, unknown),
        SignInError::Denied(Denial::Revoked) => refused("KEY_REVOKED", "This key was revoked"),
        SignInError::Denied(Denial::Expired) => refused("KEY_EXPIRED", "This key has expired"),
        SignInError::Denied(other) => other.into(),
        SignInError::LinkUsed => refused(
            "LINK_USED",
            "This sign-in link was used already; have a new one made",
        ),
        SignInError::LinkExpired => refused(
            "LINK_EXPIRED",
            "This sign-in link is older than 5 minutes; have a new one made",
        ),
        SignInError::Key(error) => error.into(),
    }
}

/// `GET /api/session`
pub(crate) fn who(call: &mut Call) -> Outcome {
    let session = call.session.as_ref().ok_or_else(ApiError::internal)?;
    let view = match own(call) {
        Some(browser) => SessionView::of(&browser, Some(browser.id)),
        None => SessionView::of_key(session),
    };
    Ok(respond::json(&view))
}

/// The browser's session that asks, if one does.
fn own(call: &Call) -> Option<BrowserSession> {
    let session = call.session.as_ref().filter(|one| one.is_of_browser())?;
    let mut browsers = call.app.access.browsers().into_iter();
    browsers.find(|browser| browser.id == session.id())
}

/// `DELETE /api/session`: whoever signs out is signed out, whatever they were.
pub(crate) fn sign_out(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let access = &call.app.access;
        let cookie = session_cookie::of(&call.parts.headers);
        if let Some(browser) = cookie.and_then(|cookie| access.browser(cookie.as_bytes())) {
            end(&call, &browser, &browser.name).await?;
        }
        let mut response = respond::json(&SuccessResponse::new("Signed out"));
        forget(&mut response);
        Ok(response)
    })
}

fn forget(response: &mut Response) {
    let cookie = session_cookie::clear();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
}

async fn end(call: &Call, browser: &BrowserSession, by: &str) -> Result<(), ApiError> {
    let ended = call.app.access.end_browser(browser.id, by).await;
    // That it is over already is as good.
    ended
        .map(drop)
        .map_err(|error| KeyError::from(error).into())
}

/// Those that the caller may see and end: an administrator all, others those of
/// their own key.
fn visible(call: &Call) -> Result<Vec<BrowserSession>, ApiError> {
    let session = call.session.as_ref().ok_or_else(ApiError::internal)?;
    let mut browsers = call.app.access.browsers();
    if !session.may(Permission::Admin) {
        browsers.retain(|browser| browser.key == *session.key());
    }
    Ok(browsers)
}

/// `GET /api/sessions`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let asking = call.session.as_ref().map(Session::id);
    let visible = visible(call)?;
    let sessions: Vec<SessionView> = visible
        .iter()
        .map(|browser| SessionView::of(browser, asking))
        .collect();
    Ok(respond::json(&SessionList {
        total_count: sessions.len(),
        sessions,
    }))
}

/// `DELETE /api/sessions/{id}`
pub(crate) fn remove(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let unknown = || ApiError::not_found("No such session");
        let id: SessionId = call.param.parse().map_err(|_| unknown())?;
        let mut browsers = visible(&call)?.into_iter();
        let browser = browsers.find(|one| one.id == id).ok_or_else(unknown)?;
        end(&call, &browser, &call.audited()).await?;
        Ok(respond::json(&SuccessResponse::new(format!(
            "Session of {} ended",
            browser.name
        ))))
    })
}
