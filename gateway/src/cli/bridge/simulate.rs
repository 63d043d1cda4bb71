//! `bridge simulate`: a simulated board on a pseudo-terminal, with faults on
//! demand, for trying the gateway without a board.
//!
//! It speaks the real protocol through the code the firmware runs. Commands come
//! as lines on standard input; what its lamp shows goes to standard output.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use firmware_bridge::mcu::Indication;
use firmware_bridge::message::Event;
use firmware_bridge::peer::{Noise, PtyPeer, sensors};
use firmware_bridge::sensor::Fault;
use tokio::sync::Notify;

/// How often the lamp is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What `help` prints.
const HELP: &str = "\
value SENSOR NUMBER | fault SENSOR absent|range|corrupt | auto SENSOR
stop on|off | button NUMBER on|off | log TEXT
garbage BYTES | lose PER_MILLE | break PER_MILLE
pause on|off | unplug | plug | lamp | help | quit
sensors: battery_voltage, battery_current, board_temperature";

/// One line of standard input.
#[derive(Clone, Debug, PartialEq)]
enum Order {
    Value(u8, Option<Result<f32, Fault>>),
    Happen(Event),
    Log(String),
    Garbage(usize),
    Lose(u16),
    Break(u16),
    Pause(bool),
    Unplug,
    Plug,
    Lamp,
    Help,
    Quit,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Order, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["value", sensor, value] => Order::Value(index(sensor)?, Some(Ok(number(value)?))),
            ["fault", sensor, fault] => {
                Order::Value(index(sensor)?, Some(Err(fault_named(fault)?)))
            }
            ["auto", sensor] => Order::Value(index(sensor)?, None),
            ["stop", state] => Order::Happen(Event::EmergencyStop {
                engaged: is_on(state)?,
            }),
            ["button", button, state] => Order::Happen(Event::Button {
                index: number(button)?,
                pressed: is_on(state)?,
            }),
            ["log", ..] => Order::Log(line.trim().trim_start_matches("log").trim().to_owned()),
            ["garbage", bytes] => Order::Garbage(number(bytes)?),
            ["lose", share] => Order::Lose(per_mille(share)?),
            ["break", share] => Order::Break(per_mille(share)?),
            ["pause", state] => Order::Pause(is_on(state)?),
            ["unplug"] => Order::Unplug,
            ["plug"] => Order::Plug,
            ["lamp"] => Order::Lamp,
            ["help"] => Order::Help,
            ["quit"] => Order::Quit,
            _ => return Err(format!("{line:?} is no command; `help` lists them")),
        })
    }
}

fn index(name: &str) -> Result<u8, String> {
    let place = sensors()
        .iter()
        .position(|sensor| sensor.name.as_str() == name);
    place
        .map(|place| place as u8)
        .ok_or_else(|| format!("{name:?} is no sensor; `help` lists them"))
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no such number"))
}

fn per_mille(text: &str) -> Result<u16, String> {
    number(text)
        .ok()
        .filter(|share| *share <= 1_000)
        .ok_or_else(|| format!("{text:?} is not 0 to 1000"))
}

fn is_on(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
}

fn fault_named(text: &str) -> Result<Fault, String> {
    match text {
        "absent" => Ok(Fault::Absent),
        "range" => Ok(Fault::OutOfRange),
        "corrupt" => Ok(Fault::Corrupt),
        _ => Err(format!(
            "{text:?} is no fault; write absent, range or corrupt"
        )),
    }
}

/// The board and what has been done to its line.
struct Bench {
    link: Option<PathBuf>,
    board: Option<PtyPeer>,
    noise: Noise,
}

impl Bench {
    fn plug(&mut self) -> anyhow::Result<()> {
        // Pulled first: a board that is there already must not lose its name to
        // its successor and then take it away.
        self.board = None;
        let boot = getrandom::u32().unwrap_or_else(|_| std::process::id());
        let board =
            PtyPeer::plug_in(self.link.as_deref(), boot).context("no pseudo-terminal to be had")?;
        board.controls().set_noise(self.noise);
        println!("{}", board.path().display());
        self.board = Some(board);
        Ok(())
    }

    fn obey(&mut self, order: Order) -> anyhow::Result<()> {
        match order {
            Order::Plug => return self.plug(),
            Order::Unplug => self.board = None,
            Order::Help => println!("{HELP}"),
            Order::Lose(share) => self.spoil(Noise {
                lost_per_mille: share,
                ..self.noise
            }),
            Order::Break(share) => self.spoil(Noise {
                broken_per_mille: share,
                ..self.noise
            }),
            Order::Lamp => println!("lamp {}", lamp(self.indication())),
            Order::Value(..)
            | Order::Happen(_)
            | Order::Log(_)
            | Order::Garbage(_)
            | Order::Pause(_) => {
                let board = self
                    .board
                    .as_ref()
                    .context("the board is unplugged; `plug` it in")?;
                handle(board, order);
            }
            Order::Quit => {}
        }
        Ok(())
    }

    fn spoil(&mut self, noise: Noise) {
        self.noise = noise;
        if let Some(board) = &self.board {
            board.controls().set_noise(noise);
        }
    }

    fn indication(&self) -> Option<Indication> {
        self.board
            .as_ref()
            .and_then(|board| board.controls().indication())
    }
}

/// What is done to a board that is there.
fn handle(board: &PtyPeer, order: Order) {
    let controls = board.controls();
    match order {
        Order::Value(sensor, value) => controls.set_value(sensor, value),
        Order::Happen(event) => controls.happen(event),
        Order::Log(text) => controls.log(&text),
        Order::Garbage(bytes) => {
            // Every value, delimiters and frame-like runs among them.
            let garbage: Vec<u8> = (0..bytes).map(|n| (n * n + n / 7) as u8).collect();
            controls.inject(&garbage);
        }
        Order::Pause(paused) => controls.pause(paused),
        _ => {}
    }
}

fn lamp(indication: Option<Indication>) -> String {
    match indication {
        None => "off".to_owned(),
        Some(Indication::HostSilent) => "nobody-watches".to_owned(),
        Some(Indication::Level(level)) => format!("{level:?}").to_lowercase(),
    }
}

pub(super) fn simulate(link: Option<PathBuf>) -> anyhow::Result<()> {
    let mut bench = Bench {
        link,
        board: None,
        noise: Noise::default(),
    };
    bench.plug()?;
    let bench = Arc::new(Mutex::new(bench));
    let quit = Arc::new(Notify::new());
    let (orders, asked) = (bench.clone(), quit.clone());
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || obey_lines(&orders, &asked))?;
    super::super::small_runtime()?.block_on(async {
        let mut shown = lamp(None);
        let mut look = tokio::time::interval(LOOK);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            tokio::select! {
                _ = look.tick() => {
                    let now = lamp(lock(&bench).indication());
                    if now != shown {
                        println!("lamp {now}");
                        shown = now;
                    }
                }
                () = quit.notified() => return Ok(()),
                ended = &mut interrupted => return ended.context("cannot listen for Ctrl-C"),
            }
        }
    })
}

/// Obeys standard input to its end; the board goes on without it.
fn obey_lines(bench: &Mutex<Bench>, quit: &Notify) {
    for line in std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .filter(|line| !line.trim().is_empty())
    {
        match line.parse() {
            Ok(Order::Quit) => return quit.notify_one(),
            Ok(order) => {
                if let Err(error) = lock(bench).obey(order) {
                    eprintln!("{error:#}");
                }
            }
            Err(complaint) => eprintln!("{complaint}"),
        }
    }
}

fn lock(bench: &Mutex<Bench>) -> std::sync::MutexGuard<'_, Bench> {
    bench.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_and_mistakes_named() {
        let order = |line: &str| line.parse::<Order>();
        assert_eq!(
            order("value battery_voltage 9.8"),
            Ok(Order::Value(0, Some(Ok(9.8))))
        );
        assert_eq!(
            order("fault board_temperature absent"),
            Ok(Order::Value(2, Some(Err(Fault::Absent))))
        );
        assert_eq!(order("auto battery_current"), Ok(Order::Value(1, None)));
        assert_eq!(
            order(" stop  on "),
            Ok(Order::Happen(Event::EmergencyStop { engaged: true }))
        );
        assert_eq!(
            order("button 1 off"),
            Ok(Order::Happen(Event::Button {
                index: 1,
                pressed: false
            }))
        );
        assert_eq!(
            order("log two words"),
            Ok(Order::Log("two words".to_owned()))
        );
        assert_eq!(order("break 10"), Ok(Order::Break(10)));
        for (line, complaint) in [
            ("fly", "is no command"),
            ("value x 1", "is no sensor"),
            ("value battery_voltage much", "is no such number"),
            ("lose 1001", "is not 0 to 1000"),
            ("stop maybe", "neither on nor off"),
        ] {
            assert!(
                order(line).is_err_and(|error| error.contains(complaint)),
                "{line}"
            );
        }
    }
}
