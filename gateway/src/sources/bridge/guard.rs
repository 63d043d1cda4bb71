//! The emergency stop's life, and a board's starts.
//!
//! Pure: takes `now` in milliseconds. A chattering stop or a talkative board must
//! not make a storm of durable writes or log lines; what is held back here is
//! counted by the caller.

/// How long an emergency stop must be released before it counts as released.
const RELEASED_AFTER_MS: u64 = 2_000;

/// The emergency stop: engaged at once, released only after a while.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stop {
    engaged: Option<bool>,
    released_since_ms: Option<u64>,
    /// What the board said last, bounces and all.
    said: Option<bool>,
    /// Whether it is heard: what is not heard may have changed.
    is_heard: bool,
}

impl Stop {
    /// Whether the board has not said so before.
    pub(super) fn is_news(&mut self, engaged: bool) -> bool {
        self.said.replace(engaged) != Some(engaged)
    }

    /// Takes what the board says. What is to be published at once, if anything.
    pub(super) fn set(&mut self, engaged: bool, now_ms: u64) -> Option<bool> {
        self.is_heard = true;
        if engaged || self.engaged != Some(true) {
            self.released_since_ms = None;
            let change = self.engaged != Some(engaged);
            self.engaged = Some(engaged);
            return change.then_some(engaged);
        }
        self.released_since_ms.get_or_insert(now_ms);
        None
    }

    /// The link is lost: a release that was under way has to begin anew.
    pub(super) fn unheard(&mut self) {
        self.released_since_ms = None;
        self.is_heard = false;
    }

    /// Whether it is engaged, as far as the board is heard.
    pub(super) fn heard(&self) -> Option<bool> {
        self.engaged.filter(|_| self.is_heard)
    }

    /// Its state now, once it is known; to be published from time to time.
    pub(super) fn state(&mut self, now_ms: u64) -> Option<bool> {
        if self
            .released_since_ms
            .is_some_and(|since| now_ms.saturating_sub(since) >= RELEASED_AFTER_MS)
        {
            self.engaged = Some(false);
            self.released_since_ms = None;
        }
        self.engaged
    }
}

/// Starts of a board within [`MANY_WITHIN_MS`] that are a fault: whoever plugs it in twice
/// has a reason.
const MANY_STARTS: usize = 3;
/// Their time, and how long a board must run to count as mended.
const MANY_WITHIN_MS: u64 = 5 * 60_000;

/// A board that starts again and again: by its watchdog, or for want of power.
#[derive(Clone, Debug, Default)]
pub(super) struct Restarts {
    /// When it started, newest last.
    starts_ms: heapless::Deque<u64, MANY_STARTS>,
    told: bool,
}

impl Restarts {
    /// Takes a start. True: this is one too many, and has to be told.
    pub(super) fn started(&mut self, now_ms: u64) -> bool {
        if self.starts_ms.is_full() {
            self.starts_ms.pop_front();
        }
        // There is room now.
        let _ = self.starts_ms.push_back(now_ms);
        let first_ms = self.starts_ms.front().copied().unwrap_or(now_ms);
        let many = self.starts_ms.is_full() && now_ms.saturating_sub(first_ms) <= MANY_WITHIN_MS;
        many && !std::mem::replace(&mut self.told, true)
    }

    /// Lets time pass. True: it has run for long enough, and what was told is over.
    pub(super) fn settled(&mut self, now_ms: u64) -> bool {
        let last_ms = self.starts_ms.back().copied().unwrap_or(0);
        let settled = now_ms.saturating_sub(last_ms) > MANY_WITHIN_MS;
        settled && std::mem::take(&mut self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_engages_at_once_and_a_chattering_one_stays_engaged() {
        let mut stop = Stop::default();
        assert_eq!(stop.state(0), None, "unknown until the board has said so");
        assert_eq!(stop.set(false, 0), Some(false));
        assert_eq!(stop.set(true, 10), Some(true));
        assert_eq!(stop.set(false, 20), None);
        assert_eq!(stop.set(true, 30), None, "it never ended");
        assert_eq!(stop.set(false, 1_000), None);
        assert_eq!(
            stop.set(false, 2_500),
            None,
            "repeated by the state message"
        );
        assert_eq!(stop.state(2_999), Some(true));
        assert_eq!(stop.state(3_000), Some(false));
        assert_eq!(stop.set(true, 3_001), Some(true));
    }

    #[test]
    fn a_release_that_a_lost_link_cut_short_begins_anew() {
        let mut stop = Stop::default();
        stop.set(true, 0);
        stop.set(false, 1_000);
        assert_eq!(stop.heard(), Some(true));
        stop.unheard();
        assert_eq!(stop.heard(), None);
        assert_eq!(stop.state(60_000), Some(true), "nobody knows");
        stop.set(false, 60_000);
        assert_eq!(stop.state(61_999), Some(true));
        assert_eq!(stop.state(62_000), Some(false));
    }

    #[test]
    fn a_board_that_starts_again_and_again_is_told_once_until_it_runs() {
        let mut restarts = Restarts::default();
        assert!(!restarts.started(0) && !restarts.started(60_000));
        assert!(!restarts.started(600_000), "seldom enough");
        assert!(!restarts.started(602_000) && restarts.started(604_000));
        assert!(!restarts.started(606_000), "told already");
        assert!(!restarts.settled(906_000) && restarts.settled(906_001));
        assert!(!restarts.settled(906_002), "once");
    }
}
