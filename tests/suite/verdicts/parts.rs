//! Texts for each section of the configuration that may be right, missing or wrong, and what
//! each comes to; and where files are changed at random.

/// What a part of a configuration comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lot {
    Well = 0,
    Missing = 3,
    Refused = 2,
}

/// A section, and texts for it. `HOST` is an address of the test's own.
pub(super) type Part = (&'static str, &'static [(&'static str, Lot)]);

pub(super) const PARTS: &[Part] = &[
    (
        "server",
        &[
            ("", Lot::Well),
            ("http_listen = \"HOST:8000\"", Lot::Well),
            ("http_listen = \"0.0.0.0:8000\"", Lot::Refused),
            ("http_listen = \"HOST:8443\"", Lot::Refused),
            // Nobody on this machine has that address: no reason not to watch drones.
            (
                "metrics_listen = \"127.0.0.1:1\"\nidle_timeout_s = 0",
                Lot::Refused,
            ),
        ],
    ),
    (
        "access",
        &[
            ("", Lot::Well),
            ("profile = \"documented\"", Lot::Well),
            ("profile = \"legacy\"\nlockout = false", Lot::Well),
            ("other_per_minute = 5", Lot::Refused),
        ],
    ),
    (
        "drones",
        &[
            ("", Lot::Well),
            (
                "[[drones.drone]]\nid = \"a\"\nmode = \"simulation\"",
                Lot::Well,
            ),
            (
                "[[drones.drone]]\nid = \"a\"\naddress = \"HOST\"",
                Lot::Missing,
            ),
            (
                "[[drones.drone]]\nid = \"a\"\naddress = \"10.9.8.7\"\ninterface = \"none0\"",
                Lot::Missing,
            ),
            (
                "[[drones.drone]]\nid = \"a\"\ninterface = \"a/b\"",
                Lot::Refused,
            ),
            (
                "[[drones.drone]]\nid = \"a\"\n[[drones.drone]]\nid = \"b\"",
                Lot::Refused,
            ),
            (
                "[drones.limits]\nland_height_cm = 300\nwarn_tilt_deg = 45",
                Lot::Well,
            ),
            ("[drones.limits]\nland_height_cm = 5", Lot::Refused),
            (
                "down = \"hover\"\n[[drones.drone]]\nid = \"a\"\nmode = \"simulation\"\nserial = \"0TQDG1234567AB\"\n\
                 limits = { land_battery_pct = 20 }\n[[drones.group]]\nid = \"hall\"\ndrones = [\"a\"]",
                Lot::Well,
            ),
            (
                "[[drones.drone]]\nid = \"a\"\nmode = \"simulation\"\n[[drones.group]]\nid = \"hall\"\ndrones = [\"b\"]",
                Lot::Refused,
            ),
            (
                "[[drones.drone]]\nid = \"a\"\nmode = \"simulation\"\nlimits = { warn_height_cm = 20 }",
                Lot::Refused,
            ),
        ],
    ),
    (
        "[notify.webhook]",
        &[
            ("", Lot::Well),
            ("url = \"http://127.0.0.1:1/hook\"", Lot::Missing),
            ("url = \"https://192.0.2.1/hook\"", Lot::Refused),
            (
                "url = \"http://127.0.0.1:1/hook\"\nsecret_file = \"/nowhere/secret\"",
                Lot::Refused,
            ),
            ("url = \"nothing\"", Lot::Refused),
        ],
    ),
    (
        "upstream",
        &[
            ("", Lot::Well),
            ("url = \"http://127.0.0.1:1\"", Lot::Missing),
            ("url = \"http://vision.example\"", Lot::Refused),
            ("key = \"without url\"", Lot::Refused),
        ],
    ),
    (
        "tls",
        &[
            ("", Lot::Well),
            ("names = [\"gateway.example\"]", Lot::Well),
            (
                // The device's own is served until it is put back.
                "cert = \"/nowhere/a.pem\"\nkey = \"/nowhere/a.key\"",
                Lot::Missing,
            ),
            ("client_ca = \"/nowhere/ca.pem\"", Lot::Refused),
        ],
    ),
    (
        "[bridge]",
        &[
            ("", Lot::Well),
            (
                "name = \"mast\"\nselector = \"/dev/serial/by-id/none\"",
                Lot::Missing,
            ),
            ("name = \"mast\"\nselector = \"ttyACM0\"", Lot::Refused),
            (
                "name = \"mast\"\nselector = \"/dev/serial/by-id/none\"\non_emergency_stop = \"emergency\"\non_lost = \"land\"",
                Lot::Missing,
            ),
            (
                "name = \"mast\"\nselector = \"2e8a:000a\"\ndrones = [\"nobody\"]",
                Lot::Refused,
            ),
        ],
    ),
    (
        "mqtt",
        &[
            ("", Lot::Well),
            (
                "url = \"mqtt://127.0.0.1:1\"\nhome_assistant = true",
                Lot::Missing,
            ),
            ("url = \"http://127.0.0.1:1\"", Lot::Refused),
            (
                "url = \"mqtt://127.0.0.1:1\"\nusername = \"x\"\npassword_file = \"/nowhere/password\"",
                Lot::Refused,
            ),
            (
                "url = \"mqtt://127.0.0.1:1\"\ntopic = \"site/#\"",
                Lot::Refused,
            ),
        ],
    ),
    (
        "recording",
        &[
            ("", Lot::Well),
            ("video = \"key\"\nmax_days = 0", Lot::Well),
            ("dir = \"/dev/null/below\"", Lot::Missing),
            ("dir = \"/dev/null/below\"\nmax_bytes = 0", Lot::Well),
            ("max_bytes = 1", Lot::Refused),
        ],
    ),
    (
        "camera",
        &[
            ("", Lot::Well),
            ("rtsp_listen = \"HOST:8554\"", Lot::Well),
            // The port of the API.
            ("rtsp_listen = \"HOST:8443\"", Lot::Refused),
            ("max_viewers = 0", Lot::Refused),
        ],
    ),
    (
        "notify",
        &[
            ("", Lot::Well),
            (
                "[[notify.ntfy]]\nname = \"n\"\nurl = \"http://127.0.0.1:1/topic\"",
                Lot::Missing,
            ),
            (
                "[[notify.email]]\nname = \"m\"\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"a@site.example\"\nto = [\"b@site.example\"]",
                Lot::Missing,
            ),
            (
                "[[notify.email]]\nname = \"m\"\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"nobody\"\nto = [\"b@site.example\"]",
                Lot::Refused,
            ),
            (
                "[[notify.line]]\nname = \"l\"\ntoken_file = \"/nowhere/token\"",
                Lot::Refused,
            ),
            (
                "[[notify.slack]]\nname = \"s\"\nurl = \"http://127.0.0.1:1/x\"\nescalate_to = \"nobody\"\nescalate_after_minutes = 5",
                Lot::Refused,
            ),
        ],
    ),
    (
        "[alerts.rule]",
        &[
            ("", Lot::Well),
            (
                "name = \"r\"\nmetric = \"battery_level\"\noperator = \"<\"\nthreshold = 20\nlevel = \"critical\"\n\
                 type = \"drone\"\naction = \"land\"",
                Lot::Well,
            ),
            (
                "name = \"r\"\nmetric = \"battery_level\"\noperator = \"<\"\nthreshold = 20\nlevel = \"critical\"\n\
                 type = \"drone\"\naction = \"explode\"",
                Lot::Refused,
            ),
        ],
    ),
];

/// Where a changed file is changed, each in its turn: every section and every kind of list.
pub(super) const AIMS: [&[&str]; 24] = [
    &["mqtt"],
    &["recording"],
    &["camera"],
    &["drones"],
    &["drones", "limits"],
    &["drones", "drone"],
    &["drones", "group"],
    &["bridge"],
    &["alerts", "rule"],
    &["notify", "webhook"],
    &["notify", "slack"],
    &["notify", "teams"],
    &["notify", "discord"],
    &["notify", "ntfy"],
    &["notify", "alertmanager"],
    &["notify", "line"],
    &["notify", "email"],
    &["gateway"],
    &["server"],
    &["access"],
    &["tls"],
    &["upstream"],
    &["logging"],
    &["storage"],
];
