//! Who asks: the key, the cookie or the ticket that a request carries, judged for its route.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::http::doors;
use crate::http::envelope::ApiError;
use crate::http::inputs::Inputs;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Gives, Policy, Route};
use crate::http::session_cookie;
use crate::players::{Pass, Players};
use access::{Access, Denial, Session, Tickets, is_key_shaped};
use https::{Connection, Via};
use readings::clock::Mono;

/// A one-time ticket.
pub(crate) const TICKET: Param = Param::optional(
    Location::Query,
    "ticket",
    Kind::Text,
    "From POST /api/ws-ticket, instead of the X-API-Key header",
);

/// Key, or the cookie of a browser that signed in, and permission. Routes that need
/// none look at neither. The key wins where both are shown.
pub(super) fn authenticate(
    (access, tickets): (&Access, &Tickets),
    config: &Config,
    route: &Route,
    parts: &Parts,
    via: Via,
    client: IpAddr,
    now: Mono,
) -> Result<Option<Session>, ApiError> {
    let (policy, profile) = (route.policy, config.access.profile);
    // Whoever may open the control socket owns the gateway's files anyway.
    let is_open = via == Via::Console || (via == Via::Metrics && policy == Policy::Metrics);
    if is_open || !policy.asks_for_key(profile) {
        return Ok(None);
    }
    if policy == Policy::Socket {
        // A ticket was given for a key with the permission, and works once.
        let mut query = Inputs::from_uri(&parts.uri);
        if let Some(ticket) = query.text(&TICKET) {
            let holder = tickets.redeem(&ticket, now);
            return holder
                .map(Some)
                .ok_or_else(|| ApiError::from(Denial::Invalid));
        }
    }
    let key = shown_key(&parts.headers, takes_password(route));
    let key = key.as_ref().map(|key| key.as_slice());
    let cookie = session_cookie::of(&parts.headers).filter(|_| key.is_none());
    let needs = policy.needs(profile);
    let session = match cookie {
        None => access.authorise(key, client, needs, now)?,
        Some(cookie) => {
            doors::judge_cookie(config, parts, via)?;
            let cookie = cookie.as_bytes();
            access.authorise_browser(cookie, client, needs, now)?
        }
    };
    Ok(Some(session))
}

/// The key in the headers: `X-API-Key`; else a Bearer token that looks like a key of ours;
/// else, where programs scrape or play, the password of Basic.
///
/// Other Bearer tokens are somebody else's: the documented clients send some. They are
/// neither judged nor counted, or whoever has signed in elsewhere would be locked out here.
fn shown_key(headers: &HeaderMap, takes_password: bool) -> Option<Zeroizing<Vec<u8>>> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(Zeroizing::new(key.as_bytes().to_vec()));
    }
    let (scheme, credentials) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        let is_ours = is_key_shaped(credentials.as_bytes());
        return is_ours.then(|| Zeroizing::new(credentials.as_bytes().to_vec()));
    }
    if !takes_password || !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let (_, password) = pair(credentials)?;
    Some(password)
}

/// User and password of Basic.
fn pair(credentials: &str) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let decoded = Zeroizing::new(BASE64.decode(credentials.trim()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let password = Zeroizing::new(decoded[colon + 1..].to_vec());
    Some((decoded[..colon].to_vec(), password))
}

/// What a player's own user and password open, where players ask.
pub(super) fn player_pass(players: &Players, route: &Route, headers: &HeaderMap) -> Option<Pass> {
    if !is_for_players(route) {
        return None;
    }
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = given.split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let (user, password) = is_basic.then(|| pair(credentials))??;
    players.admit(&user, &password)
}

/// Whether scrapers or players ask for it, which give a key as the password of Basic.
fn takes_password(route: &Route) -> bool {
    route.policy == Policy::Metrics || is_for_players(route)
}

/// Whether players ask for it: programs that know nothing but a user and a password.
fn is_for_players(route: &Route) -> bool {
    let is = |first: &str| first.starts_with("video/mp") || first.starts_with("multipart/");
    matches!(route.gives, Gives::Media(&[first, ..]) if is(first))
}

/// The refusal of a route for players asks for a password: they send none before.
pub(super) fn asking(route: &Route, error: ApiError) -> ApiError {
    if is_for_players(route) && error.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"key as password\"");
        return error.header(header::WWW_AUTHENTICATE, challenge);
    }
    error
}

/// Tells the edge whether its connection has shown a good key: then it gives way to
/// none when room is short. A route that needs none says nothing of it.
pub(super) fn vouch(parts: &Parts, outcome: &Result<Option<Session>, ApiError>) {
    let good = match outcome {
        Ok(None) => return,
        Ok(Some(_)) => true,
        Err(_) => false,
    };
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.authenticated(good);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use access::{PUBLISHED_READONLY_KEY, Permission};
    use http::{Request, StatusCode};
    use store::Store;

    use super::*;
    use crate::access_store::AccessStore;
    use crate::http::route::{Gives, Run, Verb};

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    struct Bench {
        _dir: tempfile::TempDir,
        access: Access,
        tickets: Tickets,
    }

    impl Bench {
        async fn open() -> Bench {
            let dir = tempfile::tempdir().expect("a directory");
            let (store, _) = Store::open(dir.path()).expect("opened");
            let (config, records) = (access::Config::default(), AccessStore::new(store));
            let access = Access::open_demo(&config, records).await;
            Bench {
                _dir: dir,
                access: access.expect("opened"),
                tickets: Tickets::default(),
            }
        }

        /// Who asks `uri` with these headers, on a route of `policy`.
        fn ask(
            &self,
            (policy, via): (Policy, Via),
            uri: &str,
            headers: &[(&str, &str)],
        ) -> Result<Option<Session>, StatusCode> {
            let mut request = Request::get(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            let run = Run::Now(|_| Err(ApiError::internal()));
            let route = Route::new(Verb::Get, "/x", policy, run, Gives::Upgrade);
            let (config, now) = (Config::default(), Mono::ZERO);
            authenticate(
                (&self.access, &self.tickets),
                &config,
                &route,
                &parts,
                via,
                CLIENT,
                now,
            )
            .map_err(|refused| refused.status())
        }
    }

    const READ: Policy = Policy::Strict(Permission::Read);
    const KEY: [(&str, &str); 1] = [("x-api-key", PUBLISHED_READONLY_KEY)];

    #[tokio::test]
    async fn a_key_is_judged_by_what_the_route_needs() {
        let bench = Bench::open().await;
        let name = |session: Result<Option<Session>, StatusCode>| {
            session.map(|session| session.map(|session| session.name().to_string()))
        };
        let asked = bench.ask((READ, Via::Https), "/x", &KEY);
        assert!(name(asked).expect("let in").is_some());
        let none = bench.ask((READ, Via::Https), "/x", &[]);
        assert_eq!(name(none), Err(StatusCode::UNAUTHORIZED));
        let wrong = bench.ask((READ, Via::Https), "/x", &[("x-api-key", "guess")]);
        assert_eq!(name(wrong), Err(StatusCode::UNAUTHORIZED));
        let admin = Policy::Needs(Permission::Admin);
        let lacks = bench.ask((admin, Via::Https), "/x", &KEY);
        assert_eq!(name(lacks), Err(StatusCode::FORBIDDEN));
        // Where none is needed, none is looked at, not even a wrong one.
        let open = bench.ask((Policy::Open, Via::Https), "/x", &[("x-api-key", "guess")]);
        assert_eq!(name(open), Ok(None));
    }

    #[tokio::test]
    async fn metrics_are_open_on_their_own_listener_alone() {
        let bench = Bench::open().await;
        let open = bench.ask((Policy::Metrics, Via::Metrics), "/metrics", &[]);
        assert!(open.expect("open").is_none());
        let refused = bench.ask((Policy::Metrics, Via::Https), "/metrics", &[]);
        assert_eq!(refused.err(), Some(StatusCode::UNAUTHORIZED));
        let other = bench.ask((READ, Via::Metrics), "/x", &[]);
        assert_eq!(other.err(), Some(StatusCode::UNAUTHORIZED));
    }

    #[tokio::test]
    async fn a_ticket_opens_a_socket_once_and_nothing_else() {
        let bench = Bench::open().await;
        let session = bench.ask((READ, Via::Https), "/x", &KEY);
        let session = session.expect("let in").expect("by a key");
        let ticket = || {
            let issued = bench.tickets.issue(session.clone(), Mono::ZERO);
            format!("/ws?ticket={}", issued.expect("issued").0)
        };
        let socket = (Policy::Socket, Via::Https);
        let uri = ticket();
        let opened = bench.ask(socket, &uri, &[]).expect("let in");
        assert_eq!(opened.expect("by the ticket").id(), session.id());
        assert_eq!(
            bench.ask(socket, &uri, &[]).err(),
            Some(StatusCode::UNAUTHORIZED)
        );
        // A wrong ticket is not made good by a key beside it.
        let beside = bench.ask(socket, "/ws?ticket=none", &KEY);
        assert_eq!(beside.err(), Some(StatusCode::UNAUTHORIZED));
        let elsewhere = bench.ask((READ, Via::Https), &ticket(), &[]);
        assert_eq!(elsewhere.err(), Some(StatusCode::UNAUTHORIZED));
    }

    #[tokio::test]
    async fn a_cookie_lets_a_browser_in_unless_a_key_is_shown() {
        let bench = Bench::open().await;
        let (cookie, host) = (("cookie", "__Host-mfg_session=guess"), ("host", "gw"));
        let refused = bench.ask((READ, Via::Https), "/x", &[cookie, host]);
        assert_eq!(refused.err(), Some(StatusCode::UNAUTHORIZED));
        // A page of another site has the browser send it, and gets nowhere with it.
        let foreign = [cookie, host, ("origin", "https://elsewhere.example")];
        let refused = bench.ask((READ, Via::Https), "/x", &foreign);
        assert_eq!(refused.err(), Some(StatusCode::FORBIDDEN));
        let both = [KEY[0], cookie];
        let by_key = bench.ask((READ, Via::Https), "/x", &both).expect("let in");
        assert!(!by_key.expect("by the key").is_of_browser());
    }

    fn shown(headers: &[(&'static str, &str)], takes_password: bool) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (http::HeaderName::from_static(name), value)
        });
        let key = shown_key(&headers.collect(), takes_password)?;
        Some(String::from_utf8(key.to_vec()).expect("text"))
    }

    #[test]
    fn a_key_of_ours_is_taken_as_a_bearer_token_and_no_other_token_is() {
        let bearer = |token: &str| shown(&[("authorization", token)], false);
        assert_eq!(bearer("Bearer mfg-drone-x").as_deref(), Some("mfg-drone-x"));
        assert_eq!(
            bearer("bearer  mfg-drone-x").as_deref(),
            Some("mfg-drone-x")
        );
        for other in [
            "Bearer eyJhbGciOi",
            "Bearer",
            "Bearer ",
            "Digest mfg-drone-x",
            "x",
        ] {
            assert_eq!(bearer(other), None, "{other}");
        }
        let both = [
            ("authorization", "Bearer mfg-drone-x"),
            ("x-api-key", "other"),
        ];
        assert_eq!(shown(&both, true).as_deref(), Some("other"));
    }

    #[test]
    fn the_password_of_basic_is_a_key_only_where_passwords_are_taken() {
        // printf 'prometheus:mfg-drone-a:b' | base64
        let basic = [("authorization", "Basic cHJvbWV0aGV1czptZmctZHJvbmUtYTpi")];
        assert_eq!(shown(&basic, true).as_deref(), Some("mfg-drone-a:b"));
        assert_eq!(shown(&basic, false), None);
        let broken = [("authorization", "Basic ???")];
        assert_eq!(shown(&broken, true), None);
    }
}
