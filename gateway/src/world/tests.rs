//! Scenes by number, by seed, and broken on purpose.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use readings::virtual_time;
use tokio::runtime::Builder;

use super::invariants::{Broken, names};
use super::sabotage::Sabotage;
use super::scene::{Act, Scene};
use super::stage::{Figures, World};

/// Scenes at every change: what two busy cores play in some twenty seconds, unoptimised.
const AT_EVERY_CHANGE: u64 = 300;

/// A scene that went wrong.
#[derive(Debug)]
struct Failure {
    seed: u64,
    broken: Broken,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure { seed, broken } = self;
        write!(
            f,
            "seed {seed}: {}: {}\n  WORLD_SEED={seed} cargo test -p mfg-drone-gateway --lib world::tests::one -- --ignored --nocapture",
            broken.invariant, broken.how
        )
    }
}

/// Plays one scene on a thread that has a runtime for what is spawned.
fn play(
    seed: u64,
    sabotage: Option<(Sabotage, &'static str)>,
    tells: bool,
) -> (Result<Figures, Broken>, String) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let scene = Scene::of(seed);
    let mut story = scene.to_string();
    let mut world = World::new(scene, sabotage.map(|(how, _)| how), tells);
    world.only = sabotage.map(|(_, invariant)| invariant);
    let played = catch_unwind(AssertUnwindSafe(|| world.run()));
    let played = played.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken {
            invariant: "nothing panics",
            how: words.unwrap_or_default(),
        })
    });
    for line in world.log.take().unwrap_or_default() {
        story.push('\n');
        story.push_str(&line);
    }
    // The world's processes end before its time does.
    drop(world);
    virtual_time::set(None);
    (played, story)
}

/// What many scenes came to.
#[derive(Default)]
struct Played {
    sum: Figures,
    failures: Vec<Failure>,
}

impl Played {
    fn add(&mut self, other: Played) {
        self.sum.add(other.sum);
        self.failures.extend(other.failures);
    }

    /// One failure of each invariant that broke, the first one, and how often it did.
    fn told(mut self) -> Option<String> {
        self.failures.sort_by_key(|failure| failure.seed);
        let mut kinds: BTreeMap<&str, (&Failure, usize)> = BTreeMap::new();
        for failure in &self.failures {
            let kind = kinds.entry(failure.broken.invariant);
            kind.or_insert((failure, 0)).1 += 1;
        }
        let told = kinds
            .values()
            .map(|(first, times)| format!("{times} scene(s), the first: {first}"));
        (!kinds.is_empty()).then(|| told.collect::<Vec<_>>().join("\n"))
    }
}

/// Scenes from `first` on, and who is told how it goes.
struct Season {
    first: u64,
    count: u64,
    next: AtomicU64,
    began: Instant,
    /// Scenes that were played, failures among them, and how many seconds after the
    /// beginning that is told next.
    played: AtomicU64,
    failed: AtomicU64,
    tells_at_s: AtomicU64,
    is_told: bool,
}

impl Season {
    fn new(first: u64, count: u64, is_told: bool) -> Season {
        #[expect(
            clippy::disallowed_methods,
            reason = "how long the machine takes, not the world"
        )]
        let began = Instant::now();
        Season {
            first,
            count,
            next: AtomicU64::new(first),
            began,
            played: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            tells_at_s: AtomicU64::new(TELLS_EVERY_S),
            is_told,
        }
    }

    /// Plays what is left, until that is all or too many went wrong.
    fn play_some(&self) -> Played {
        /// Enough to see which kinds of failure there are.
        const MOST_FAILURES: u64 = 100;
        let mut all = Played::default();
        loop {
            let seed = self.next.fetch_add(1, Relaxed);
            if seed >= self.first + self.count || self.failed.load(Relaxed) >= MOST_FAILURES {
                return all;
            }
            match play(seed, None, false).0 {
                Ok(figures) => all.sum.add(figures),
                Err(broken) => {
                    let failure = Failure { seed, broken };
                    let before = self.failed.fetch_add(1, Relaxed);
                    // At once: who waits for a million wants to know, and may not wait.
                    if self.is_told && before < 10 {
                        say(&failure.to_string());
                    }
                    all.failures.push(failure);
                }
            }
            self.played.fetch_add(1, Relaxed);
            self.tell_now_and_then();
        }
    }

    fn tell_now_and_then(&self) {
        let at_s = self.tells_at_s.load(Relaxed);
        let is_due = self.is_told && self.began.elapsed().as_secs() >= at_s;
        let tells = |next_s| {
            let told = &self.tells_at_s;
            told.compare_exchange(at_s, next_s, Relaxed, Relaxed)
                .is_ok()
        };
        if is_due && tells(at_s + TELLS_EVERY_S) {
            say(&self.how_far());
        }
    }

    fn how_far(&self) -> String {
        let took_s = self.began.elapsed().as_secs_f64();
        let played = self.played.load(Relaxed);
        format!(
            "{played} of {} scenes from {} in {took_s:.0} s ({:.0} a second), {} failed; the next is {}",
            self.count,
            self.first,
            played as f64 / took_s,
            self.failed.load(Relaxed),
            self.next.load(Relaxed).min(self.first + self.count),
        )
    }
}

/// Between two words of how far it is.
const TELLS_EVERY_S: u64 = 60;

/// Plays all of it on so many threads.
fn play_all(season: &Season, threads: usize) -> Played {
    let mut all = Played::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| season.play_some()))
            .collect();
        for thread in threads {
            all.add(thread.join().expect("it does not panic"));
        }
    });
    all
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn say(words: &str) {
    // Straight to the terminal: what is captured helps nobody who waits.
    let _ = writeln!(std::io::stderr(), "{words}");
}

#[test]
fn every_invariant_holds_in_hundreds_of_scenes() {
    let count = number("WORLD_SCENES").unwrap_or(AT_EVERY_CHANGE);
    let played = play_all(&Season::new(0, count, false), 2);
    let figures = played.sum;
    if let Some(failed) = played.told() {
        panic!("{failed}");
    }
    assert!(
        figures.flights > count / 2,
        "hardly anybody flies: {figures:?}"
    );
}

#[test]
#[ignore = "a million scenes take hours: `.ci/field` plays them, or WORLD_SCENES says how many"]
fn many() {
    let count = number("WORLD_SCENES").unwrap_or(1_000_000);
    let first = number("WORLD_FROM").unwrap_or(1_000_000);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = number("WORLD_THREADS").map_or(cores, |threads| threads as usize);
    let season = Season::new(first, count, true);
    let played = play_all(&season, threads);
    say(&format!("{}: {:?}", season.how_far(), played.sum));
    if let Some(failed) = played.told() {
        panic!("{failed}");
    }
}

#[test]
#[ignore = "tells one scene again: WORLD_SEED says which"]
fn one() {
    let seed = number("WORLD_SEED").expect("WORLD_SEED=N");
    let (played, story) = play(seed, None, true);
    say(&story);
    if let Err(broken) = played {
        panic!("{}", Failure { seed, broken });
    }
}

#[test]
fn a_seed_is_one_scene_and_one_run() {
    for seed in 0..20 {
        let (first, second) = (play(seed, None, true), play(seed, None, true));
        assert_eq!(first.1, second.1, "seed {seed}");
    }
}

/// Which invariant each sabotage breaks.
const BROKEN: [(Sabotage, &str); 14] = [
    (Sabotage::EndedTask, "tasks run on"),
    (Sabotage::LyingStates, "no landing is refused in the air"),
    (Sabotage::AlertStorm, "alerts stay few"),
    (Sabotage::StuckThumb, "sticks end with the thumb"),
    (Sabotage::FlownAllTheSame, "another drone is not flown"),
    (Sabotage::BlindKeepAlive, "what nobody flies comes down"),
    (
        Sabotage::SwallowedDown,
        "down-commands leave within a second",
    ),
    (Sabotage::LyingStates, "never landed while it flies"),
    (Sabotage::NoHeight, "no bound is passed"),
    (Sabotage::GhostAtThePage, "a flyer lost means a landing"),
    (Sabotage::VoiceInTheDark, "nothing is sent into the dark"),
    (Sabotage::ForgetfulMedium, "nothing acknowledged is lost"),
    (Sabotage::LostLatches, "no take-off while it is held"),
    (
        Sabotage::CutMotors,
        "motors are cut only when that is asked",
    ),
];

/// Whether what the sabotage waits for happens in that scene: few drones change addresses.
fn shows(sabotage: Sabotage, seed: u64) -> bool {
    let swaps = || {
        let scene = Scene::of(seed);
        scene.drones.len() == 2 && scene.acts.iter().any(|(_, act)| matches!(act, Act::Swap))
    };
    let latches = || {
        let scene = Scene::of(seed);
        let restarts = |(_, act): &(u64, Act)| matches!(act, Act::Restart(_, 500));
        scene.acts.iter().any(restarts)
    };
    match sabotage {
        Sabotage::FlownAllTheSame => swaps(),
        Sabotage::LostLatches => latches(),
        _ => true,
    }
}

/// Most scenes that a sabotage may go unnoticed in.
const SEEN_WITHIN: usize = 1_000;

/// The scene in which it is seen first, and how many there were before.
fn first_seen(sabotage: Sabotage, invariant: &'static str) -> Option<(u64, usize)> {
    let scenes = (0..).filter(|seed| shows(sabotage, *seed));
    let mut scenes = scenes.take(SEEN_WITHIN).enumerate();
    scenes.find_map(|(before, seed)| {
        let (played, _) = play(seed, Some((sabotage, invariant)), false);
        let is_it = played.is_err_and(|broken| broken.invariant == invariant);
        is_it.then_some((seed, before))
    })
}

#[test]
#[ignore = "takes minutes unoptimised: `.ci/field` runs it in the release profile"]
fn each_sabotage_is_seen_by_its_invariant() {
    // None is forgotten.
    assert!(names().all(|name| BROKEN.iter().any(|(_, of)| *of == name)));
    let mut unseen = Vec::new();
    for (sabotage, invariant) in BROKEN {
        assert!(names().any(|name| name == invariant), "{invariant}");
        match first_seen(sabotage, invariant) {
            Some((seed, before)) => say(&format!(
                "{sabotage:?} breaks {invariant:?} in scene {seed}, {before} were played before"
            )),
            None => unseen.push((sabotage, invariant)),
        }
    }
    assert!(
        unseen.is_empty(),
        "not seen in {SEEN_WITHIN} scenes: {unseen:?}"
    );
}
