//! A connection that is kept, and made again: what is told all the time, and what is heard.

use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::{Packet, RetainForwardRule};
use rumqttc::{AsyncClient, Event, EventLoop, SubscribeFilterInput};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use super::once::why;
use super::{Broker, Message};

/// Messages that wait for the network. A broker that is slower than that loses values,
/// which are told again in seconds; alerts go another way.
const MAX_WAITING: usize = 256;

/// Messages heard and not looked at yet; what comes beyond them waits in the socket.
const MAX_HEARD: usize = 16;

/// Waits between two tries.
const AGAIN_MIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// What a connection has to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    /// It stands: the broker knows nothing of this gateway yet.
    Connected,
    /// It does not stand any more, or not yet, and why.
    Lost(String),
    /// Somebody wrote to a topic that is listened to.
    Message {
        topic: String,
        payload: Vec<u8>,
        /// Whether the broker had kept it for us: it is of any age.
        retained: bool,
        /// Whether it may have been here before.
        again: bool,
        /// For how many seconds its sender wanted it to be heard.
        expires_s: Option<u32>,
    },
}

/// Hands messages over to a kept connection; clones share it.
#[derive(Clone)]
pub(crate) struct MessageSender(AsyncClient);

impl MessageSender {
    /// Hands a message over; false when too many wait already.
    pub(crate) fn tell(&self, message: Message) -> bool {
        let options = message.options();
        let told = self.0.try_publish(message.topic, message.payload, options);
        told.is_ok()
    }
}

/// A kept connection; it ends when it is dropped.
pub(crate) struct Session {
    sender: MessageSender,
    heard: Receiver<SessionEvent>,
    _task: JoinSet<()>,
}

impl Session {
    /// Begins to connect to `broker`, which tells `will` when the gateway is gone.
    ///
    /// # Errors
    /// The client library refuses the settings.
    pub(crate) fn open(broker: &Broker, will: &Message) -> Result<Session, String> {
        let options = broker.options("values", Some(will));
        let built = AsyncClient::builder(options).capacity(MAX_WAITING);
        let (client, events) = built.try_build().map_err(|error| error.to_string())?;
        let (sender, heard) = mpsc::channel(MAX_HEARD);
        let mut task = JoinSet::new();
        task.spawn(drive(events, sender));
        Ok(Session {
            sender: MessageSender(client),
            heard,
            _task: task,
        })
    }

    /// What comes next; none when the connection has been given up for good.
    pub(crate) async fn next(&mut self) -> Option<SessionEvent> {
        self.heard.recv().await
    }

    /// Hands a message over; false when too many wait already.
    pub(crate) fn tell(&self, message: Message) -> bool {
        self.sender.tell(message)
    }

    /// For whoever has something to tell later.
    pub(crate) fn sender(&self) -> MessageSender {
        self.sender.clone()
    }

    /// Listens to `topic` from now on: to what is written from now on, and to nothing that
    /// was kept.
    pub(crate) fn listen(&self, topic: &str) -> bool {
        let filter = SubscribeFilterInput::new(topic, QoS::AtMostOnce)
            .preserve_retain(true)
            .retain_forward_rule(RetainForwardRule::Never);
        self.sender.0.try_subscribe_many([filter]).is_ok()
    }

    /// Says goodbye, so that the last will is not told.
    pub(crate) async fn leave(&self) {
        let _ = self.sender.0.disconnect().await;
    }
}

async fn drive(mut events: EventLoop, heard: Sender<SessionEvent>) {
    let mut again = AGAIN_MIN;
    loop {
        let said = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                again = AGAIN_MIN;
                SessionEvent::Connected
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let properties = publish.properties.unwrap_or_default();
                SessionEvent::Message {
                    topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                    payload: publish.payload.to_vec(),
                    retained: publish.retain,
                    again: publish.dup,
                    expires_s: properties.message_expiry_interval,
                }
            }
            Ok(_) => continue,
            Err(rumqttc::ConnectionError::RequestsDone) => return,
            Err(error) => SessionEvent::Lost(why(&error)),
        };
        let is_lost = matches!(said, SessionEvent::Lost(_));
        if heard.send(said).await.is_err() {
            return;
        }
        if is_lost {
            tokio::time::sleep(again).await;
            again = (again * 2).min(AGAIN_MAX);
        }
    }
}
