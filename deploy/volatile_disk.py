"""A card that forgets: a disk for the emulator that keeps what was written in a
volatile cache until the guest asks for a flush, and loses a part of the rest when
the power goes: whole writes, the order of writes, half of a write.

Killing an emulator alone loses nothing that it was given, since the host keeps it;
a real card promises only what was flushed. Speaks the network block device
protocol (NBD, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md)
on a Unix socket, the least of it that QEMU asks for. A connection that ends without
a goodbye is the power cut; the next one finds what the card has then.
"""

import os
import random
import socket
import struct
import threading

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


class VolatileDisk:
    """Serves `path` on the Unix socket `address` until the program ends."""

    def __init__(self, path, address, seed):
        self.file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.random = random.Random(seed)
        self.pending = []  # (offset, data) in the order of arrival
        self.latest = {}  # sector -> its newest 512 bytes
        self.held = 0
        self.losses = 0  # writes lost or torn so far
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    # ---- the card ---------------------------------------------------------------

    def _write(self, offset, data):
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
        for offset, data in self.pending:
            os.pwrite(self.file, data, offset)
        self._forget()

    def _forget(self):
        self.pending, self.latest, self.held = [], {}, 0

    def _power_lost(self):
        for offset, data in self.pending:
            fate = self.random.random()
            if fate < LOST:
                self.losses += 1
                continue
            if fate < LOST + TORN:
                self.losses += 1
                data = data[: self.random.randrange(0, len(data), SECTOR)]
            os.pwrite(self.file, data, offset)
        self._forget()

    # ---- the protocol ---------------------------------------------------------------

    def _serve(self):
        while True:
            link, _ = self.listener.accept()
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
