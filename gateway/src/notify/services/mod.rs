//! How a message looks to each service, a file each. Pure: data in, JSON out.

mod alertmanager;
mod discord;
mod line;
mod ntfy;
mod slack;
mod teams;

use super::service::Kind;

/// The service whose sections are called `name`.
pub(super) fn kind(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

/// Every service.
const ALL: [&Kind; 6] = [
    &slack::SLACK,
    &teams::TEAMS,
    &discord::DISCORD,
    &ntfy::NTFY,
    &alertmanager::ALERTMANAGER,
    &line::LINE,
];

#[cfg(test)]
pub(super) mod tests {
    //! What the files' own tests share.

    use serde_json::Value;

    use super::Kind;
    use crate::config::notify::Language;
    use crate::notify::channel::Notification;
    use crate::notify::message::Message;
    use crate::notify::service::MessageContext;

    /// What `kind` is sent, to the address `url`.
    pub(super) fn sent(
        kind: &Kind,
        notification: &Notification,
        language: Language,
        url: &str,
        to: Option<&str>,
    ) -> Value {
        (kind.body)(&MessageContext {
            notification,
            message: &Message::of(notification, language),
            url: &url.parse().expect("an address"),
            to,
        })
    }
}
