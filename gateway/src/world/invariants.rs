//! What must hold in every world, whatever happens in it. Each is a function with a name,
//! and each is broken on purpose in `sabotage`, to see it go red.

use std::sync::{MutexGuard, PoisonError};

use alerting::Filter;
use tello::command::Command;

use super::gateway::{Answer, Gateway, Wish};
use super::ledger::{OfGateway, Pair, Sent, gone_since};
use super::place::craft_at;
use super::stage::World;
use crate::config::OnOperatorLoss;
use crate::sources::vehicles::{Basis, CEILING_CM, Phase};

/// A down-command leaves within this of the wish.
const LEAVES_WITHIN_MS: u64 = 1_000;

/// A landing that is under way is joined: it was sent at most so long ago.
const LANDED_BEFORE_MS: u64 = 4_000;

/// How long a drone may fly until its states cannot but show it: two states that lie a
/// second apart, a third of which may be lost.
const SHOWS_WITHIN_MS: u64 = 4_000;

/// Age of a state from which on a drone is not seen.
const DARK_AFTER_MS: u64 = 1_500;

/// A flyer who says nothing for so long is gone.
const GONE_AFTER_MS: u64 = 3_000;

/// The guard looks each second.
const GUARD_LOOKS_MS: u64 = 1_000;

/// What rounding may add: clocks of whole milliseconds.
const ROUNDED_MS: u64 = 100;

/// A drone that falls silent in the air lands by itself after this.
const LANDS_AFTER_MS: u64 = 15_000;

/// How far over a limit a drone may come that is stopped there, in cm.
const OVER_CM: f64 = 60.0;

/// Most alerts about one drone in an hour; a scene is shorter.
const MOST_ALERTS: usize = 20;

/// Age of a stick frame from which on nothing but zero leaves.
const THUMB_LIFTED_MS: u64 = 400;

/// An invariant that does not hold, and how.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) invariant: &'static str,
    pub(super) how: String,
}

type Judgement = Result<(), String>;
type Invariant = (&'static str, fn(&World) -> Judgement);

/// Those that hold at every moment.
const ALWAYS: [Invariant; 13] = [
    ("tasks run on", tasks_run_on),
    (
        "down-commands leave within a second",
        down_commands_leave_within_a_second,
    ),
    (
        "no landing is refused in the air",
        no_landing_is_refused_in_the_air,
    ),
    ("never landed while it flies", never_landed_while_it_flies),
    ("no bound is passed", no_bound_is_passed),
    ("a flyer lost means a landing", a_flyer_lost_means_a_landing),
    (
        "nothing is sent into the dark",
        nothing_is_sent_into_the_dark,
    ),
    ("alerts stay few", alerts_stay_few),
    ("nothing acknowledged is lost", nothing_acknowledged_is_lost),
    ("no take-off while it is held", no_take_off_while_it_is_held),
    ("sticks end with the thumb", sticks_end_with_the_thumb),
    (
        "motors are cut only when that is asked",
        motors_are_cut_only_when_that_is_asked,
    ),
    ("another drone is not flown", another_drone_is_not_flown),
];

/// Names of all, for the tests that break them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let always = ALWAYS.iter().map(|(name, _)| *name);
    always.chain([COMES_DOWN])
}

const COMES_DOWN: &str = "what nobody flies comes down";

/// Judges the moment.
pub(super) fn judge(world: &mut World) -> Result<(), Broken> {
    for (invariant, holds) in ALWAYS {
        // A sabotage breaks several: its test asks for one.
        if world.only.is_none_or(|only| only == invariant) {
            holds(world).map_err(|how| Broken { invariant, how })?;
        }
    }
    let now_ms = world.now_ms;
    for (of, site) in world.ledger.gateways.iter_mut().zip(&world.sites) {
        of.pairs
            .iter_mut()
            .for_each(|pair| pair.judged = pair.sent.len());
        if let Some(gateway) = &site.gateway {
            let wishes = wishes(gateway);
            let is_due = |wish: &&Wish| now_ms > wish.at_ms + LEAVES_WITHIN_MS;
            of.wishes_judged = wishes.iter().take_while(is_due).count();
        }
    }
    Ok(())
}

/// Judges the end.
pub(super) fn judge_end(world: &World) -> Result<(), Broken> {
    what_nobody_flies_comes_down(world).map_err(|how| Broken {
        invariant: COMES_DOWN,
        how,
    })
}

fn wishes(gateway: &Gateway) -> MutexGuard<'_, Vec<Wish>> {
    let wishes = gateway.wishes.lock();
    wishes.unwrap_or_else(PoisonError::into_inner)
}

/// Every gateway that runs, with what the world noted of it.
fn running(world: &World) -> impl Iterator<Item = (&OfGateway, &Gateway)> {
    let sites = world.ledger.gateways.iter().zip(&world.sites);
    sites.filter_map(|(of, site)| Some((of, site.gateway.as_ref()?)))
}

/// Every pair of a gateway that runs and a drone.
fn pairs(world: &World) -> impl Iterator<Item = (&OfGateway, &Gateway, usize, &Pair)> {
    running(world).flat_map(|(of, gateway)| {
        let pairs = of.pairs.iter().enumerate();
        pairs.map(move |(drone, pair)| (of, gateway, drone, pair))
    })
}

/// What was sent in this moment.
fn newly_sent(pair: &Pair) -> &[Sent] {
    &pair.sent[pair.judged.min(pair.sent.len())..]
}

fn check(holds: bool, how: impl FnOnce() -> String) -> Judgement {
    if holds { Ok(()) } else { Err(how()) }
}

const fn strength(command: Command) -> Option<u8> {
    match command {
        Command::Stop => Some(1),
        Command::Land => Some(2),
        Command::Emergency => Some(3),
        _ => None,
    }
}

fn tasks_run_on(world: &World) -> Judgement {
    running(world).try_for_each(|(_, gateway)| match gateway.ended().next() {
        Some(name) => Err(format!("the task {name} ended")),
        None => Ok(()),
    })
}

/// A land, stop or emergency that was taken leaves within a second of the wish, or one
/// that is stronger does.
fn down_commands_leave_within_a_second(world: &World) -> Judgement {
    for (of, gateway) in running(world) {
        for wish in wishes(gateway).iter().skip(of.wishes_judged) {
            let (at_ms, by_ms) = (wish.at_ms, wish.at_ms + LEAVES_WITHIN_MS);
            let Some(wished) = strength(wish.command) else {
                continue;
            };
            // Without an adapter nothing leaves.
            if world.now_ms <= by_ms || at_ms <= of.pulled_ms {
                continue;
            }
            let pair = &of.pairs[wish.drone];
            check(wish.is_taken || wish.answer.is_some(), || {
                format!("{} of {at_ms} ms was not even judged", wish.command)
            })?;
            let leaves = |sent: &Sent| {
                let stands_for_stop = wished == 1 && sent.command == Command::Rc([0; 4]);
                let strong = strength(sent.command).unwrap_or(u8::from(stands_for_stop));
                let from_ms = match wished {
                    2 => at_ms.saturating_sub(LANDED_BEFORE_MS),
                    _ if strong > wished => at_ms.saturating_sub(LEAVES_WITHIN_MS),
                    _ => at_ms,
                };
                strong >= wished && (from_ms..=by_ms).contains(&sent.at_ms)
            };
            check(!wish.is_taken || pair.sent.iter().any(leaves), || {
                format!(
                    "{} of {at_ms} ms, taken, did not leave by {by_ms} ms",
                    wish.command
                )
            })?;
        }
    }
    Ok(())
}

/// Down is always possible: what flies and is heard is not refused a landing.
fn no_landing_is_refused_in_the_air(world: &World) -> Judgement {
    for (of, gateway) in running(world) {
        for wish in wishes(gateway).iter().skip(of.wishes_judged) {
            let (Some(Answer::Refused(why)), Some(_)) = (&wish.answer, strength(wish.command))
            else {
                continue;
            };
            let shows_ms = SHOWS_WITHIN_MS + world.ledger.slow_ms;
            let since = world.ledger.flown_since[wish.drone];
            let flew = since.is_some_and(|since| since + shows_ms < wish.at_ms);
            let heard_ms = of.pairs[wish.drone].heard_ms;
            let was_heard = heard_ms.is_some_and(|at| at + LEAVES_WITHIN_MS >= wish.at_ms);
            check(!(flew && was_heard), || {
                format!("{} of {} ms was refused: {why}", wish.command, wish.at_ms)
            })?;
        }
    }
    Ok(())
}

/// Neither a flight status nor the end of a landing says `landed` of a drone that flies.
fn never_landed_while_it_flies(world: &World) -> Judgement {
    let (now_ms, slow_ms) = (world.now_ms, world.ledger.slow_ms);
    for (of, _, drone, pair) in pairs(world) {
        let flown_ms = world.ledger.flown_since[drone].map_or(0, |since| now_ms - since);
        let is_shown = pair.flight.phase == Phase::Landed && pair.flight.basis == Basis::State;
        check(!(is_shown && flown_ms > SHOWS_WITHIN_MS + slow_ms), || {
            format!(
                "d{} is shown as landed after {flown_ms} ms in the air",
                drone + 1
            )
        })?;
        // The proof takes two seconds of states that are on their way for so long.
        let is_confirmed = of.confirmed.contains(&drone);
        check(!(is_confirmed && flown_ms > ROUNDED_MS + slow_ms), || {
            format!("the landing of d{} is confirmed while it flies", drone + 1)
        })?;
    }
    Ok(())
}

/// No drone is above the ceiling, or above the limit that is set.
fn no_bound_is_passed(world: &World) -> Judgement {
    let limit_cm = world.scene.limit_cm.map_or(CEILING_CM, i32::from);
    // What it climbs while states are on their way, at a metre a second.
    let over_cm = OVER_CM + 2.0 * world.ledger.slow_ms as f64 / 10.0;
    for index in 0..world.crafts.len() {
        let craft = craft_at(&world.crafts, index);
        let height_cm = craft.firmware.truth().height_m * 100.0;
        // What it climbs while nothing reaches it: a gateway that is away tells it nothing.
        let alone_cm = 0.12 * world.ledger.unreached_ms(index) as f64;
        check(
            height_cm <= f64::from(limit_cm) + over_cm + alone_cm,
            || format!("drone {index} is at {height_cm:.0} cm, and {limit_cm} cm is the limit"),
        )?;
    }
    Ok(())
}

/// Within the grace and a second after its flyer was last there, a flying drone is told
/// to land, or to stop where that is the policy.
fn a_flyer_lost_means_a_landing(world: &World) -> Judgement {
    let grace_ms = (world.scene.grace_s * 1_000).max(GONE_AFTER_MS);
    let acts = |sent: &Sent| match world.scene.on_operator_loss {
        OnOperatorLoss::Land => matches!(sent.command, Command::Land | Command::Emergency),
        _ => strength(sent.command).is_some() || sent.command == Command::Rc([0; 4]),
    };
    if world.scene.on_operator_loss == OnOperatorLoss::Nothing {
        return Ok(());
    }
    for (of, gateway, drone, pair) in pairs(world) {
        // Of two who flew it, it is the gateway's to know whose flight it is.
        let mut flyers = pair.flyers.iter();
        let (Some(flyer), None, Some(flying)) = (flyers.next(), flyers.next(), pair.flying_since)
        else {
            continue;
        };
        let Some(gone_ms) = gone_since(of, gateway, *flyer) else {
            continue;
        };
        let by_ms = (gone_ms + grace_ms).max(flying) + GUARD_LOOKS_MS + ROUNDED_MS;
        let is_excused = world.now_ms <= by_ms
            || gone_ms <= of.pulled_ms
            || !has_flown(gateway, drone, pair, *flyer);
        let acted = pair
            .sent
            .iter()
            .rev()
            .take_while(|sent| sent.at_ms >= gone_ms);
        check(is_excused || acted.into_iter().any(acts), || {
            format!(
                "the flyer of d{} was last there at {gone_ms} ms, and by {by_ms} ms nothing was done",
                drone + 1
            )
        })?;
    }
    Ok(())
}

/// Whether a wish of that flyer was taken which flies the drone, or his sticks were.
fn has_flown(gateway: &Gateway, drone: usize, pair: &Pair, flyer: usize) -> bool {
    let flies = |wish: &Wish| {
        let command = wish.command;
        let is_his = wish.flyer == flyer && wish.drone == drone && wish.is_taken;
        is_his && (command.is_manoeuvre() || command.takes_off())
    };
    let steers = |sent: &Sent| matches!(sent.command, Command::Rc(axes) if axes != [0; 4]);
    wishes(gateway).iter().any(flies) || pair.sent.iter().any(steers)
}

/// Nothing but what brings down goes to a drone that flies and is not seen; what makes it
/// stream goes there once its own landing must be over.
fn nothing_is_sent_into_the_dark(world: &World) -> Judgement {
    for (_, _, drone, pair) in pairs(world) {
        for sent in newly_sent(pair) {
            let is_down = strength(sent.command).is_some() || sent.command == Command::Rc([0; 4]);
            let is_dark = sent.was_airborne && sent.silent_ms > DARK_AFTER_MS + ROUNDED_MS;
            if is_down || !is_dark {
                continue;
            }
            let alone_ms = (world.now_ms - sent.held_up_ms).min(sent.silent_ms);
            let is_late = sent.command == Command::EnterSdk && alone_ms >= LANDS_AFTER_MS;
            check(is_late, || {
                format!(
                    "d{} flies and has been silent for {} ms, and is sent {}",
                    drone + 1,
                    sent.silent_ms,
                    sent.command
                )
            })?;
        }
    }
    Ok(())
}

fn alerts_stay_few(world: &World) -> Judgement {
    pairs(world).try_for_each(|(_, _, drone, pair)| {
        check(pair.raised <= MOST_ALERTS, || {
            format!("{} alerts about d{} in one scene", pair.raised, drone + 1)
        })
    })
}

/// What was told as durable, or answered with yes, is there over every restart.
fn nothing_acknowledged_is_lost(world: &World) -> Judgement {
    for (of, gateway) in running(world) {
        // Once a run, when it has just begun: nothing in it takes any away.
        if world.now_ms != of.began_ms {
            continue;
        }
        let held = gateway.alerts.list(&Filter::default());
        for seq in &of.told {
            check(held.iter().any(|alert| alert.seq == *seq), || {
                format!("alert {seq} was told as durable and is gone")
            })?;
        }
        for seq in &of.acknowledged {
            let is_kept = |alert: &_| is_acknowledged(alert, *seq);
            check(held.iter().any(|alert| is_kept(alert)), || {
                format!("alert {seq} was acknowledged, and is not any more")
            })?;
        }
    }
    Ok(())
}

fn is_acknowledged(alert: &alerting::Alert, seq: u64) -> bool {
    alert.seq == seq && alert.acknowledged.is_some()
}

/// No propeller is started while an emergency stop is latched, or a rule holds the drone.
fn no_take_off_while_it_is_held(world: &World) -> Judgement {
    for (of, _, drone, pair) in pairs(world) {
        let is_windy = of.is_windy && drone == 0;
        for sent in newly_sent(pair) {
            let starts = sent.command.takes_off() || sent.command.idles() == Some(true);
            check(!starts || (of.latched_ms.is_none() && !is_windy), || {
                let held = if is_windy {
                    "by a rule"
                } else {
                    "by a latched stop"
                };
                format!(
                    "d{} is held {held}, and is sent {}",
                    drone + 1,
                    sent.command
                )
            })?;
        }
    }
    Ok(())
}

/// A frame counts for a moment: after it nothing but zero leaves.
fn sticks_end_with_the_thumb(world: &World) -> Judgement {
    for (_, _, drone, pair) in pairs(world) {
        for sent in newly_sent(pair) {
            let steers = matches!(sent.command, Command::Rc(axes) if axes != [0; 4]);
            let age_ms = pair.frame_ms.map(|at| world.now_ms - at);
            let is_held = age_ms.is_some_and(|age| age <= THUMB_LIFTED_MS);
            check(!steers || is_held, || {
                format!(
                    "d{} is sent {}, {age_ms:?} ms after the thumb",
                    drone + 1,
                    sent.command
                )
            })?;
        }
    }
    Ok(())
}

/// `emergency` leaves only where somebody asked for it a moment ago.
fn motors_are_cut_only_when_that_is_asked(world: &World) -> Judgement {
    for (_, gateway, drone, pair) in pairs(world) {
        for sent in newly_sent(pair) {
            if sent.command != Command::Emergency {
                continue;
            }
            let is_asked = |wish: &Wish| {
                wish.drone == drone
                    && wish.command == Command::Emergency
                    && wish.at_ms + 1_500 >= sent.at_ms
            };
            check(wishes(gateway).iter().any(is_asked), || {
                format!(
                    "the motors of d{} are cut, and nobody asked for it",
                    drone + 1
                )
            })?;
        }
    }
    Ok(())
}

/// A drone that is taken for another one is sent nothing that moves it.
fn another_drone_is_not_flown(world: &World) -> Judgement {
    for (_, _, drone, pair) in pairs(world) {
        for sent in newly_sent(pair) {
            let flies = sent.command.is_manoeuvre() || sent.command.takes_off();
            check(!(flies && sent.was_mistaken), || {
                format!(
                    "d{} is another drone, and is sent {}",
                    drone + 1,
                    sent.command
                )
            })?;
        }
    }
    Ok(())
}

/// A while after everybody has gone, every drone is on the ground.
fn what_nobody_flies_comes_down(world: &World) -> Judgement {
    for (index, craft) in world.crafts.iter().enumerate() {
        let truth = craft.firmware.truth();
        check(!truth.flies, || {
            format!("drone {index} still flies at {:.1} m", truth.height_m)
        })?;
    }
    Ok(())
}
