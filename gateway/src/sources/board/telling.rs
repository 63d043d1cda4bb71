//! What is told of the board beside its values, and that it is over.

use alerting::BOARD_FURTHER_ALARM as FURTHER;
use boards::{Role, Sample};
use readings::BOARD;

use super::Watch;
use super::alarms::{self, AlarmChange};
use super::conditions::{self, Hanging};
use crate::sources::sink::ReadingSink as _;

impl Watch {
    /// Tells which sensors found no place, or that all have one.
    pub(super) fn tell_left_out(&mut self) {
        let left_out = self.board.sensors().left_out();
        let is_more = self.left_out > 0 && left_out.count > self.left_out;
        self.left_out = left_out.count;
        if left_out.count == 0 {
            self.pipeline.clear(conditions::LEFT_OUT, BOARD);
            return;
        }
        let condition = conditions::sensors_left_out(left_out);
        match is_more {
            true => self.pipeline.raise_news(condition, Vec::new()),
            false => self.pipeline.raise(condition),
        }
    }

    /// Tells which descriptions were refused, and why, or that none is any more.
    pub(super) fn tell_refused(&mut self) {
        let refused = conditions::refused(&self.board);
        if refused == self.refused {
            return;
        }
        // Something new to say is another alert; at the start there is nothing before it.
        let is_first = self.refused.is_empty();
        if refused.is_empty() || !(is_first || self.pipeline.is_seen(conditions::REFUSED, BOARD)) {
            self.pipeline.clear(conditions::REFUSED, BOARD);
        }
        if !refused.is_empty() {
            let condition = conditions::description_refused(&refused);
            match is_first {
                true => self.pipeline.raise(condition),
                false => self.pipeline.raise_news(condition, Vec::new()),
            }
        }
        for why in refused.iter().filter(|why| !self.refused.contains(why)) {
            tracing::warn!("description of the board refused: {why}");
        }
        self.refused = refused;
    }

    /// Tells that a bus hangs, or one more, or that none does any more.
    pub(super) fn tell_stuck(&mut self, now_ms: u64) {
        let hung = self.board.sensors().hung();
        let sensors = self.board.sensors();
        let busses = || sensors.stuck_busses().map(str::to_owned).collect();
        let Some(change) = self
            .busses
            .observe(hung, busses, now_ms, self.lost_after_ms)
        else {
            return;
        };
        let condition = || conditions::bus_stuck(&conditions::stuck(&self.board, now_ms));
        match change {
            Hanging::First => self.pipeline.raise(condition()),
            // New words are told to nobody: one more bus is told anew, and there are few.
            Hanging::More => self.pipeline.raise_anew(condition(), Vec::new()),
            Hanging::Over => self.pipeline.clear(conditions::STUCK, BOARD),
        }
    }

    /// Tells of alarms that the one which stands already would hide.
    pub(super) fn tell_alarms(&mut self, now_ms: u64) {
        for (index, sample) in &self.samples {
            let sensor = self.board.sensors().sensor(*index);
            let Sample::Reading(reading) = sample else {
                continue;
            };
            if sensor.role != Role::Alarm {
                continue;
            }
            let is_set = reading.is_set();
            match self.alarms.observe(*index, &sensor.name, is_set, now_ms) {
                Some(AlarmChange::Further) => {
                    self.pipeline.raise(conditions::further_alarm(sensor));
                }
                Some(AlarmChange::Over) => {
                    let subject = alarms::subject(&sensor.name);
                    self.pipeline.clear(FURTHER, &subject);
                }
                None => {}
            }
        }
    }
}
