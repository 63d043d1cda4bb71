//! Buttons of a board: an alert while one is pressed, or a press that acknowledges.

use readings::clock::wall_now;

use super::super::conditions::BUTTON;
use super::{BUTTON_EVERY_MS, Link, MAX_BUTTONS};
use crate::config::ButtonAction;
use crate::sources::sink::ReadingSink as _;

/// How long no press may have come before one that acknowledges: a contact that bounces,
/// for however long, is one press. Otherwise it would acknowledge what nobody has seen.
const QUIET_BEFORE_MS: u64 = 1_000;

impl Link {
    pub(super) fn button(&self, index: u8, pressed: bool, now_ms: u64) {
        if self.config.button == ButtonAction::Acknowledge {
            // However often it is pressed, an alert is acknowledged and written once.
            if pressed {
                self.press(now_ms);
            }
            return;
        }
        let mut state = self.lock();
        let index = usize::from(index);
        let due = |last: Option<u64>| {
            last.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= BUTTON_EVERY_MS)
        };
        match (state.buttons.get_mut(index), pressed) {
            (Some(button), true) if due(button.0) => *button = (Some(now_ms), true),
            (Some(button), false) if button.1 => button.1 = false,
            (Some(_), false) => return,
            (_, _) => {
                state.held.buttons += 1;
                return;
            }
        }
        drop(state);
        if pressed {
            self.pipeline.raise(self.wording().button_pressed(index));
        } else {
            self.pipeline
                .clear(BUTTON, &self.wording().button_subject(index));
        }
    }

    /// Takes a press of a button that acknowledges. One that bounces acts once.
    fn press(&self, now_ms: u64) {
        let mut state = self.lock();
        let soon = |at_ms: u64| now_ms.saturating_sub(at_ms) < QUIET_BEFORE_MS;
        let last_ms = state.pressed_ms.replace(now_ms);
        if last_ms.is_some_and(soon) {
            state.held.buttons += 1;
            return;
        }
        state.acknowledge = Some(wall_now());
        drop(state);
        self.met.notify_one();
    }

    /// A button let go while nobody listened.
    pub(super) fn end_buttons(&self) {
        let mut state = self.lock();
        let standing: heapless::Vec<usize, MAX_BUTTONS> = state
            .buttons
            .iter()
            .enumerate()
            .filter(|(_, (_, stands))| *stands)
            .map(|(index, _)| index)
            .collect();
        for index in &standing {
            state.buttons[*index].1 = false;
        }
        drop(state);
        for index in standing {
            self.pipeline
                .clear(BUTTON, &self.wording().button_subject(index));
        }
    }
}
