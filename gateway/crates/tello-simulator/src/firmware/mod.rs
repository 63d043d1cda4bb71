//! The protocol side of a simulated drone: what firmware answers, and when.
//!
//! Written after the manuals and captured sessions: the reply comes after the
//! manoeuvre, nothing is queued (`error Not joystick` while busy), a drone
//! without a command for 15 s lands by itself and any command cancels that.
//! Pure: datagrams and `now` in, datagrams out.

mod flying;
mod report;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use heapless::Vec;
use tello::catalog::Effect;
use tello::command::{Command, CommandError};
use tello::join::Network;
use tello::render::{Sdk, render};
use tokio::time::Instant;

use self::flying::manoeuvre;
use self::report::{Text, extended, said, written};
use crate::Options;
use crate::body::{Body, Manoeuvre};
use crate::camera::Camera;
use crate::impairment::Outgoing;
use crate::rng::Rng;

/// Time between states: the captured median is 102 ms.
const STATE_PERIOD: Duration = Duration::from_millis(100);

/// Silence of the client after which a flying drone lands (SDK guides).
const AUTO_LAND_AFTER: Duration = Duration::from_secs(15);

/// How long a restart takes until the drone hears commands again.
const BOOT: Duration = Duration::from_secs(8);

/// Take-off was seen refused at this charge.
const TAKEOFF_REFUSED_PCT: f64 = 5.0;

/// Flips are refused below this charge.
const FLIP_REFUSED_PCT: f64 = 50.0;

/// Charge at which it lands whatever it is told.
const FORCED_LANDING_PCT: f64 = 3.0;

/// Longest step of the physics.
const STEP: Duration = Duration::from_millis(50);

/// Most steps for one look: a longer gap is taken in coarser ones.
const MAX_STEPS: u32 = 400;

/// Most datagrams one event can cause: a reply and a state.
pub type Outbox = Vec<Outgoing, 4>;

/// The client that sent `command`.
#[derive(Clone, Copy, Debug)]
struct Client {
    address: IpAddr,
    last_command: Instant,
}

/// What a drone truly does, whatever its states say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Whether its motors carry it, or are about to.
    pub flies: bool,
    /// Whether they turn slowly on the ground.
    pub idles: bool,
    /// Height over the floor, in m.
    pub height_m: f64,
    /// Whether it is on its way down to the ground, told or by itself.
    pub lands: bool,
    /// How long the manoeuvre under way goes on; none: it hovers, or follows its sticks.
    pub manoeuvres_for: Option<Duration>,
}

/// A simulated drone without its socket.
pub struct Firmware {
    sdk: Sdk,
    activated: bool,
    state_port: u16,
    video_port: u16,
    /// The stream of the camera, while it is on.
    camera: Option<Camera>,
    body: Body,
    rng: Rng,
    now: Instant,
    client: Option<Client>,
    /// Who waits for the manoeuvre under way.
    waiting: Option<SocketAddr>,
    landing_by_itself: bool,
    booting_until: Option<Instant>,
    next_state: Instant,
    speed_cm_s: u16,
    pads: bool,
    /// Whether the last datagram made it move, or stop moving.
    moved: bool,
    /// Whether it lies on its back.
    is_over: bool,
    /// Whether it refuses the next manoeuvre, for no reason that anybody could know.
    refuses_next: bool,
    /// The network that it was told to join; kept over a restart, as settings are.
    joined: Option<Box<str>>,
    options: Options,
}

impl Firmware {
    /// On the ground, and met by nobody yet.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Firmware {
        Firmware {
            sdk: options.sdk,
            activated: options.activated,
            state_port: options.state_port,
            video_port: options.video_port,
            camera: None,
            body: Body::new(
                options.battery_pct,
                options.temperature_c,
                options.idle_temperature_c,
            ),
            rng: Rng::new(options.seed),
            now,
            client: None,
            waiting: None,
            landing_by_itself: false,
            booting_until: None,
            next_state: now,
            speed_cm_s: 50,
            pads: false,
            moved: false,
            is_over: false,
            refuses_next: false,
            joined: None,
            options,
        }
    }

    /// Restarts it: motor time, client and position begin anew, charge and heat stay.
    pub fn reboot(&mut self, now: Instant) {
        let options = Options {
            battery_pct: self.body.battery_pct,
            temperature_c: self.body.board_c,
            ..self.options.clone()
        };
        let rng = self.rng.clone();
        *self = Firmware {
            booting_until: Some(now + BOOT),
            is_over: self.is_over,
            joined: self.joined.take(),
            rng,
            ..Firmware::new(options, now)
        };
    }

    /// Whether it was told to join a network, and has restarted since.
    pub(super) fn has_joined(&self, now: Instant) -> bool {
        self.joined.is_some() && self.booting_until.is_none_or(|until| now >= until)
    }

    /// Restarts it with a network of its own, as its button does.
    pub(super) fn reset(&mut self, now: Instant) {
        self.joined = None;
        self.reboot(now);
    }

    /// A fresh drone in its place: charged, on the ground. The client stays.
    pub(super) fn renew(&mut self, now: Instant) {
        let (client, rng, next_state) = (self.client, self.rng.clone(), self.next_state);
        *self = Firmware {
            client,
            rng,
            next_state,
            ..Firmware::new(self.options.clone(), now)
        };
    }

    /// A full battery.
    pub(super) fn charge(&mut self) {
        self.body.battery_pct = 100.0;
    }

    /// Leaves so much in the battery, if there was more.
    pub fn drain(&mut self, battery_pct: f64) {
        self.body.battery_pct = self.body.battery_pct.min(battery_pct.max(0.0));
    }

    /// When [`Firmware::advance`] next has something to do, at the latest.
    pub fn wake_at(&self) -> Instant {
        let manoeuvre = self.body.remaining_s().map(|s| {
            // A millisecond more: the last step must not end short of the end.
            self.now + Duration::from_millis((s * 1000.0) as u64 + 1)
        });
        let state = self.client.map(|_| self.next_state);
        let idle = self.now + Duration::from_secs(1);
        let frame = self.camera.as_ref().map(Camera::next_at);
        [manoeuvre, state, frame]
            .into_iter()
            .flatten()
            .fold(idle, Instant::min)
    }

    /// Lets time pass until `now`.
    pub fn advance(&mut self, now: Instant, out: &mut Outbox) {
        self.pass_time(now, out);
        if self.booting_until.is_some_and(|until| now < until) {
            return;
        }
        self.booting_until = None;
        self.land_if_left_alone(now);
        if let Some(client) = self.client.filter(|_| now >= self.next_state) {
            let to = SocketAddr::new(client.address, self.state_port);
            let text = render(&self.state(), self.sdk);
            // Full only if a reply fills it: then the state waits for the next period.
            let _ = out.push(Outgoing::new(to, text.as_bytes()));
            self.next_state = (self.next_state + STATE_PERIOD).max(now);
        }
    }

    /// The next frame of the camera that is due, and where it goes.
    pub(super) fn film(&mut self, now: Instant) -> Option<(SocketAddr, &'static [u8])> {
        let to = SocketAddr::new(self.client?.address, self.video_port);
        let frame = self.camera.as_mut()?.film(now)?;
        Some((to, frame))
    }

    fn pass_time(&mut self, now: Instant, out: &mut Outbox) {
        let mut left = now.saturating_duration_since(self.now);
        // (A nanosecond more, else what the division drops becomes one step too many.)
        let longest = STEP.max(left / MAX_STEPS + Duration::from_nanos(1));
        while !left.is_zero() {
            let step = longest.min(left);
            left -= step;
            if self.body.step(step.as_secs_f64()).is_some() {
                self.landing_by_itself = false;
                self.answer_waiting("ok", out);
            }
        }
        self.now = self.now.max(now);
    }

    fn answer_waiting(&mut self, text: &str, out: &mut Outbox) {
        if let Some(to) = self.waiting.take() {
            // The manoeuvre itself counts as contact.
            if let Some(client) = &mut self.client {
                client.last_command = self.now;
            }
            let _ = out.push(Outgoing::new(to, text.as_bytes()));
        }
    }

    fn land_if_left_alone(&mut self, now: Instant) {
        let left_alone = self.client.is_none_or(|client| {
            now.saturating_duration_since(client.last_command) >= AUTO_LAND_AFTER
        });
        let due = (left_alone && self.body.doing().is_none()) || self.is_empty();
        self.body.idles &= !left_alone;
        if self.body.motors && due && self.body.doing() != Some(Manoeuvre::Land) {
            self.body.begin(Manoeuvre::Land);
            self.landing_by_itself = true;
        }
    }

    fn is_empty(&self) -> bool {
        self.body.battery_pct <= FORCED_LANDING_PCT
    }

    /// What it truly does.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth {
            flies: self.body.motors,
            idles: self.body.idles,
            height_m: self.body.position_m[2],
            lands: self.body.doing() == Some(Manoeuvre::Land),
            manoeuvres_for: self.body.remaining_s().map(Duration::from_secs_f64),
        }
    }

    /// It falls and lies on its back: its motors stop. Upright again by hand.
    pub fn tip_over(&mut self, is_over: bool) {
        if is_over {
            (self.waiting, self.landing_by_itself) = (None, false);
            self.body.cut_motors();
        }
        self.is_over = is_over;
    }

    /// Takes a datagram that came to the command port.
    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8], now: Instant, out: &mut Outbox) {
        self.advance(now, out);
        self.moved = false;
        let Ok(text) = std::str::from_utf8(datagram) else {
            return;
        };
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if self.booting_until.is_some() {
            return;
        }
        let command = Command::parse(text);
        match (&mut self.client, command) {
            (None, Ok(Command::EnterSdk)) => {}
            // Outside SDK mode firmware is deaf to everything else.
            (None, _) => return,
            (Some(client), _) => client.last_command = now,
        }
        self.cancel_landing();
        let reply = match Network::parse(text).filter(|_| self.sdk != Sdk::V1_3) {
            Some(network) => Some(self.join(network, now)),
            None => self.obey(text, command, from, now),
        };
        if let Some(reply) = reply {
            let _ = out.push(Outgoing::new(from, reply.as_bytes()));
        }
    }

    /// Leaves for that network, by a restart.
    fn join(&mut self, network: Option<Network>, now: Instant) -> Text {
        let Some(network) = network.filter(|_| !self.body.motors) else {
            return said("error");
        };
        self.joined = Some(network.ssid().into());
        self.reboot(now);
        said("OK,drone will reboot in 3s")
    }

    /// Any command ends a landing the drone began by itself, unless it is empty.
    fn cancel_landing(&mut self) {
        if self.landing_by_itself && !self.is_empty() {
            self.landing_by_itself = false;
            self.body.hover();
        }
    }

    /// The reply that can be given now; none when it comes later or never.
    fn obey(
        &mut self,
        text: &str,
        command: Result<Command, CommandError>,
        from: SocketAddr,
        now: Instant,
    ) -> Option<Text> {
        let command = match command {
            Ok(command) if command.since_sdk() <= self.sdk_number() => command,
            Ok(_) | Err(CommandError::Unknown) => {
                return Some(written(format_args!("unknown command: {text}")));
            }
            Err(CommandError::OutOfRange) => return Some(said("out of range")),
            Err(CommandError::Malformed) => return Some(said("error")),
        };
        if let Some(manoeuvre) = manoeuvre(command) {
            return self.fly(manoeuvre, from);
        }
        match command {
            Command::EnterSdk => self.enter_sdk(from, now),
            Command::Read(query) => Some(self.answer(query)),
            Command::Emergency => {
                self.moved = true;
                self.waiting = None;
                self.body.cut_motors();
                None // not to be waited for
            }
            Command::Stop => {
                self.moved = true;
                let interrupted = self.waiting.take().is_some();
                self.body.hover();
                Some(said(if interrupted { "forced stop" } else { "ok" }))
            }
            Command::Rc(sticks) => {
                if self.body.doing().is_none() {
                    self.body
                        .sticks(sticks.map(|stick| f64::from(stick) / 100.0));
                }
                None // never answered
            }
            Command::Extension(text) => Some(extended(text.text())),
            Command::Listed(listed) => match listed.entry().effect {
                Effect::Restarts => {
                    self.reboot(now);
                    Some(said("ok"))
                }
                // In the air the motors are not its to turn on or off.
                Effect::Idles(_) if self.body.motors => Some(said("error")),
                Effect::Idles(on) => {
                    self.body.idles = on;
                    Some(said("ok"))
                }
                _ => {
                    self.set(command, now);
                    Some(said("ok"))
                }
            },
            _ => {
                self.set(command, now);
                Some(said("ok"))
            }
        }
    }

    /// Settings, which always succeed.
    fn set(&mut self, command: Command, now: Instant) {
        match command {
            Command::Ports { state, video } => {
                (self.state_port, self.video_port) = (state, video);
            }
            Command::StreamOn => {
                self.camera.get_or_insert_with(|| Camera::new(now));
            }
            Command::StreamOff => {
                self.camera = None;
            }
            Command::Listed(listed) => match listed.entry().word {
                "speed" => {
                    let speed = listed.value("speed").and_then(|cm| u16::try_from(cm).ok());
                    self.speed_cm_s = speed.unwrap_or(self.speed_cm_s);
                }
                "mon" => self.pads = true,
                "moff" => self.pads = false,
                // Video settings change nothing that can be seen here.
                _ => {}
            },
            _ => {}
        }
    }

    fn enter_sdk(&mut self, from: SocketAddr, now: Instant) -> Option<Text> {
        if self.sdk == Sdk::V3_0 && !self.activated {
            return Some(said("unactive"));
        }
        if self.client.is_none() {
            self.next_state = now;
        }
        self.client = Some(Client {
            address: from.ip(),
            last_command: now,
        });
        Some(said("ok"))
    }

    /// Begins a manoeuvre, whose `ok` comes when it is over, or refuses it.
    fn fly(&mut self, manoeuvre: Manoeuvre, from: SocketAddr) -> Option<Text> {
        if self.landing_by_itself {
            return Some(said("error Auto land"));
        }
        if self.body.doing().is_some() {
            return Some(said("error Not joystick"));
        }
        let battery = self.body.battery_pct;
        let refused = match manoeuvre {
            _ if std::mem::take(&mut self.refuses_next) => Some("error"),
            Manoeuvre::Path(listed) if self.body.motors && self.refuses(&listed) => Some("error"),
            Manoeuvre::Takeoff => {
                (self.body.motors || self.is_over || battery <= TAKEOFF_REFUSED_PCT)
                    .then_some("error")
            }
            _ if !self.body.motors => Some("error Motor stop"),
            Manoeuvre::Flip => (battery < FLIP_REFUSED_PCT).then_some("error"),
            _ => None,
        };
        if let Some(refused) = refused {
            return Some(said(refused));
        }
        let begun = match manoeuvre {
            Manoeuvre::Path(listed) => self.towards(listed),
            other => other,
        };
        self.body.begin(begun);
        self.moved = true;
        self.waiting = Some(from);
        None
    }

    /// Whether the last datagram made it move, or stop moving: was obeyed, and
    /// not refused.
    pub(super) fn moved(&self) -> bool {
        self.moved
    }

    fn sdk_number(&self) -> u8 {
        match self.sdk {
            Sdk::V1_3 => 1,
            Sdk::V2_0 => 2,
            Sdk::V3_0 => 3,
        }
    }
}

#[cfg(test)]
mod tests;
