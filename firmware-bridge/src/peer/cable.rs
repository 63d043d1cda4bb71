//! A cable that can be pulled, wears out and has a speed: a board's byte stream
//! on one end, a pseudo-terminal of a lasting name on the other.
//!
//! For boards that end in something else than a serial port (an emulator's
//! socket), and to spoil a line between two ends that know nothing of it. Both
//! directions are spoiled alike. It never looks into what it carries.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::vec::Vec;

use serialport::{SerialPort, TTYPort};

use super::noise::{Line, Noise};
use super::{MAX_INJECTED_BYTES, replace_link};
use crate::host::{Port, keep_from_children, wait_for};

/// How often bytes are moved; a real line has such delays too.
const MOVE_EVERY: Duration = Duration::from_millis(1);

/// Bytes taken at once in one direction.
const TAKEN_BYTES: usize = 1024;

/// A byte stream with a descriptor to wait on, non-blocking.
pub trait BoardEnd: Read + Write + AsRawFd + Send + 'static {}

impl<T: Read + Write + AsRawFd + Send + 'static> BoardEnd for T {}

/// The host's end: a terminal and the name that leads to it.
#[derive(Debug)]
struct Plug {
    port: Port,
    path: PathBuf,
    /// Held, so that the terminal does not hang up whenever the host closes it.
    _slave: TTYPort,
}

#[derive(Debug, Default)]
struct State {
    plug: Option<Plug>,
    to_host: Line,
    to_board: Line,
    /// On their way, not taken yet.
    host_bytes: Vec<u8>,
    board_bytes: Vec<u8>,
}

/// A cable; dropping it pulls it out on both ends.
#[derive(Debug)]
pub struct Cable {
    name: PathBuf,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cable {
    /// Connects `board` with a terminal called `name`, plugged in.
    ///
    /// # Errors
    ///
    /// When the system has no pseudo-terminal or thread to give, or the name
    /// belongs to something else.
    pub fn connect(board: impl BoardEnd, name: &Path) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (moved, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        let run = move || carry(board, &moved, &stopped);
        let thread = thread::Builder::new()
            .name(String::from("bridge-cable"))
            .spawn(run)?;
        let cable = Self {
            name: name.to_path_buf(),
            state,
            stop,
            thread: Some(thread),
        };
        cable.plug_in()?;
        Ok(cable)
    }

    /// Plugs the host's end in anew: another terminal under the same name.
    ///
    /// # Errors
    ///
    /// As [`Cable::connect`].
    pub fn plug_in(&self) -> io::Result<()> {
        let (master, slave) = TTYPort::pair()?;
        let path = PathBuf::from(slave.name().unwrap_or_default());
        keep_from_children(&slave)?;
        let port =
            Port::from_tty(master).map_err(|reason| io::Error::other(std::format!("{reason}")))?;
        self.lock().plug = Some(Plug {
            port,
            path: path.clone(),
            _slave: slave,
        });
        replace_link(&path, &self.name)
    }

    /// Pulls the host's end: terminal and name are gone when this returns, and
    /// what was under way with them.
    pub fn unplug(&self) {
        let mut state = self.lock();
        let Some(plug) = state.plug.take() else {
            return;
        };
        state.host_bytes.clear();
        state.board_bytes.clear();
        drop(state);
        // Only ours.
        if std::fs::read_link(&self.name).is_ok_and(|target| target == plug.path) {
            // Gone already is as good.
            let _ = std::fs::remove_file(&self.name);
        }
    }

    /// Loses and breaks bytes of both directions from now on.
    pub fn set_noise(&self, noise: Noise) {
        let mut state = self.lock();
        state.to_host.noise = noise;
        state.to_board.noise = noise;
    }

    /// Puts bytes on the line to the host that nobody sent; more than fit are cut.
    pub fn inject(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let room = MAX_INJECTED_BYTES.saturating_sub(state.host_bytes.len());
        state.host_bytes.extend(bytes.iter().take(room));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        self.unplug();
    }
}

/// Moves bytes until the cable is dropped or the board hangs up; then the host
/// sees its terminal go.
fn carry(mut board: impl BoardEnd, state: &Mutex<State>, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = move_bytes(&mut board, &mut state);
        if moved.is_err() {
            state.plug = None;
            return;
        }
        drop(state);
        wait_for(board.as_raw_fd(), MOVE_EVERY);
        // Bytes of the host are not waited for: they are looked for as often.
    }
}

fn move_bytes(board: &mut impl BoardEnd, state: &mut State) -> io::Result<()> {
    let mut taken = [0; TAKEN_BYTES];
    let State {
        plug,
        to_host,
        to_board,
        host_bytes,
        board_bytes,
    } = state;
    match board.read(&mut taken) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        // With nobody there, and with nobody who reads, bytes fall off the end.
        Ok(count) if plug.is_some() && host_bytes.len() < MAX_INJECTED_BYTES => {
            let mut fresh = taken[..count].to_vec();
            to_host.carry(&mut fresh);
            host_bytes.append(&mut fresh);
        }
        Ok(_) => {}
        Err(error) if super::is_timeout(&error) => {}
        Err(error) => return Err(error),
    }
    if let Some(plug) = plug {
        // A terminal whose slave is held does not go away by itself.
        if let Ok(count) = plug.port.write(host_bytes) {
            drop(host_bytes.drain(..count));
        }
        if let Ok(count) = plug.port.read(&mut taken)
            && board_bytes.len() < MAX_INJECTED_BYTES
        {
            let mut fresh = taken[..count].to_vec();
            to_board.carry(&mut fresh);
            board_bytes.append(&mut fresh);
        }
    }
    if !board_bytes.is_empty() {
        match board.write(board_bytes) {
            Ok(count) => drop(board_bytes.drain(..count)),
            Err(error) if super::is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
