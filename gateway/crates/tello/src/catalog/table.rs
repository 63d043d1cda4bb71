//! The entries, in the order of the manuals.

use super::{Course, Effect, Entry, Kind, Parameter, Unit};

const fn number(
    name: &'static str,
    low: i32,
    high: i32,
    unit: Unit,
    about: &'static str,
) -> Parameter {
    let kind = Kind::Number { low, high, unit };
    Parameter {
        name,
        kind,
        optional: false,
        about,
    }
}

/// A coordinate of a path.
const fn at(name: &'static str, about: &'static str) -> Parameter {
    number(name, -500, 500, Unit::Centimetres, about)
}

const fn choice(
    name: &'static str,
    choices: &'static [(&'static str, &'static str)],
    about: &'static str,
) -> Parameter {
    let kind = Kind::Choice(choices);
    Parameter {
        name,
        kind,
        optional: false,
        about,
    }
}

/// The pad that coordinates count from, if any.
const fn over() -> Parameter {
    Parameter {
        name: "pad",
        kind: Kind::Pad { any: true },
        optional: true,
        about: OVER,
    }
}

/// A pad that is flown to: one with a number.
const fn pad(name: &'static str, about: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Pad { any: false },
        optional: false,
        about,
    }
}

const FORWARD: &str = "Forward is positive, backward negative; over a pad, along its arrow";
const LEFT: &str = "Left is positive, right negative";
const UP: &str = "Up is positive, down negative; with a pad, the height over it";
const OVER: &str =
    "Mission pad that the coordinates count from: 1–8 (SDK 2.0), −1 any, −2 the nearest (SDK 3.0)";

/// Every command of the table.
pub const COMMANDS: &[Entry] = &[
    Entry {
        word: "flip",
        since_sdk: 1,
        effect: Effect::Flies(Course::Flip),
        parameters: &[choice(
            "direction",
            &[
                ("left", "l"),
                ("right", "r"),
                ("forward", "f"),
                ("back", "b"),
            ],
            "Where to",
        )],
        about: "Flip on the spot",
    },
    Entry {
        word: "go",
        since_sdk: 1,
        effect: Effect::Flies(Course::Line),
        parameters: &[
            at("x", FORWARD),
            at("y", LEFT),
            at("z", UP),
            number(
                "speed",
                10,
                100,
                Unit::CentimetresPerSecond,
                "Speed on the way",
            ),
            over(),
        ],
        about: "Fly in a straight line to a point",
    },
    Entry {
        word: "curve",
        since_sdk: 1,
        effect: Effect::Flies(Course::Arc),
        parameters: &[
            at("x1", FORWARD),
            at("y1", LEFT),
            at("z1", UP),
            at("x2", FORWARD),
            at("y2", LEFT),
            at("z2", UP),
            number(
                "speed",
                10,
                60,
                Unit::CentimetresPerSecond,
                "Speed on the way",
            ),
            over(),
        ],
        about: "Fly an arc through a point to another; its radius is 0.5 to 10 m",
    },
    Entry {
        word: "jump",
        since_sdk: 2,
        effect: Effect::Flies(Course::Jump),
        parameters: &[
            at("x", "Along the arrow of the first pad"),
            at("y", LEFT),
            at("z", "Height over the pads"),
            number(
                "speed",
                10,
                100,
                Unit::CentimetresPerSecond,
                "Speed on the way",
            ),
            number(
                "yaw",
                0,
                360,
                Unit::Degrees,
                "Heading over the second pad, from its arrow",
            ),
            pad("pad1", "Mission pad that the point is counted from"),
            pad("pad2", "Mission pad that is looked for there"),
        ],
        about: "Fly to a point over one mission pad, then over another",
    },
    Entry {
        word: "speed",
        since_sdk: 1,
        effect: Effect::Sets,
        parameters: &[number(
            "speed",
            10,
            100,
            Unit::CentimetresPerSecond,
            "Speed of moves that name none",
        )],
        about: "Set the speed of moves",
    },
    Entry {
        word: "mon",
        since_sdk: 2,
        effect: Effect::Sets,
        parameters: &[],
        about: "Look for mission pads",
    },
    Entry {
        word: "moff",
        since_sdk: 2,
        effect: Effect::Sets,
        parameters: &[],
        about: "Do not look for mission pads any more",
    },
    Entry {
        word: "mdirection",
        since_sdk: 2,
        effect: Effect::Sets,
        parameters: &[choice(
            "cameras",
            &[("down", "0"), ("forward", "1"), ("both", "2")],
            "Which cameras look; one alone looks at 20 Hz, both at 10 Hz each",
        )],
        about: "Choose the cameras that look for mission pads",
    },
    Entry {
        word: "throwfly",
        since_sdk: 3,
        effect: Effect::TakesOff,
        parameters: &[],
        about: "Take off by being thrown level within 5 seconds",
    },
    Entry {
        word: "motoron",
        since_sdk: 3,
        effect: Effect::Idles(true),
        parameters: &[],
        about: "Turn the motors slowly on the ground, which cools the drone; for a minute at most",
    },
    Entry {
        word: "motoroff",
        since_sdk: 3,
        effect: Effect::Idles(false),
        parameters: &[],
        about: "Stop motors that turn slowly on the ground",
    },
    Entry {
        word: "reboot",
        since_sdk: 3,
        effect: Effect::Restarts,
        parameters: &[],
        about: "Restart the drone, on the ground only",
    },
    Entry {
        word: "setfps",
        since_sdk: 3,
        effect: Effect::Sets,
        parameters: &[choice(
            "fps",
            &[("high", "high"), ("middle", "middle"), ("low", "low")],
            "30, 15 or 5 pictures a second",
        )],
        about: "Set the frame rate of the video",
    },
    Entry {
        word: "setbitrate",
        since_sdk: 3,
        effect: Effect::Sets,
        parameters: &[number(
            "bitrate",
            0,
            5,
            Unit::MegabitsPerSecond,
            "Most the video may take; 0 leaves it to the drone",
        )],
        about: "Set the bit rate of the video",
    },
    Entry {
        word: "setresolution",
        since_sdk: 3,
        effect: Effect::Sets,
        parameters: &[choice(
            "resolution",
            &[("high", "high"), ("low", "low")],
            "720 or 480 lines",
        )],
        about: "Set the resolution of the video",
    },
];
