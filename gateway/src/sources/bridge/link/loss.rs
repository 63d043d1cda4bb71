//! The loss of a link, told once, and once more when it has another reason.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use firmware_bridge::host::LostReason;
use readings::event::LinkChange;

use super::super::conditions::LOST;
use super::Link;
use crate::sources::loss::LossChange;
use crate::sources::sink::ReadingSink as _;

/// How long a board that was never met may take: USB ports appear seconds after
/// the gateway starts.
const FIRST_MEETING_MS: u64 = 5_000;
/// How long a link must hold before it counts as back.
const BACK_AFTER_MS: u64 = 3_000;
/// How long another reason must stand before it is told: of several ports that are tried
/// in turn each may have its own.
const ANOTHER_REASON_MS: u64 = 10_000;

/// The reason that was told, all that were since the link was there, and since when there is
/// the one of now.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    reason: Option<Kind>,
    kinds: heapless::Vec<Kind, MAX_KINDS>,
    since_ms: u64,
}

impl Told {
    /// That is told now. Whether it was not before.
    fn tell(&mut self, kind: Option<Kind>) -> bool {
        self.reason = kind;
        // A kind that finds no room was told often enough.
        kind.is_some_and(|kind| !self.kinds.contains(&kind) && self.kinds.push(kind).is_ok())
    }
}

/// More than there are kinds.
const MAX_KINDS: usize = 16;

/// A kind of reason, whatever it says in particular.
type Kind = Discriminant<LostReason>;

/// A port that went away is not there.
fn kind(reason: &LostReason) -> Kind {
    match reason {
        LostReason::Unplugged => discriminant(&LostReason::NotFound),
        reason => discriminant(reason),
    }
}

impl Link {
    pub(super) fn lost(&self, reason: LostReason, port: Option<Arc<str>>, now_ms: u64) {
        if reason == LostReason::Stopped {
            return;
        }
        if self.may_log() {
            let (bridge, port) = (&self.config.name, port.as_deref());
            tracing::warn!(bridge, port, %reason, "bridge lost");
            if self.lock().live {
                let (lost, why) = (LinkChange::Lost, Some(reason.to_string()));
                self.pipeline.link_changed(&self.subject, lost, why);
            }
        }
        let mut state = self.lock();
        if state.reason.as_ref().map(kind) != Some(kind(&reason)) {
            state.told.since_ms = now_ms;
        }
        (state.live, state.reason, state.port) = (false, Some(reason), port);
        state.stop.unheard();
        self.tell_stop(&state);
        drop(state);
        self.end_buttons();
        self.judge(now_ms);
    }

    /// Tells of the link's loss or return, when it is time.
    pub(super) fn judge(&self, now_ms: u64) {
        let mut state = self.lock();
        // Whoever was there once is missed at once.
        let loss_ms = if state.was_live { 0 } else { FIRST_MEETING_MS };
        let live = state.live;
        let change = state.guard.observe(live, now_ms, (loss_ms, BACK_AFTER_MS));
        let reason = state.reason.clone();
        let kind = reason.as_ref().map(kind);
        let stands = now_ms.saturating_sub(state.told.since_ms) >= ANOTHER_REASON_MS;
        let is_other = state.guard.is_lost() && kind.is_some() && kind != state.told.reason;
        let tells_anew = change.is_none() && is_other && stands;
        // One kind has many reasons: the alert takes the words of the newest.
        let is_same = state.guard.is_lost() && kind.is_some() && kind == state.told.reason;
        let mut is_news = false;
        if tells_anew || change == Some(LossChange::Lost) {
            is_news = state.told.tell(kind);
        }
        if change == Some(LossChange::Back) {
            state.told.kinds.clear();
        }
        drop(state);
        // Another kind is another alert: whoever mends one thing is told of the next anew. An
        // alert that comes and goes ends late, though: who has seen it is told at once.
        let is_seen = tells_anew && self.pipeline.is_seen(LOST, &self.subject);
        if (tells_anew && !is_seen) || change == Some(LossChange::Back) {
            self.pipeline.clear(LOST, &self.subject);
        }
        if tells_anew || is_same || change == Some(LossChange::Lost) {
            let lost = self.wording().link_lost(reason.as_ref());
            match is_seen && is_news {
                true => self.pipeline.raise_anew(lost, Vec::new()),
                false => self.pipeline.raise(lost),
            }
        }
    }
}
