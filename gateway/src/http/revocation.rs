//! What a key opened ends with it: requests under way, and answers that are still
//! being sent. Sockets do so in `live::socket`.
//!
//! A session without a key (an open route) never ends. Nothing here decides
//! whether a key is good: `access` does, and tells by [`Session::ended`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

use crate::http::envelope::Outcome;
use access::{Denial, Session, SessionEnd};

/// What a request under way may still take when its key is gone. Enough for one
/// that is as good as done, the revocation by the key itself among them; with
/// the half second after which an expiry is seen, less than a second.
const GRACE: Duration = Duration::from_millis(300);

/// Why a socket or an answer ends.
pub(crate) const REASON: &str = "the key was revoked, has expired or was changed";

/// Waits until the key of `session` is gone; for ever when there is none.
pub(crate) async fn ended(session: Option<&Session>) {
    match session {
        Some(session) => session.ended().await,
        None => std::future::pending().await,
    }
}

/// Does the work of a request as long as its key lasts.
///
/// # Errors
/// Those of the work, or 401 when the key went first.
pub(crate) async fn within(
    session: Option<&Session>,
    work: impl Future<Output = Outcome>,
) -> Outcome {
    tokio::pin!(work);
    tokio::select! {
        // Most work is done when it is first asked: then nobody waits for the key.
        biased;
        outcome = &mut work => return outcome,
        () = ended(session) => {}
    }
    let late = timeout(GRACE, work).await;
    late.unwrap_or_else(|_| Err(refusal(session).into()))
}

/// What a request is refused with whose session ended while it was under way.
fn refusal(session: Option<&Session>) -> Denial {
    match session.filter(|session| session.is_of_browser()) {
        Some(browser) => Denial::SessionOver(browser.end().unwrap_or(SessionEnd::Ended)),
        None => Denial::Invalid,
    }
}

/// The same answer, whose body breaks off when the key is gone: for bodies that
/// come from elsewhere and may take long.
pub(crate) fn sent_within(session: Session, answer: Response) -> Response {
    answer.map(|body| {
        Body::new(Tenured {
            body,
            ended: Box::pin(async move { session.ended().await }),
        })
    })
}

/// A body with the end of its key.
struct Tenured {
    body: Body,
    ended: BoxFuture<'static, ()>,
}

impl HttpBody for Tenured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(REASON))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use access::{Access, PUBLISHED_READONLY_KEY};
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use readings::clock::Mono;
    use store::Store;

    use super::*;
    use crate::access_store::AccessStore;

    /// Keys in a directory of their own, and a session of the read-only one.
    async fn opened() -> (tempfile::TempDir, Access, Session) {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(dir.path()).expect("opened");
        let (config, records) = (access::Config::default(), AccessStore::new(store));
        let opened = Access::open_demo(&config, records).await;
        let access = opened.expect("opened");
        let (key, client) = (PUBLISHED_READONLY_KEY, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let session = access
            .authorise(Some(key.as_bytes()), client, None, Mono::ZERO)
            .expect("a valid key");
        (dir, access, session)
    }

    async fn revoke(access: &Access) {
        let revoked = access.revoke_key(PUBLISHED_READONLY_KEY, "test").await;
        revoked.expect("revoked");
    }

    #[tokio::test]
    async fn work_that_outlives_the_key_is_given_up() {
        let (_dir, access, session) = opened().await;
        let forever = within(Some(&session), std::future::pending());
        let (outcome, ()) = tokio::join!(forever, revoke(&access));
        let refused = outcome.expect_err("given up");
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn work_that_is_nearly_done_is_answered() {
        let (_dir, access, session) = opened().await;
        let nearly_done = async {
            revoke(&access).await;
            tokio::task::yield_now().await;
            Ok(Response::default())
        };
        assert!(within(Some(&session), nearly_done).await.is_ok());
        assert!(!session.is_live());
        assert!(
            within(None, async { Ok(Response::default()) })
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_body_that_comes_from_elsewhere_breaks_off() {
        let (_dir, access, session) = opened().await;
        let whole = sent_within(session.clone(), Response::new(Body::from("whole")));
        let collected = whole.into_body().collect().await.expect("whole");
        assert_eq!(collected.to_bytes(), "whole");
        let forever = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let endless = sent_within(session, Response::new(Body::from_stream(forever)));
        let (broken, ()) = tokio::join!(endless.into_body().collect(), revoke(&access));
        assert!(broken.is_err());
    }
}
