//! A notification as a mail. Pure.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use readings::Level;

use crate::config::notify::Language;
use crate::notify::channel::{NotDelivered, Notification};
use crate::notify::message::{Message, Urgency, cut};

/// Longest subject: what is longer no mail program shows.
const SUBJECT_CHARS: usize = 200;

/// The bytes of the mail about `notification`.
///
/// # Errors
/// It cannot be written as one.
pub(super) fn of(
    notification: &Notification,
    channel: &str,
    language: Language,
    from: &Mailbox,
    to: &[Mailbox],
) -> Result<Vec<u8>, NotDelivered> {
    let message = Message::of(notification, language);
    // The domain is the sender's: ids of mail end with one that is their maker's own.
    let id = |name: &str| format!("<{name}@{}>", from.email.domain());
    let conversation = id(&notification.record.alert.id());
    let mut mail = Mail::builder()
        .from(from.clone())
        .subject(cut(&message.title, SUBJECT_CHARS))
        .message_id(Some(id(&notification.once(channel))))
        .references(conversation.clone())
        .in_reply_to(conversation)
        .header(ContentType::TEXT_PLAIN)
        .header(ContentTransferEncoding::Base64)
        .date(written(notification));
    for mailbox in to {
        mail = mail.to(mailbox.clone());
    }
    let mut headers = vec![
        // Holiday notices are not answers to a machine (RFC 3834).
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", name(language)),
    ];
    if message.urgency == Urgency::Stands(Level::Critical) {
        headers.push(("Importance", "high"));
        headers.push(("X-Priority", "1"));
    }
    for (name, value) in headers {
        let name = HeaderName::new_from_ascii_str(name);
        mail = mail.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    // The subject once more: it is cut off in lists, and long ones are cut off here.
    let mut text = format!("{}\n\n{}", message.title, message.lines());
    if let Some((name, link)) = &message.link {
        text = format!("{text}\n\n{name}: {link}\n");
    }
    let mail = mail.body(text.replace('\n', "\r\n"));
    Ok(mail.map_err(NotDelivered::retry)?.formatted())
}

/// When it was written: the moment that it tells of, for a clock that is set since then
/// is told by the mail server's own line.
fn written(notification: &Notification) -> SystemTime {
    let alert = &notification.record.alert;
    let stamps = [&alert.acknowledged, &alert.resolved];
    let last = stamps.into_iter().flatten().map(|(us, _)| *us);
    let us = last
        .chain(alert.cleared_us)
        .max()
        .unwrap_or(alert.created_us);
    let since_1970 = Duration::from_micros(us.try_into().unwrap_or_default());
    SystemTime::UNIX_EPOCH + since_1970
}

const fn name(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Ja => "ja",
    }
}
