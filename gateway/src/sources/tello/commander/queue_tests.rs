//! The queue against scripted drones, and against arbitrary ones.

use proptest::prelude::*;
use tello::command::Direction;

use tello::command::Query;

use super::*;

const UP: Command = Command::Move {
    direction: Direction::Up,
    distance_cm: 50,
};
const TURN: Command = Command::Rotate {
    clockwise: true,
    angle_deg: 90,
};

/// A queue with a clock, and everything it asked for.
struct Bench {
    queue: Queue<u32>,
    now: Mono,
    sent: Vec<String>,
    ends: Vec<(u32, Outcome)>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            queue: Queue::new(),
            now: Mono::from_millis(10_000),
            sent: vec![],
            ends: vec![],
        }
    }

    fn note(&mut self, outputs: Outputs<u32>) {
        for action in outputs {
            match action {
                Output::Send(command) => self.sent.push(command.to_string()),
                Output::Finish(ticket, outcome) => self.ends.push((ticket, outcome)),
            }
        }
    }

    fn submit(&mut self, command: Command, ticket: u32) {
        let mut outputs = Outputs::new();
        self.queue
            .submit(command, Some(ticket), self.now, &mut outputs);
        self.note(outputs);
    }

    fn hear(&mut self, text: &str) {
        let mut outputs = Outputs::new();
        self.queue
            .reply(&Reply::parse(text.as_bytes()), self.now, &mut outputs);
        self.note(outputs);
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now.plus(Duration::from_millis(ms));
        while let Some(at) = self.queue.wake_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let mut outputs = Outputs::new();
            self.queue.tick(self.now, &mut outputs);
            self.note(outputs);
        }
        self.now = until;
    }
}

#[test]
fn one_command_is_in_flight_and_the_next_waits_for_its_reply() {
    let mut bench = Bench::new();
    bench.submit(Command::Takeoff, 1);
    bench.submit(UP, 2);
    bench.pass(4_000);
    assert_eq!(bench.sent, ["takeoff"]);
    bench.hear("ok");
    bench.hear("ok"); // doubled by the network: must not end the move
    bench.pass(100);
    assert_eq!(bench.sent, ["takeoff", "up 50"]);
    assert_eq!(bench.ends, [(1, Outcome::Done)]);
    assert_eq!(bench.queue.stats().late, 1);
    bench.hear("ok");
    assert_eq!(bench.ends.last(), Some(&(2, Outcome::Done)));
    assert!(bench.queue.is_idle());
}

#[test]
fn a_movement_is_sent_once_and_its_late_reply_is_drained_behind_a_fence() {
    let mut bench = Bench::new();
    bench.submit(UP, 1);
    bench.pass(60_000);
    assert_eq!(
        (bench.sent.as_slice(), bench.ends.as_slice()),
        (&["up 50".to_owned()][..], &[(1, Outcome::NoReply)][..])
    );
    bench.submit(TURN, 2);
    bench.hear("ok"); // of the move that was given up
    assert_eq!(bench.sent, ["up 50", "battery?"]);
    bench.hear("87\r\n");
    bench.pass(100);
    assert_eq!(bench.sent, ["up 50", "battery?", "cw 90"]);
    assert_eq!(
        bench.ends,
        [(1, Outcome::NoReply)],
        "the late ok ended nothing"
    );
    bench.hear("ok");
    assert_eq!(bench.ends.last(), Some(&(2, Outcome::Done)));
}

#[test]
fn binary_packets_and_answers_of_another_kind_end_nothing() {
    let mut bench = Bench::new();
    bench.submit(UP, 1);
    bench.hear("\u{c}87");
    let mut outputs = Outputs::new();
    bench
        .queue
        .reply(&Reply::parse(&[0xCC, 0x18]), bench.now, &mut outputs);
    assert!(outputs.is_empty() && bench.ends.is_empty());
    bench.hear("error Not joystick");
    assert_eq!(
        bench.ends,
        [(1, Outcome::Refused("Not joystick".to_owned()))]
    );
}

#[test]
fn the_answer_to_a_doubled_command_is_not_taken_for_the_next_one_s() {
    let mut bench = Bench::new();
    bench.submit(UP, 1);
    // The copy finds the drone busy with the first.
    bench.hear("error Not joystick");
    assert_eq!(
        bench.ends,
        [(1, Outcome::Refused("Not joystick".to_owned()))]
    );
    bench.submit(TURN, 2);
    bench.pass(1_500);
    assert_eq!(bench.sent, ["up 50"]);
    bench.hear("ok");
    bench.pass(100);
    assert_eq!(bench.sent, ["up 50", "cw 90"]);
    assert_eq!(bench.ends.len(), 1, "that was the answer to the first");
    bench.hear("ok");
    assert_eq!(bench.ends[1], (2, Outcome::Done));
}

#[test]
fn a_busy_drone_that_says_nothing_more_is_asked_again_in_the_end() {
    let mut bench = Bench::new();
    bench.submit(UP, 1);
    bench.hear("error Not joystick");
    bench.submit(TURN, 2);
    bench.pass(30_000);
    assert_eq!(bench.ends[1], (2, Outcome::Stale), "it waits for 2 s");
    bench.submit(TURN, 3);
    assert_eq!(bench.sent, ["up 50", "cw 90"]);
}

#[test]
fn a_closed_gate_lets_nothing_through_and_nothing_grows_old_behind_it() {
    let mut bench = Bench::new();
    bench.queue.set_gate(Gate::Closed);
    bench.submit(UP, 1);
    bench.submit(Command::Read(Query::Wifi), 2);
    bench.pass(1_900);
    assert!(bench.sent.is_empty() && bench.ends.is_empty());
    bench.pass(200);
    assert_eq!(bench.ends, [(1, Outcome::Stale), (2, Outcome::Stale)]);
    bench.queue.set_gate(Gate::MovesOnly);
    bench.submit(Command::Read(Query::Wifi), 3);
    bench.pass(500);
    assert!(bench.sent.is_empty());
}

#[test]
fn reads_are_repeated_and_then_given_up() {
    let mut bench = Bench::new();
    bench.submit(Command::Read(Query::Wifi), 1);
    bench.hear("ok");
    bench.pass(2_500);
    bench.hear("90\r\n");
    assert_eq!(
        (bench.sent.len(), bench.ends.as_slice()),
        (3, &[(1, Outcome::Answer("90".to_owned()))][..])
    );
    bench.submit(Command::Read(Query::Wifi), 2);
    bench.pass(10_000);
    assert_eq!(
        (bench.sent.len(), bench.ends.last()),
        (6, Some(&(2, Outcome::NoReply)))
    );
}

#[test]
fn what_follows_a_failed_take_off_is_dropped() {
    let mut bench = Bench::new();
    bench.submit(Command::Takeoff, 1);
    bench.submit(UP, 2);
    bench.submit(Command::Read(Query::Wifi), 3);
    bench.hear("error");
    bench.pass(150);
    assert_eq!(bench.sent, ["takeoff", "wifi?"]);
    assert_eq!(
        bench.ends,
        [
            (2, Outcome::Dropped),
            (1, Outcome::Refused("error".to_owned()))
        ]
    );
}

proptest! {
    /// Whatever the drone says and the operators want: one command in flight, no
    /// movement sent twice, every command ends exactly once.
    #[test]
    fn every_command_ends_once(steps in proptest::collection::vec((0u8..14, 0u64..4_000), 1..80)) {
        let mut bench = Bench::new();
        let mut submitted = 0;
        let mut moves = 0;
        for (what, ms) in steps {
            let command = match what {
                0 => Some(Command::Takeoff),
                1 => Some(UP),
                2..=5 => Some(TURN),
                6 => Some(Command::Read(Query::Wifi)),
                7 => Some(Command::StreamOn),
                _ => None,
            };
            if let Some(command) = command.filter(|_| bench.queue.has_room()) {
                moves += usize::from(command == UP);
                bench.submit(command, submitted);
                submitted += 1;
            }
            match what {
                8 | 9 => bench.hear("ok"),
                10 => bench.hear("error Not joystick"),
                11 => bench.hear("55"),
                12 => bench.hear("forced stop"),
                _ => {}
            }
            bench.pass(ms);
        }
        bench.pass(2_000_000);
        prop_assert!(bench.queue.is_idle());
        let mut ended: Vec<u32> = bench.ends.iter().map(|(ticket, _)| *ticket).collect();
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..submitted).collect::<Vec<_>>());
        prop_assert!(bench.sent.iter().filter(|text| *text == "up 50").count() <= moves);
    }
}
