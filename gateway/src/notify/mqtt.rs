//! The broker of `[mqtt]` as a channel: each event of an alert, once it is durable.
//!
//! Under `<base>/alert`, acknowledged by the broker, as `docs/notification.schema.json`
//! says; a delivery that may have been there before has the same `delivery`. Values go
//! another way (`crate::mqtt`): they are of now, and these are kept until they are taken.

use futures_util::future::BoxFuture;

use super::channel::{Channel, NotDelivered, Notification};
use super::routing::Routing;
use super::webhook;
use crate::broker::{Broker, Class, Message, NotTaken};
use crate::config;
use crate::config::notify::{Language, Route};

/// What it is called: there is one broker.
pub(super) const NAME: &str = "mqtt";

/// Not kept by the broker: what happened is told once, and what stands is at `<base>/alerts`.
const EVENT: Class = Class {
    acknowledged: true,
    retained: false,
    expires_s: None,
};

/// The channel.
pub(super) struct Mqtt {
    broker: Broker,
    routing: Routing,
    language: Language,
}

impl Mqtt {
    /// The channel of `[mqtt]`; none without a broker.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn open(config: &config::Mqtt, gateway: &str) -> Result<Option<Mqtt>, String> {
        let Some(broker) = Broker::parse(config, gateway)? else {
            return Ok(None);
        };
        Ok(Some(Mqtt {
            broker,
            routing: Routing::parse(config.min_level.as_deref(), &Route::default())?,
            language: config.language,
        }))
    }
}

impl Channel for Mqtt {
    fn kind(&self) -> &'static str {
        "mqtt"
    }

    fn name(&self) -> &str {
        NAME
    }

    fn routing(&self) -> &Routing {
        &self.routing
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(async move {
            let message = Message {
                topic: format!("{}/alert", self.broker.base()),
                payload: webhook::json(self.language, notification).into(),
                class: EVENT,
            };
            let sent = self.broker.send("alerts", &message).await;
            sent.map_err(|error| match error {
                NotTaken::Later(reason) => NotDelivered::retry(reason),
                NotTaken::Never(reason) => NotDelivered::Refused(reason),
            })
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.broker.reach())
    }
}
