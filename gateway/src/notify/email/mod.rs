//! `[[notify.email]]`: alerts as mail, by a server that takes it for others.
//!
//! One mail an event to all who are named, in plain text: it is read on a watch as on a
//! screen. Its id is the same each time that it is tried, and the mails of one alert
//! refer to each other, so that a mail program shows them as one conversation.

mod connection;
mod mail;
mod server;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lettre::address::Envelope;
use lettre::message::Mailbox;

use super::allowed::Allowed;
use super::channel::{Channel, NotDelivered, Notification};
use super::routing::Routing;
use crate::config::notify as config;
use crate::config::notify::Language;
use server::Server;

/// Time for the whole of a mail. Servers that make strangers wait, against spam, do so
/// for some seconds before their first word.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// Time for a connection that only shows that it comes about.
const CHECK_WITHIN: Duration = Duration::from_secs(10);

/// Most who get one mail: more belong on a list of the mail server, where they can leave.
const MAX_RECIPIENTS: usize = 20;

/// One section.
pub(super) struct Email {
    name: String,
    routing: Routing,
    language: Language,
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    /// The channel of a section.
    ///
    /// # Errors
    /// What is wrong with it, beginning with the key where it concerns one.
    pub(super) fn open(section: &config::Email, allowed: &Arc<Allowed>) -> Result<Email, String> {
        let mailbox = |key: &str, text: &str| {
            let parsed: Result<Mailbox, _> = text.parse();
            parsed.map_err(|error| format!("{key}: {text:?} is no mail address: {error}"))
        };
        let to: Result<Vec<_>, _> = section.to.iter().map(|one| mailbox("to", one)).collect();
        let to = to?;
        if to.is_empty() || to.len() > MAX_RECIPIENTS {
            return Err(format!("to: name 1 to {MAX_RECIPIENTS} mail addresses"));
        }
        Ok(Email {
            name: section.name.clone(),
            routing: Routing::parse(section.min_level.as_deref(), &section.route())?,
            language: section.language,
            server: Server::parse(section, allowed)?,
            from: mailbox("from", &section.from)?,
            to,
        })
    }

    async fn deliver(&self, notification: &Notification) -> Result<(), NotDelivered> {
        let mail = mail::of(
            notification,
            &self.name,
            self.language,
            &self.from,
            &self.to,
        )?;
        let all = self.envelope(&self.to)?;
        let refused = match self.server.send(&all, &mail).await {
            Err(refused @ NotDelivered::Refused(_)) if self.to.len() > 1 => refused,
            outcome => return outcome,
        };
        // One address that nobody has any more must not keep it from the others.
        let (mut arrived, mut later) = (false, None);
        for one in &self.to {
            let alone = self.envelope(std::slice::from_ref(one))?;
            match self.server.send(&alone, &mail).await {
                Ok(()) => arrived = true,
                Err(error) => {
                    tracing::warn!(channel = self.name, %error, "one of several did not get a mail");
                    later = Some(error)
                        .filter(|error| matches!(error, NotDelivered::Retry { .. }))
                        .or(later);
                }
            }
        }
        match (arrived, later) {
            (true, _) => Ok(()),
            (false, Some(later)) => Err(later),
            (false, None) => Err(refused),
        }
    }

    fn envelope(&self, to: &[Mailbox]) -> Result<Envelope, NotDelivered> {
        let to = to.iter().map(|mailbox| mailbox.email.clone()).collect();
        Envelope::new(Some(self.from.email.clone()), to).map_err(NotDelivered::retry)
    }
}

impl Channel for Email {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn routing(&self) -> &Routing {
        &self.routing
    }

    fn takes_several(&self) -> bool {
        true
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(async move {
            let sent = tokio::time::timeout(SEND_WITHIN, self.deliver(notification)).await;
            sent.unwrap_or_else(|_| {
                Err(NotDelivered::retry(format_args!(
                    "the mail server did not take it in {} s",
                    SEND_WITHIN.as_secs()
                )))
            })
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let reached = tokio::time::timeout(CHECK_WITHIN, self.server.reach()).await;
            match reached {
                Ok(reached) => reached.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer in {} s", CHECK_WITHIN.as_secs())),
            }
        })
    }
}

#[cfg(test)]
mod tests;
