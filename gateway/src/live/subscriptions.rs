//! Which drones a client of `/ws` follows. Bounded: ids that are not known are kept too.

use crate::config::{MAX_DRONES, MAX_ID_BYTES};

/// Most drones a client follows: as many as a gateway has.
const MAX_SUBSCRIPTIONS: usize = MAX_DRONES;

/// Ids of the drones a client follows, known or not.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Vec<String>);

impl Subscriptions {
    /// Remembers an id; whether there was room for it.
    pub(super) fn add(&mut self, id: &str) -> bool {
        if self.0.iter().any(|known| known == id) {
            return true;
        }
        let fits = self.0.len() < MAX_SUBSCRIPTIONS && id.len() <= MAX_ID_BYTES;
        if fits {
            self.0.push(id.to_owned());
        }
        fits
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.retain(|known| known != id);
    }

    /// Those of a comma list; what is too much is left out.
    pub(crate) fn of(list: &str) -> Subscriptions {
        let mut subscriptions = Subscriptions::default();
        for id in list
            .split(',')
            .filter(|id| !id.is_empty())
            .take(MAX_SUBSCRIPTIONS)
        {
            subscriptions.add(id);
        }
        subscriptions
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|known| known == id)
    }

    /// The ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_bounded() {
        let mut subscriptions = Subscriptions::default();
        for n in 0..MAX_SUBSCRIPTIONS {
            assert!(subscriptions.add(&format!("d{n}")));
        }
        assert!(subscriptions.add("d0"), "known already");
        assert!(!subscriptions.add("one-more"));
        subscriptions.remove("d0");
        assert!(!subscriptions.add(&"x".repeat(MAX_ID_BYTES + 1)));
        assert!(subscriptions.add("one-more"));
    }
}
