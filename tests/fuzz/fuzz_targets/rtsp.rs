//! Any bytes at the door for video players: it answers in RTSP's words or closes, within
//! the time that a player gets.
#![no_main]

mod running;

use std::io::Write as _;
use std::net::Shutdown;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut stream = running::connect(running::GATEWAY.rtsp);
    // It may be cut off while it still sends.
    let _ = stream
        .write_all(data)
        .and_then(|()| stream.shutdown(Shutdown::Write));
    let answer = running::rest_of(&mut stream, "a player");
    // (`$` begins a packet between the answers.)
    let in_its_words = answer.is_empty() || answer.starts_with(b"RTSP/1.0 ") || answer[0] == b'$';
    assert!(in_its_words, "{}", String::from_utf8_lossy(&answer));
    running::is_well();
});
