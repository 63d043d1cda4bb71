//! Updates on a model of a board whose power is cut between any two actions.
//!
//! The model has what outlives a cut (the boot state, the files, the slots), starts
//! slots as `boot.cmd` does, and judges nothing. After every action what must always
//! hold is looked at; after every cut the board must come back by itself.
#![allow(missing_docs)]

mod model;

use mfg_update::State;
use mfg_update::slot::FULL_TRIES;
use model::{Content, NEW, OLD, Power, World};
use proptest::prelude::*;

/// What may be in a bundle, and whether it may stay.
const CONTENTS: [(Content, bool); 3] = [
    (Content::Good(NEW), true),
    (Content::Unhealthy(NEW), false),
    (Content::NoKernel(NEW), false),
];

/// Restarts without a cut after which nothing may be under way any more.
const ENOUGH_STARTS: usize = 4;

/// Lets the board run until it has come to rest, cut after each number of actions.
fn live_through(world: &mut World, cuts: &[usize]) {
    for &actions in cuts {
        world.power = Power::For(actions);
        world.live();
        world.cut();
    }
    world.power = Power::On;
    for _ in 0..ENOUGH_STARTS {
        world.live();
        if !world.restarts() {
            return;
        }
    }
    panic!("it does not come to rest: {world:?}");
}

/// What must hold once a board has come to rest.
fn check_rest(world: &World, may_stay: bool) {
    let running = world.content(world.running);
    assert!(
        matches!(running, Content::Good(_)),
        "{running:?} runs: {world:?}"
    );
    if !may_stay {
        assert_eq!(running, Content::Good(OLD), "{world:?}");
    }
    assert_eq!(world.boot.first, Some(world.running), "{world:?}");
    assert_eq!(world.boot.left(world.running), FULL_TRIES, "{world:?}");
    assert_eq!(world.trial, None, "{world:?}");
    let told = &world.status;
    assert!(
        matches!(
            told.state,
            State::Idle | State::Committed | State::RolledBack | State::Failed
        ),
        "{told:?}"
    );
}

#[test]
fn an_undisturbed_update_is_kept_or_left() {
    for (content, may_stay) in CONTENTS {
        let mut world = World::new();
        world.ask_for(content);
        live_through(&mut world, &[]);
        check_rest(&world, may_stay);
        let told = if may_stay {
            State::Committed
        } else {
            State::RolledBack
        };
        assert_eq!(world.status.state, told, "{world:?}");
    }
}

/// Every pair of moments: the first cut anywhere in the update, the second anywhere
/// in what follows.
#[test]
fn any_two_cuts_leave_a_board_that_comes_back() {
    for (content, may_stay) in CONTENTS {
        for first in 0..=model::LONGEST_LIFE {
            for second in 0..=model::LONGEST_LIFE {
                let mut world = World::new();
                world.ask_for(content);
                live_through(&mut world, &[first, second]);
                check_rest(&world, may_stay);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Power that comes and goes.
    #[test]
    fn many_cuts_leave_a_board_that_comes_back(
        which in 0..CONTENTS.len(),
        cuts in proptest::collection::vec(0..=model::LONGEST_LIFE, 0..12),
    ) {
        let (content, may_stay) = CONTENTS[which];
        let mut world = World::new();
        world.ask_for(content);
        live_through(&mut world, &cuts);
        check_rest(&world, may_stay);
    }

    /// A medium that refuses any of the actions, once.
    #[test]
    fn an_action_that_fails_leaves_a_board_that_comes_back(
        which in 0..CONTENTS.len(),
        failing in 0..=model::LONGEST_LIFE,
    ) {
        let (content, may_stay) = CONTENTS[which];
        let mut world = World::new();
        world.ask_for(content);
        world.failing = Some(failing);
        live_through(&mut world, &[]);
        // What failed may have left a trial to its deadline, or a state untold: the
        // next start puts it right.
        world.failing = None;
        world.cut();
        live_through(&mut world, &[]);
        check_rest(&world, may_stay);
    }
}
