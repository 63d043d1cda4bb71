#!/usr/bin/env python3
"""An encoder for protocol version 1 that shares no code with the crate.

Written from the layout in src/lib.rs and the postcard 1.x wire format
(https://postcard.jamesmunns.com/wire-format). `encode.py v1` prints every
golden frame; the files in v1/ came from it and are never edited.
"""
import struct, sys, zlib
from pathlib import Path

def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))

def text(s):
    return varint(len(s.encode())) + s.encode()

def f32(x):
    return struct.pack("<f", x)

def cobs(data):
    out = bytearray()
    for block in data.split(b"\0"):
        while len(block) >= 254:
            out += b"\xff" + block[:254]
            block = block[254:]
        out += bytes([len(block) + 1]) + block
    return bytes(out)

def frame(direction, sequence, message, version=1):
    raw = bytes([direction << 7 | version]) + struct.pack("<H", sequence) + message
    return b"\0" + cobs(raw + struct.pack("<I", zlib.crc32(raw))) + b"\0"

HOST, MCU = 0, 1
FRAMES = {
    "to_host_greeting": (HOST, 0, b"\x00" + b"\x01\x01" + text("rp2040-pico") + text("0.1.0")
                         + varint(0xE6614104031F8B2C) + varint(0xDEADBEEF) + b"\x01" + varint(1_000_000) + b"\x03"),
    "to_host_sensor": (HOST, 1, b"\x01" + b"\x02" + text("board_temperature") + b"\x03\x04"
                       + f32(-20.0) + f32(85.0) + varint(1000)),
    "to_host_reading": (HOST, 258, b"\x02\x01" + varint(123_456_789_012) + f32(11.1)),
    "to_host_fault": (HOST, 3, b"\x03\x02" + varint(300) + b"\x01"),
    "to_host_event_button": (HOST, 4, b"\x04" + varint(1) + b"\x00\x02\x01"),
    "to_host_event_emergency_stop": (HOST, 5, b"\x04" + varint(127) + b"\x01\x01"),
    "to_host_state": (HOST, 6, b"\x05" + varint(128) + b"\x01\x03" + varint(7)),
    "to_host_log": (HOST, 7, b"\x06" + varint(2**64 - 1) + b"\x02" + text("INA219 電圧 ok")),
    "to_host_pong": (HOST, 8, b"\x07" + varint(2**32 - 1) + varint(0)),
    "to_host_answer": (HOST, 65535, b"\x08" + varint(65534) + b"\x02"),
    "to_mcu_hello": (MCU, 0, b"\x00\x01\x01"),
    "to_mcu_describe": (MCU, 1, b"\x01\x0f"),
    "to_mcu_rate": (MCU, 2, b"\x02\x00" + varint(250)),
    "to_mcu_indicator": (MCU, 3, b"\x03\x03"),
    "to_mcu_ping": (MCU, 4, b"\x04" + varint(0x01020304)),
    "to_mcu_reset_to_bootloader": (MCU, 5, b"\x05" + varint(0x424F4F54)),
    "to_mcu_configure": (MCU, 6, b"\x06\x01" + varint(0)),
}

if __name__ == "__main__":
    write = len(sys.argv) > 2 and sys.argv[2] == "--write-missing"
    for name, (direction, sequence, message) in FRAMES.items():
        line = frame(direction, sequence, message).hex(" ")
        print(f"{name}: {line}")
        path = Path(__file__).parent / sys.argv[1] / f"{name}.hex"
        if write and not path.exists():
            path.write_text(line + "\n")
