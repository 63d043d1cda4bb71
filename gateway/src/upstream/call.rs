//! One request: leave of the breaker, a place among those under way, the call,
//! and what its answer means.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http::uri::PathAndQuery;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use hyper::body::Incoming;
use hyper_util::client::legacy;

use super::body::{Inward, Outward, Pace, Stage};
use super::breaker::{BreakerPermit, Health};
use super::failure::Failure;
use super::link::{Link, whole_seconds};
use crate::outbound;
use crate::shares::Principal;
use readings::clock::Mono;

/// Longest a request with a body may take until it is answered, however
/// steadily its client sends: 10 MiB at 35 kB a second. A trickle would hold
/// one of the few permits.
const UPLOAD_WITHIN: Duration = Duration::from_secs(300);

/// What is passed back of an answer's header. All else is either between the
/// upstream and the gateway (connection, cookies, its key's limits) or the
/// gateway's own to say (CORS, security).
const PASSED_BACK: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
];

/// What is to be passed on; checked by the caller.
pub(crate) struct Forward {
    /// Method.
    pub method: Method,
    /// Path of the API, for example `/api/models`.
    pub path: String,
    /// Type of the body.
    pub content_type: Option<HeaderValue>,
    /// Body; none for requests without.
    pub body: Option<Body>,
    /// Largest body of this route in bytes.
    pub limit: u64,
    /// Who asks: no one takes all places.
    pub principal: Principal,
    /// Time the client has for each piece of its body.
    pub client_timeout: Duration,
}

/// A request that the breaker gave leave for; says how it went, also when it is
/// given up half-way.
struct Attempt<'a> {
    link: &'a Link,
    leave: Option<BreakerPermit>,
}

impl<'a> Attempt<'a> {
    fn ask(link: &'a Link) -> Result<Attempt<'a>, Failure> {
        let leave = link.breaker().ask(Mono::now());
        let leave = leave.map_err(|wait| Failure::LeftAlone {
            retry_after_s: whole_seconds(wait).max(1),
        })?;
        Ok(Attempt {
            link,
            leave: Some(leave),
        })
    }

    fn settle(&mut self, health: Health) {
        if let Some(leave) = self.leave.take() {
            self.link.breaker().settle(leave, health, Mono::now());
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.settle(Health::Unknown);
    }
}

/// Passes `forward` on and its answer back.
pub(super) async fn run(link: &Arc<Link>, forward: Forward) -> Result<Response<Body>, Failure> {
    let limit = forward.limit.min(link.max_request_bytes);
    if forward
        .body
        .as_ref()
        .is_some_and(|body| body.size_hint().lower() > limit)
    {
        return Err(Failure::RequestTooLarge(limit));
    }
    // First the place: a request that is refused here must not be the one that
    // was to try the upstream.
    let place = link.places.take(&forward.principal, link.most_places);
    let place = place.ok_or(Failure::Busy)?;
    let mut attempt = Attempt::ask(link)?;
    let answer = ask(link, forward, limit).await;
    let outcome = answer.and_then(|answer| judge(link, answer));
    let health = match &outcome {
        Ok(_) | Err(Failure::Refused(_)) => Health::Well,
        Err(Failure::RequestTooLarge(_) | Failure::ClientGone) => Health::Unknown,
        Err(failure) => {
            link.remember(&failure.to_string());
            Health::Ill
        }
    };
    attempt.settle(health);
    let answer = outcome?;
    link.counters.answered.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = answer.into_parts();
    let body = Inward::new(
        body,
        link.max_response_bytes,
        link.timeout,
        link.clone(),
        place,
    );
    let mut passed = Response::new(Body::new(body));
    *passed.status_mut() = parts.status;
    *passed.headers_mut() = passed_back(&parts.headers);
    passed.extensions_mut().insert(https::NotHeld);
    Ok(passed)
}

fn passed_back(headers: &HeaderMap) -> HeaderMap {
    let pairs = PASSED_BACK
        .into_iter()
        .filter_map(|name| Some((name.clone(), headers.get(&name)?.clone())));
    pairs.collect()
}

/// What an answer's header says about the upstream itself.
fn judge(link: &Link, answer: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    let status = answer.status();
    let limit = link.max_response_bytes;
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            let asked = answer.headers().get(header::RETRY_AFTER);
            Err(Failure::Unavailable {
                retry_after_s: asked.and_then(|value| value.to_str().ok()?.parse().ok()),
            })
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            link.remember(&Failure::Refused(status.as_u16()).to_string());
            Err(Failure::Refused(status.as_u16()))
        }
        status if is_trouble(status) => Err(Failure::Bad(format!(
            "it answered with status {}",
            status.as_u16()
        ))),
        // It would lead the client past every check made here.
        status if status.is_redirection() => Err(Failure::Bad(format!(
            "it redirects (status {})",
            status.as_u16()
        ))),
        _ if answer.body().size_hint().lower() > limit => Err(Failure::AnswerTooLarge(limit)),
        _ => Ok(answer),
    }
}

/// Sends the request. A read that met a connection the upstream had just closed
/// is sent once more; nothing else is, since it might have been carried out.
async fn ask(
    link: &Arc<Link>,
    forward: Forward,
    limit: u64,
) -> Result<Response<Incoming>, Failure> {
    let repeatable = forward.method == Method::GET && forward.body.is_none();
    let (method, path) = (forward.method.clone(), forward.path.clone());
    let principal = forward.principal.clone();
    match once(link, forward, limit).await {
        Err(Failure::Bad(_)) if repeatable => {
            link.counters.repeated.fetch_add(1, Ordering::Relaxed);
            let client_timeout = link.timeout;
            let again = Forward {
                method,
                path,
                content_type: None,
                body: None,
                limit,
                principal,
                client_timeout,
            };
            once(link, again, limit).await
        }
        outcome => outcome,
    }
}

async fn once(
    link: &Arc<Link>,
    forward: Forward,
    limit: u64,
) -> Result<Response<Incoming>, Failure> {
    let began = Mono::now();
    let pace = Pace::started(began);
    let client_timeout = forward.client_timeout;
    let request = request(link, forward, limit, &pace)?;
    let answer = link.client.request(request);
    tokio::pin!(answer);
    loop {
        let (stage, moved) = pace.read();
        let patience = if stage == Stage::Client {
            client_timeout
        } else {
            link.timeout
        };
        let due = moved
            .plus(patience)
            .min(began.plus(UPLOAD_WITHIN.max(link.timeout)));
        tokio::select! {
            answer = &mut answer => return answer.map_err(|error| meaning(&error, pace.read().0, limit)),
            () = tokio::time::sleep(due.since(Mono::now()).max(Duration::from_millis(1))) => {
                // A frame may have moved in the meantime: then there is a new due time.
                if pace.read() != (stage, moved) && Mono::now() < began.plus(UPLOAD_WITHIN) {
                    continue;
                }
                return Err(match stage {
                    Stage::Client => Failure::ClientGone,
                    _ => Failure::TimedOut(link.timeout.as_secs()),
                });
            }
        }
    }
}

fn meaning(error: &legacy::Error, stage: Stage, limit: u64) -> Failure {
    match stage {
        Stage::TooLarge => Failure::RequestTooLarge(limit),
        Stage::Broken => Failure::ClientGone,
        _ if error.is_connect() => Failure::Unreachable(outbound::chain(error)),
        _ => Failure::Bad(outbound::chain(error)),
    }
}

fn request(
    link: &Arc<Link>,
    forward: Forward,
    limit: u64,
    pace: &Arc<Pace>,
) -> Result<Request<Body>, Failure> {
    let wrong = |error: http::Error| Failure::Bad(error.to_string());
    let path = PathAndQuery::try_from(format!("{}{}", link.prefix, forward.path));
    let path = path.map_err(|error| wrong(error.into()))?;
    let uri = Uri::builder()
        .scheme(link.scheme.clone())
        .authority(link.authority.clone())
        .path_and_query(path);
    let mut request = Request::builder()
        .method(forward.method)
        .uri(uri.build().map_err(wrong)?)
        .header(header::ACCEPT, "application/json")
        .header(
            header::USER_AGENT,
            concat!("mfg-drone-gateway/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(key) = &link.key {
        request = request.header("x-api-key", key);
    }
    if let Some(content_type) = forward.content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    let body = forward.body.map_or_else(Body::empty, |inner| {
        Body::new(Outward {
            inner,
            left: limit,
            pace: pace.clone(),
            link: link.clone(),
        })
    });
    request.body(body).map_err(wrong)
}

/// Whether a status says that the upstream itself is in trouble.
fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_the_client_is_passed_back() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("etag", "\"1\""),
            ("set-cookie", "session=1"),
            ("connection", "x-secret"),
            ("transfer-encoding", "chunked"),
            ("x-secret", "1"),
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "none"),
        ] {
            headers.insert(name, value.parse().expect("a value"));
        }
        let passed = passed_back(&headers);
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "etag"]);
    }
}
