"""A card that forgets: a disk for the emulator that keeps what was written in a
volatile cache until the guest asks for a flush, and loses a part of the rest when
the power goes: whole writes, the order of writes, half of a write.

Killing an emulator alone loses nothing that it was given, since the host keeps it;
a real card promises only what was flushed. Speaks the network block device
protocol (NBD, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md)
on a Unix socket, the least of it that QEMU asks for. A connection that ends without
a goodbye is the power cut; the next one finds what the card has then.

What a card was told can be recorded, and the card made anew as a power cut at any
moment of that would have left it.
"""

import bisect
import os
import random
import socket
import struct
import subprocess
import threading
import time

SECTOR = 512
# As much as a large card's cache; beyond it the oldest is written by itself.
CACHE_BYTES = 32 << 20
# What becomes of a write that was not flushed when the power goes.
LOST, TORN = 0.4, 0.1

HANDSHAKE_MAGIC, OPTION_MAGIC = 0x4E42444D41474943, 0x49484156454F5054
REPLY_MAGIC, REQUEST_MAGIC, ANSWER_MAGIC = 0x3E889045565A9, 0x25609513, 0x67446698
OPT_EXPORT_NAME, OPT_ABORT, OPT_INFO, OPT_GO = 1, 2, 6, 7
REP_ACK, REP_INFO, REP_ERR_UNSUP = 1, 3, (1 << 31) + 1
# Has flags, takes flushes and writes that flush themselves.
TRANSMISSION_FLAGS = 1 | 1 << 2 | 1 << 3
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FORCE = 1


def survivors(pending, random_):
    """Which of the writes that were not flushed reach the card when the power goes,
    and how many do not, or not whole."""
    reached, losses = [], 0
    for offset, data in pending:
        fate = random_.random()
        if fate < LOST + TORN:
            losses += 1
            # Torn: any number of its sectors, from its start.
            data = b"" if fate < LOST else data[: random_.randrange(0, len(data), SECTOR)]
        if data:
            reached.append((offset, data))
    return reached, losses


class Recording:
    """What a card was told from one moment on, in order. A moment is a number of
    entries; times are time.monotonic()."""

    def __init__(self, path):
        self.file = open(path, "w+b")
        self.entries = []  # (offset, length, place in the file), None for a flush
        self.times = []

    def write(self, offset, data):
        place = self.file.tell()
        self.file.write(data)
        self._enter((offset, len(data), place))

    def flush(self):
        self._enter(None)

    def _enter(self, entry):
        self.entries.append(entry)
        self.times.append(time.monotonic())

    def now(self):
        """The present moment."""
        return len(self.entries)

    def moment_of(self, when):
        """The moment of a time."""
        return bisect.bisect(self.times, when)

    def flushes(self, since):
        """The moments of all flushes since a moment."""
        return [moment for moment in range(since, self.now()) if self.entries[moment] is None]

    def any_moment(self, since, random_):
        """One at random since another: of the time that passed, or beside a flush, since
        a plain one would nearly always fall into the longest writing."""
        if random_.random() < 0.5 or not (flushes := self.flushes(since)):
            return self.moment_of(random_.uniform(self.times[since], self.times[-1]))
        return random_.choice(flushes) + random_.choice((0, 1))

    def card_at(self, base, target, moment, random_):
        """Makes of `base`, the card when the recording began, the card that a power cut
        at `moment` leaves. Returns how many writes were lost or torn."""
        subprocess.run(["cp", "--sparse=always", base, target], check=True)
        flushed = max((at for at in range(moment) if self.entries[at] is None), default=0)
        self.file.flush()
        pending = []
        card, source = os.open(target, os.O_RDWR), self.file.fileno()
        try:
            for at, entry in enumerate(self.entries[:moment]):
                if entry is None:
                    continue
                data = os.pread(source, entry[1], entry[2])
                if at < flushed:
                    os.pwrite(card, data, entry[0])
                else:
                    pending.append((entry[0], data))
            reached, losses = survivors(pending, random_)
            for offset, data in reached:
                os.pwrite(card, data, offset)
        finally:
            os.close(card)
        return losses


class VolatileDisk:
    """Serves `path` on the Unix socket `address` until the program ends."""

    def __init__(self, path, address, seed):
        self.path = path
        self.file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.random = random.Random(seed)
        self.pending = []  # (offset, data) in the order of arrival
        self.latest = {}  # sector -> its newest 512 bytes
        self.held = 0
        self.losses = 0  # writes lost or torn so far
        self.recording = None
        self.unplugged = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    # ---- the card ---------------------------------------------------------------

    def record(self, path):
        """From now on everything written is recorded too. The board must be off."""
        self.unplugged.wait()
        self.recording = Recording(path)
        return self.recording

    def stop_recording(self):
        """What comes now is not recorded."""
        self.recording = None

    def copy(self, path):
        """The card as it is. The board must be off."""
        self.unplugged.wait()
        subprocess.run(["cp", "--sparse=always", self.path, path], check=True)

    def _write(self, offset, data):
        recording = self.recording
        if recording:
            recording.write(offset, data)
        self.pending.append((offset, data))
        self.held += len(data)
        for at in range(0, len(data), SECTOR):
            self.latest[(offset + at) // SECTOR] = data[at : at + SECTOR]
        if self.held > CACHE_BYTES:
            self._flush()

    def _read(self, offset, length):
        data = bytearray(os.pread(self.file, length, offset))
        if self.latest:
            for at in range(0, length, SECTOR):
                newer = self.latest.get((offset + at) // SECTOR)
                if newer is not None:
                    data[at : at + SECTOR] = newer
        return bytes(data)

    def _flush(self):
        recording = self.recording
        if recording:
            recording.flush()
        for offset, data in self.pending:
            os.pwrite(self.file, data, offset)
        self._forget()

    def _forget(self):
        self.pending, self.latest, self.held = [], {}, 0

    def _power_lost(self):
        reached, losses = survivors(self.pending, self.random)
        self.losses += losses
        for offset, data in reached:
            os.pwrite(self.file, data, offset)
        self._forget()

    # ---- the protocol ---------------------------------------------------------------

    def _serve(self):
        while True:
            self.unplugged.set()
            link, _ = self.listener.accept()
            self.unplugged.clear()
            try:
                self._greet(link)
                self._transmit(link)
                self._flush()
            except (EOFError, OSError):
                self._power_lost()
            finally:
                link.close()

    def _greet(self, link):
        link.sendall(struct.pack(">QQH", HANDSHAKE_MAGIC, OPTION_MAGIC, 3))
        take(link, 4)
        while True:
            _, option, length = struct.unpack(">QII", take(link, 16))
            take(link, length)
            if option == OPT_EXPORT_NAME:
                link.sendall(struct.pack(">QH", self.size, TRANSMISSION_FLAGS))
                return
            if option in (OPT_GO, OPT_INFO):
                info = struct.pack(">HQH", 0, self.size, TRANSMISSION_FLAGS)
                link.sendall(struct.pack(">QIII", REPLY_MAGIC, option, REP_INFO, len(info)) + info)
                link.sendall(struct.pack(">QIII", REPLY_MAGIC, option, REP_ACK, 0))
                if option == OPT_GO:
                    return
            else:
                kind = REP_ACK if option == OPT_ABORT else REP_ERR_UNSUP
                link.sendall(struct.pack(">QIII", REPLY_MAGIC, option, kind, 0))

    def _transmit(self, link):
        while True:
            _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", take(link, 28))
            if kind == DISCONNECT:
                return
            body = b""
            if kind == READ:
                body = self._read(offset, length)
            elif kind == WRITE:
                self._write(offset, take(link, length))
            if kind == FLUSH or flags & FORCE:
                self._flush()
            link.sendall(struct.pack(">IIQ", ANSWER_MAGIC, 0, handle) + body)


def take(link, length):
    """Exactly so many bytes, or EOFError."""
    parts = []
    while length:
        part = link.recv(min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
