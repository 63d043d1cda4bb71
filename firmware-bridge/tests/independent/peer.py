#!/usr/bin/env python3
"""A second implementation of protocol version 1, encoder and decoder.

Shares no code with the crate: the frame is as src/lib.rs lays it out, the
messages as postcard's published wire format has them. It knows frames as bytes
and messages as lines of text, which the test in ../independent.rs writes too:

    peer.py encode SEED COUNT   prints `HEX<tab>LINE`, random messages
    peer.py decode              reads hexadecimal frames, prints lines
"""
import random
import struct
import sys
import zlib
from pathlib import Path

sys.dont_write_bytecode = True  # leaves nothing beside the golden files
sys.path.insert(0, str(Path(__file__).parent.parent / "golden"))
from encode import HOST, MCU, frame, text, varint  # noqa: E402

# Per direction the messages in the order of their tags: name and fields.
ONE_OF = {
    "reset": 4, "kind": 11, "unit": 10, "fault": 3, "level": 4, "log_level": 4, "setting": 2, "outcome": 4,
}
SENSOR = [("name", "text20"), ("kind", "kind"), ("unit", "unit"), ("min", "f32"), ("max", "f32"),
          ("interval_ms", "interval")]
MESSAGES = {
    HOST: [
        ("greeting", [("min", "u8"), ("current", "u8"), ("board", "text16"), ("firmware", "text12"),
                      ("serial", "u64"), ("boot", "u32"), ("reset", "reset"), ("ticks_hz", "hz"), ("sensors", "count")]),
        ("sensor", [("index", "index"), *SENSOR]),
        ("reading", [("sensor", "index"), ("ticks", "u64"), ("value", "f32")]),
        ("fault", [("sensor", "index"), ("ticks", "u64"), ("fault", "fault")]),
        ("event", [("ticks", "u64"), ("event", "event")]),
        ("state", [("ticks", "u64"), ("stop", "bool"), ("indicator", "level"), ("dropped", "u32")]),
        ("log", [("ticks", "u64"), ("level", "log_level"), ("text", "text40")]),
        ("pong", [("nonce", "u32"), ("ticks", "u64")]),
        ("answer", [("sequence", "u16"), ("outcome", "outcome")]),
    ],
    MCU: [
        ("hello", [("min", "u8"), ("current", "u8")]),
        ("describe", [("index", "index")]),
        ("rate", [("sensor", "index"), ("interval_ms", "interval")]),
        ("indicator", [("level", "level")]),
        ("ping", [("nonce", "u32")]),
        ("bootloader", [("magic", "magic")]),
        ("configure", [("setting", "setting"), ("value", "u32")]),
    ],
}
LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789é電"


def a_number(dice, bits):
    """Of every length that a varint can have, and the ends."""
    return dice.choice([0, 2**bits - 1, dice.getrandbits(dice.randint(1, bits))])


def a_text(dice, most):
    out = ""
    while len((out + "電").encode()) <= most and dice.random() < 0.9:
        out += dice.choice(LETTERS)
    return out or "x"


def make(dice, kind):
    """A random value: its bytes and how a line writes it."""
    if kind in ONE_OF:
        n = dice.randrange(ONE_OF[kind])
        return varint(n), str(n)
    if kind.startswith("text"):
        s = a_text(dice, int(kind[4:]))
        return text(s), s.encode().hex()
    if kind == "u8":
        n = dice.randrange(256)
        return bytes([n]), str(n)
    if kind in ("index", "count"):
        n = dice.randrange(16)
        return bytes([n]), str(n)
    if kind == "bool":
        n = dice.randrange(2)
        return bytes([n]), str(n)
    if kind == "f32":
        value = struct.pack("<f", dice.choice([0.0, -1.5, dice.uniform(-1e6, 1e6), 1e-40]))
        return value, value.hex()
    if kind == "event":
        if dice.randrange(2):
            (index, name), (pressed, word) = make(dice, "u8"), make(dice, "bool")
            return b"\0" + index + pressed, f"button {name} {word}"
        engaged, word = make(dice, "bool")
        return b"\1" + engaged, f"stop {word}"
    n = {
        "hz": lambda: max(1, a_number(dice, 32)),
        "interval": lambda: dice.randint(10, 3_600_000),
        "magic": lambda: 0x424F4F54,
        "u16": lambda: a_number(dice, 16), "u32": lambda: a_number(dice, 32), "u64": lambda: a_number(dice, 64),
    }[kind]()
    return varint(n), str(n)


def a_message(dice):
    direction = dice.choice([HOST, MCU])
    tag = dice.randrange(len(MESSAGES[direction]))
    name, fields = MESSAGES[direction][tag]
    out, words = varint(tag), []
    made = {field: make(dice, kind) for field, kind in fields}
    if name == "sensor":
        # A real range: the least value first.
        ends = sorted((made["min"], made["max"]), key=lambda end: struct.unpack("<f", end[0]))
        made["min"], made["max"] = ends
    for field, _ in fields:
        out += made[field][0]
        words.append(made[field][1])
    return direction, out, " ".join([name, *words])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "cut off"
        self.at += count
        return self.data[self.at - count:self.at]

    def varint(self):
        n = shift = 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return n

    def value(self, kind):
        if kind.startswith("text"):
            return self.take(self.varint()).hex()
        if kind in ("u8", "index", "count", "bool"):
            return str(self.take(1)[0])
        if kind == "f32":
            return self.take(4).hex()
        if kind == "event":
            if self.varint() == 0:
                return f"button {self.value('u8')} {self.value('bool')}"
            return f"stop {self.value('bool')}"
        return str(self.varint())


def uncobs(data):
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        out += data[at + 1:at + code]
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def decode(line):
    data = bytes.fromhex(line)
    assert data[0] == 0 and data[-1] == 0 and 0 not in data[1:-1], "delimiters"
    raw = uncobs(data[1:-1])
    assert struct.unpack("<I", raw[-4:])[0] == zlib.crc32(raw[:-4]), "check sum"
    assert raw[0] & 0x7F == 1, "version"
    reader = Reader(raw[3:-4])
    name, fields = MESSAGES[raw[0] >> 7][reader.varint()]
    words = [reader.value(kind) for _, kind in fields]
    assert reader.at == len(reader.data), "bytes left over"
    return " ".join([str(struct.unpack("<H", raw[1:3])[0]), name, *words])


if __name__ == "__main__":
    if sys.argv[1] == "encode":
        dice = random.Random(int(sys.argv[2]))
        for _ in range(int(sys.argv[3])):
            direction, message, line = a_message(dice)
            sequence = dice.randrange(65536)
            print(f"{frame(direction, sequence, message).hex()}\t{direction} {sequence} {line}")
    else:
        for line in sys.stdin:
            print(decode(line.strip()))
