//! Signing in and out: a browser trades its key, or the secret of a link, for a
//! cookie that no script can read.
//!
//! One try is one attempt, however many requests a page makes afterwards. Sessions
//! outlive a restart where the records keep them; a sign-out is durable before
//! it is acknowledged, a sign-in best effort: whoever lost one signs in again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use readings::clock::{Mono, term_now};

use super::{Access, Keyring, to_the_end};
use crate::browser::Browser;
use crate::browsers::BrowserSession;
use crate::cookie::{self, Cookie};
use crate::cookie_sessions::{Row, SESSION_TTL};
use crate::decision::{Denial, RateClass, RateVerdict};
use crate::error::KeyError;
use crate::keys::NewKey;
use crate::links::{Found, Grant};
use crate::permission::Permission;
use crate::records::{Change, NotDurable, SessionRecord};
use crate::session::{Session, SessionId};
use crate::table::KeyEntry;
use crate::{secret, typed};

/// Least time between two writes for the sake of sign-ins. All of them are some 30 kB,
/// so even a client that signs in for ever writes less than 50 MB a day.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// A sign-in that succeeded.
#[derive(Debug)]
pub struct SignedIn {
    /// The cookie, in clear only here.
    pub cookie: Zeroizing<String>,
    /// What it stands for.
    pub session: BrowserSession,
}

/// Why nobody was signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// The key or the secret is refused.
    #[error("refused")]
    Denied(Denial),
    /// The link was used before.
    #[error("this link was used already; have a new one made")]
    LinkUsed,
    /// The link was made too long ago.
    #[error("this link was good for 5 minutes, which are over; have a new one made")]
    LinkExpired,
    /// The key that a link promised cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What a link is to sign in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTo {
    /// A key, by its preview.
    Key(String),
    /// A key made when the link is used; nobody ever sees it.
    NewKey {
        /// Its name.
        name: String,
        /// Comma list.
        permissions: String,
        /// Days, or for ever.
        expires_days: Option<u32>,
    },
}

impl Access {
    /// Signs a browser in with a key as somebody typed it.
    ///
    /// # Errors
    /// [`SignInError::Denied`]; a wrong key is one failed attempt.
    pub async fn sign_in(&self, typed: &str, browser: Browser) -> Result<SignedIn, SignInError> {
        let key = typed::fold(typed);
        let admitted = self.authorise(Some(key.as_bytes()), browser.client, None, Mono::now());
        let session = admitted.map_err(SignInError::Denied)?;
        Ok(self.begin(session.entry().clone(), browser).await?)
    }

    /// Signs a browser in with the secret of a link, which is used up by it.
    ///
    /// # Errors
    /// [`SignInError`]; a wrong secret is one failed attempt.
    pub async fn exchange(&self, secret: &str, browser: Browser) -> Result<SignedIn, SignInError> {
        let now = Mono::now();
        let found = self.keyring.browsers.links().take(secret.as_bytes(), now);
        let grant = match found {
            Found::Good(grant) => grant,
            Found::Used => return Err(SignInError::LinkUsed),
            Found::Expired => return Err(SignInError::LinkExpired),
            Found::Unknown => {
                let (client, wall_us) = (browser.client, term_now().as_microsecond());
                let refusal = self.keyring.gate.wrong_key(client, now);
                let denial = self.keyring.refused(&refusal, client, now, wall_us);
                return Err(SignInError::Denied(denial));
            }
        };
        match self.granted(grant.clone()).await {
            Ok(key) => Ok(self.begin(key, browser).await?),
            Err(error) => {
                // The link is as good as before: what was in the way may be mended.
                let mut links = self.keyring.browsers.links();
                links.put_back(secret.as_bytes(), grant);
                Err(error)
            }
        }
    }

    /// The key that a link signs in to, made if need be.
    async fn granted(&self, grant: Grant) -> Result<Arc<KeyEntry>, SignInError> {
        let id = match grant {
            Grant::Key(id) => id,
            Grant::NewKey {
                name,
                permissions,
                expires_days,
                by,
            } => {
                let new = NewKey::parse(&name, &permissions, expires_days)?;
                let keyring = Arc::clone(&self.keyring);
                to_the_end(async move { keyring.create(new, &by).await })
                    .await?
                    .1
                    .id
            }
        };
        let key = self.keyring.gate.keys().find(&id).cloned();
        let key = key.ok_or(SignInError::Denied(Denial::Revoked))?;
        match key.is_expired(term_now().as_microsecond()) {
            true => Err(SignInError::Denied(Denial::Expired)),
            false => Ok(key),
        }
    }

    /// Opens a session of `key`.
    async fn begin(&self, key: Arc<KeyEntry>, browser: Browser) -> Result<SignedIn, KeyError> {
        let cookie = cookie::secret().map_err(|error| KeyError::Entropy(error.to_string()))?;
        let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
        let hash = cookie::hash(cookie.as_bytes());
        let row = Row {
            cookie: Arc::new(Cookie::new(hash, now, now.plus(SESSION_TTL))),
            key,
            browser,
            opened_us: wall_us,
        };
        let session = row.listed(now, wall_us);
        self.keyring.browsers.sessions().add(row, now, wall_us);
        // Whoever had to make room hears of it.
        self.keyring.gate.ring();
        let client = Some(session.browser.client);
        let about = format!("session {}", session.id);
        let logged = self
            .keyring
            .logged("session_opened", &session.name, client, about);
        if let Some(record) = logged {
            self.keyring.records.defer(vec![record]);
        }
        if let Err(error) = self.keyring.keep_sessions(KEEP_EVERY).await {
            tracing::warn!(%error, "a sign-in would not outlive a restart");
        }
        Ok(SignedIn { cookie, session })
    }

    /// As [`Access::authorise`], for a browser that shows a cookie. A cookie that is
    /// over is no attempt to guess one.
    ///
    /// # Errors
    /// [`Denial::SessionOver`], [`Denial::Lacks`].
    pub fn authorise_browser(
        &self,
        cookie: &[u8],
        client: IpAddr,
        needs: Option<Permission>,
        now: Mono,
    ) -> Result<Session, Denial> {
        let wall_us = term_now().as_microsecond();
        let (cookie, key) = {
            let sessions = self.keyring.browsers.sessions();
            let row = sessions.find(cookie, now, wall_us);
            let row = row.map_err(Denial::SessionOver)?;
            (Arc::clone(&row.cookie), Arc::clone(&row.key))
        };
        cookie.show(now);
        self.keyring
            .gate
            .let_in(key, client, needs, now, wall_us)
            .map(|session| session.of_browser(cookie))
            .map_err(|refusal| self.keyring.refused(&refusal, client, now, wall_us))
    }

    /// Counts a request of class [`RateClass::Other`] against the limit of its
    /// session: a browser's own, else that of its key, so that one key is limited from
    /// however many addresses it comes, and two phones of one key do not starve each
    /// other.
    #[must_use]
    pub fn rate_check_session(&self, session: &Session, now: Mono) -> RateVerdict {
        match session.is_of_browser() {
            true => self.keyring.gate.take(RateClass::Other, session.id(), now),
            false => self.keyring.gate.rate_check_key(session.key(), now),
        }
    }

    /// Every browser that is signed in, oldest first.
    #[must_use]
    pub fn browsers(&self) -> Vec<BrowserSession> {
        let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
        let sessions = self.keyring.browsers.sessions();
        let live = sessions.live(now, wall_us);
        live.map(|row| row.listed(now, wall_us)).collect()
    }

    /// The session of this cookie, if it is not over.
    #[must_use]
    pub fn browser(&self, cookie: &[u8]) -> Option<BrowserSession> {
        let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
        let sessions = self.keyring.browsers.sessions();
        let found = sessions.find(cookie, now, wall_us);
        found.ok().map(|row| row.listed(now, wall_us))
    }

    /// Ends a browser's session; says whether there was one. It ends at once, and
    /// durably before this returns.
    ///
    /// # Errors
    /// [`NotDurable`]: it has ended, and a restart may bring it back.
    pub async fn end_browser(&self, id: SessionId, by: &str) -> Result<bool, NotDurable> {
        let ended = {
            let mut sessions = self.keyring.browsers.sessions();
            sessions.remove(|row| row.cookie.number() == id.0)
        };
        let Some(row) = ended.first() else {
            return Ok(false);
        };
        self.keyring.gate.ring();
        let about = format!("session {id} of {}", row.key.name);
        self.keyring.record("session_ended", by, about).await;
        if row.cookie.is_kept() {
            self.keyring.keep_sessions(Duration::ZERO).await?;
        }
        Ok(true)
    }

    /// Makes a link that signs one browser in, once; its secret is only here.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] for a key that is not there, and what making a key would
    /// be refused for.
    pub async fn link(&self, to: LinkTo, by: &str) -> Result<Zeroizing<String>, KeyError> {
        let (about, grant) = match to {
            LinkTo::Key(preview) => {
                let keys = self.keyring.gate.keys();
                let part = secret::parse_preview(&preview).ok_or(KeyError::Unknown)?;
                let key = keys.find_previewed(part).ok_or(KeyError::Unknown)?;
                (key.name.to_string(), Grant::Key(key.id))
            }
            LinkTo::NewKey {
                name,
                permissions,
                expires_days,
            } => {
                // Refused now rather than to whoever opens the link.
                NewKey::parse(&name, &permissions, expires_days)?;
                let by = by.to_owned();
                let about = format!("{name}: {permissions}");
                let grant = Grant::NewKey {
                    name,
                    permissions,
                    expires_days,
                    by,
                };
                (about, grant)
            }
        };
        let secret = cookie::secret().map_err(|error| KeyError::Entropy(error.to_string()))?;
        let now = Mono::now();
        self.keyring
            .browsers
            .links()
            .add(secret.as_bytes(), grant, now);
        self.keyring.record("link_made", by, about).await;
        Ok(secret)
    }

    /// Writes sessions that were not written yet.
    ///
    /// # Errors
    /// [`NotDurable`]: they would not outlive a restart.
    pub async fn flush_sessions(&self) -> Result<(), NotDurable> {
        let is_complete = {
            let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
            let sessions = self.keyring.browsers.sessions();
            let mut live = sessions.live(now, wall_us);
            live.all(|row| row.cookie.is_kept())
        };
        match is_complete {
            true => Ok(()),
            false => self.keyring.keep_sessions(Duration::ZERO).await,
        }
    }
}

impl Keyring {
    /// Writes every session, unless they were written within `spared`.
    async fn keep_sessions(&self, spared: Duration) -> Result<(), NotDurable> {
        let mut last = self.browsers.keeping.lock().await;
        let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
        if last.is_some_and(|last| now.since(last) < spared) {
            return Ok(());
        }
        let (records, cookies): (Vec<SessionRecord>, Vec<Arc<Cookie>>) = {
            let sessions = self.browsers.sessions();
            let live = sessions.live(now, wall_us);
            let cookies = live.map(|row| Arc::clone(&row.cookie)).collect();
            (sessions.records(now, wall_us), cookies)
        };
        *last = Some(now);
        self.records.keep_sessions(records).await?;
        for cookie in cookies {
            cookie.mark_kept();
        }
        Ok(())
    }

    /// Logs an act; its audit record, within the budget.
    fn logged(
        &self,
        event: &str,
        actor: &str,
        client: Option<IpAddr>,
        subject: String,
    ) -> Option<Change> {
        let (now, at_us) = (Mono::now(), term_now().as_microsecond());
        self.incidents
            .browser(event, actor, client, subject, now, at_us)
            .map(Change::Audit)
    }

    /// The same for what somebody did to others' sessions: on record before it is
    /// acknowledged, where the medium takes it.
    async fn record(&self, event: &str, actor: &str, subject: String) {
        if let Some(record) = self.logged(event, actor, None, subject)
            && let Err(error) = self.records.commit(vec![record]).await
        {
            tracing::warn!(event, %error, "only the log says so");
        }
    }
}

#[cfg(test)]
#[path = "sign_in_tests.rs"]
mod tests;
