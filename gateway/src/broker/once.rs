//! One message, waited for until the broker has it.

use std::time::Duration;

use rumqttc::mqttbytes::v5::PubAckReason;
use rumqttc::{AsyncClient, ConnectionError, EventLoop, PublishNoticeError};
use tokio::time::timeout;

use super::{Broker, Message, NotTaken};
use crate::outbound;

/// Time for a message, with the connection.
const SEND_WITHIN: Duration = Duration::from_secs(20);

/// Time for a goodbye, which makes no difference to what was taken.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// Requests that wait for the connection: the one message, and the goodbye.
const CAPACITY: usize = 2;

impl Broker {
    /// Sends one message by a connection of its own: alerts are minutes apart, and a kept
    /// connection would be a second place where they can be lost.
    pub(crate) async fn send(&self, role: &str, message: &Message) -> Result<(), NotTaken> {
        let built = AsyncClient::builder(self.options(role, None)).capacity(CAPACITY);
        let (client, mut events) = built.try_build().map_err(|error| later(&error))?;
        let sent = timeout(SEND_WITHIN, sent(&client, &mut events, message)).await;
        let sent = sent.unwrap_or_else(|_| {
            Err(NotTaken::Later(format!(
                "the broker did not take it in {} s",
                SEND_WITHIN.as_secs()
            )))
        });
        if client.disconnect().await.is_ok() {
            let gone = async { while events.poll().await.is_ok() {} };
            let _ = timeout(LEAVE_WITHIN, gone).await;
        }
        sent
    }

    /// Whether a connection comes about, with our name and password; nothing is sent.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        let built = AsyncClient::builder(self.options("check", None)).capacity(CAPACITY);
        let (client, mut events) = built.try_build().map_err(|error| error.to_string())?;
        // The first event of a connection is its acknowledgement.
        let first = timeout(SEND_WITHIN, events.poll()).await;
        let reached = match first {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(why(&error)),
            Err(_) => Err(format!("no answer in {} s", SEND_WITHIN.as_secs())),
        };
        if client.disconnect().await.is_ok() && reached.is_ok() {
            let gone = async { while events.poll().await.is_ok() {} };
            let _ = timeout(LEAVE_WITHIN, gone).await;
        }
        reached
    }
}

async fn sent(
    client: &AsyncClient,
    events: &mut EventLoop,
    message: &Message,
) -> Result<(), NotTaken> {
    let (topic, payload) = (message.topic.clone(), message.payload.clone());
    let notice = client.publish_tracked(topic, payload, message.options());
    let notice = notice.await.map_err(|error| later(&error))?;
    let lost = async {
        loop {
            if let Err(error) = events.poll().await {
                return NotTaken::Later(why(&error));
            }
        }
    };
    tokio::select! {
        taken = notice.wait_async() => match taken {
            // Whether anybody listens is the broker's business.
            Ok(_) | Err(PublishNoticeError::V5PubAck(PubAckReason::NoMatchingSubscribers)) => Ok(()),
            Err(PublishNoticeError::V5PubAck(reason)) => Err(refused(reason)),
            Err(error) => Err(later(&error)),
        },
        lost = lost => Err(lost),
    }
}

/// What a broker's refusal means: some of them would meet the same message again.
fn refused(reason: PubAckReason) -> NotTaken {
    let text = format!("the broker refuses it: {reason:?}; check its list of who may write where");
    match reason {
        PubAckReason::NotAuthorized
        | PubAckReason::TopicNameInvalid
        | PubAckReason::PayloadFormatInvalid => NotTaken::Never(text),
        _ => NotTaken::Later(text),
    }
}

fn later(error: &dyn std::error::Error) -> NotTaken {
    NotTaken::Later(outbound::chain(error))
}

/// Why there is no connection, in words.
pub(super) fn why(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker refuses the connection: {code:?}; check username and password_file")
        }
        error => outbound::chain(error),
    }
}
