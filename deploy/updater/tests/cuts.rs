//! Updates on a model of a board whose power is cut between any two actions.
//!
//! The model has what outlives a cut (the boot state, the files, the slots), starts
//! slots as `boot.cmd` does, and judges nothing. From a board with a bundle in its
//! spool every card that any number of cuts and of refused writes can leave is
//! visited. While one is made, what must always hold is looked at after every action;
//! each must, left alone, come back to a board that works and says what is true.
#![allow(missing_docs)]

mod model;

use std::collections::HashSet;

use mfg_update::slot::FULL_TRIES;
use mfg_update::{Action, State};
use model::{Card, Content, Fate, NEW, OLDER, World};

/// What may be in a bundle, and whether it may stay.
const BUNDLES: [(Content, bool); 5] = [
    (Content::Good(NEW), true),
    (Content::Unhealthy(NEW), false),
    (Content::Unreachable(NEW), false),
    (Content::Forgetful(NEW), false),
    (Content::NoKernel(NEW), false),
];

/// What may be in the slot that does not run when an update begins.
const OTHERS: [Content; 2] = [Content::Nothing, Content::Good(OLDER)];

/// More cards than can come about: the search must end.
const MAX_CARDS: usize = 20_000;

/// Undisturbed restarts after which nothing may be under way any more.
const ENOUGH_STARTS: usize = 4;

/// Lets the board start and restart until it has come to rest.
fn rest(card: &Card) -> World {
    let mut world = World::live(card, Fate::Undisturbed);
    for _ in 0..ENOUGH_STARTS {
        if !world.restarts() {
            return world;
        }
        world = World::live(&world.card, Fate::Undisturbed);
    }
    panic!("it does not come to rest: {world:?}");
}

/// What must hold once a board has come to rest.
fn check_rest(world: &World, may_stay: bool) {
    let (card, slot) = (&world.card, world.running);
    let running = card.content(slot);
    if card.last_resort && matches!(running, Content::Forgetful(_)) {
        // Six starts cut early, and then one that does not know what it is: a person sees
        // that nothing is kept there.
        return;
    }
    assert!(
        matches!(running, Content::Good(_)),
        "{running:?}: {world:?}"
    );
    assert!(may_stay || running != Content::Good(NEW), "{world:?}");
    assert_eq!(card.boot.first, Some(slot), "{world:?}");
    assert_eq!(card.boot.left(slot), FULL_TRIES, "{world:?}");
    let trial = card.trial.as_ref().map(|trial| trial.slot);
    assert_ne!(trial, Some(slot), "{world:?}");
    // A version that was not kept is never insisted on.
    let floor = card.floor.as_deref();
    assert!(may_stay || floor != Some(NEW), "{world:?}");
    // What is told is what is.
    match card.status.state {
        State::Committed => assert_eq!(card.status.version, running.version(), "{world:?}"),
        State::Idle | State::Failed => assert_ne!(running, Content::Good(NEW), "{world:?}"),
        // (A slot that used up its starts, and when the other one did, too, was started
        // once more: both have been proved, and it is the last word of the first.)
        State::RolledBack => assert!(
            running != Content::Good(NEW) || card.status.reason.contains("three times"),
            "{world:?}"
        ),
        busy => panic!("{busy:?} for ever: {world:?}"),
    }
}

/// Every card that cuts and refused writes can make of this one.
fn reachable(from: Card) -> HashSet<Card> {
    let mut known = HashSet::from([from.clone()]);
    let mut waiting = vec![from];
    while let Some(card) = waiting.pop() {
        let longest = World::live(&card, Fate::Undisturbed).done;
        let fates = (0..longest).flat_map(|at| [Fate::Cut(at), Fate::Refused(at)]);
        for fate in fates.chain([Fate::Undisturbed]) {
            let next = World::live(&card, fate).card;
            if known.insert(next.clone()) {
                waiting.push(next);
            }
        }
        assert!(known.len() <= MAX_CARDS, "cards without end");
    }
    known
}

#[test]
fn an_undisturbed_update_is_kept_or_left() {
    for (bundle, may_stay) in BUNDLES {
        let world = rest(&Card::new(Content::Nothing).asked_for(bundle));
        check_rest(&world, may_stay);
        let state = if may_stay {
            State::Committed
        } else {
            State::RolledBack
        };
        assert_eq!(world.card.status.state, state, "{world:?}");
        let floor = may_stay.then_some(NEW);
        assert_eq!(world.card.floor.as_deref(), floor, "{world:?}");
    }
}

#[test]
fn any_cuts_and_refused_writes_leave_a_board_that_comes_back() {
    for other in OTHERS {
        for (bundle, may_stay) in BUNDLES {
            let cards = reachable(Card::new(other).asked_for(bundle));
            assert!(cards.len() > 30, "only {} cards", cards.len());
            for card in &cards {
                check_rest(&rest(card), may_stay);
            }
        }
    }
}

/// The start at which a bundle's system is kept, with what happens to it.
fn keeps(fate: Fate) -> World {
    let mut card = Card::new(Content::Nothing).asked_for(Content::Good(NEW));
    for _ in 0..ENOUGH_STARTS {
        let before = card;
        card = World::live(&before, Fate::Undisturbed).card;
        if card.status.state == State::Committed {
            return World::live(&before, fate);
        }
    }
    panic!("it is not kept: {card:?}");
}

#[test]
fn a_floor_that_cannot_be_noted_is_no_doubt_about_what_is_kept() {
    // Left on trial, the board would refuse updates until somebody restarts it.
    let lives = (0..keeps(Fate::Undisturbed).done).map(|at| keeps(Fate::Refused(at)));
    let refused = |world: &World| matches!(world.refused, Some(Action::SetFloor { .. }));
    let without: Vec<World> = lives.filter(refused).collect();
    assert_eq!(without.len(), 1, "{without:?}");
    for world in without {
        assert_eq!(world.card.status.state, State::Committed, "{world:?}");
        assert_eq!(world.card.trial, None, "{world:?}");
        assert_eq!(world.card.floor, None, "{world:?}");
    }
}
