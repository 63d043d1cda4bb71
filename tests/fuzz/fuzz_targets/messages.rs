//! Any text as messages on the live socket, a line each: the socket stays open or is closed
//! with a reason, what it says is JSON, and the gateway is well afterwards.
#![no_main]

mod running;

use std::io::{Read as _, Write as _};

use libfuzzer_sys::fuzz_target;

const UPGRADE: &str = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// Longest that one frame here holds: with a length in two bytes.
const LONGEST: usize = 16 * 1024;

/// A frame of a client, under a mask of nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode, 0x80 | 126];
    frame.extend(u16::try_from(payload.len()).expect("short").to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The texts among the frames of a server, as far as they came.
fn texts(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match (second & 0x7f, rest) {
            (126, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (127, rest) if rest.len() >= 8 => {
                let (length, rest) = rest.split_at(8);
                let length = u64::from_be_bytes(length.try_into().expect("eight"));
                (usize::try_from(length).expect("it fits"), rest)
            }
            (length @ 0..126, rest) => (usize::from(length), rest),
            _ => break,
        };
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        if first & 0x0f == 1 {
            found.push(payload);
        }
        bytes = rest;
    }
    found
}

fuzz_target!(|text: &str| {
    let mut stream = running::connect(running::GATEWAY.http);
    let head =
        running::head("GET", "/ws", UPGRADE).replace("Connection: close", "Connection: Upgrade");
    stream.write_all(head.as_bytes()).expect("taken");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    for line in text.lines().filter(|line| line.len() <= LONGEST) {
        let _ = stream.write_all(&frame(1, line.as_bytes()));
    }
    // Our own end comes last: whatever was said before it is read first.
    let _ = stream.write_all(&frame(8, &1000u16.to_be_bytes()));
    let heard = running::rest_of(&mut stream, "the live socket");
    for text in texts(&heard) {
        let read = serde_json::from_slice::<serde_json::Value>(text);
        assert!(
            read.is_ok_and(|message| message["type"].is_string()),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
    running::is_well();
});
