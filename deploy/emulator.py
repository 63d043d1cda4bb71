"""An emulated field board: a card image booted by QEMU as a board boots it, U-Boot
first, watched over its serial line, HTTPS and SSH, and cut off from power.

For the tests of this folder (test-image and what follows from it); needs Debian's
qemu-system-arm, u-boot-qemu, openssh-client and Python, nothing else. It must
never reach into the image otherwise than a user or a power cut does: a file on the
boot partition, the network, the power.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from volatile_disk import VolatileDisk

HERE = os.path.dirname(os.path.abspath(__file__))
# Twenty times what a quiet machine needs, and longer where others want its processors,
# too (`patient`). It decides only how long a board that is dead is waited for: nothing
# passes or fails by how fast it was.
PATIENCE_S = 900
HEALTH = "/health"
# Of the board. Not the usual one (8554): the image's firewall has to follow the setting.
RTSP_PORT = 8655


class Failed(Exception):
    """What was expected of the board and did not come."""


SPEAKER = threading.local()


def speak_as(name):
    """Whose progress this thread tells from now on, where several run at once."""
    SPEAKER.name = f"{name}: "


def say(text):
    """Progress, for who waits."""
    print(f"==> {getattr(SPEAKER, 'name', '')}{text}", flush=True)


def expect(what, right, seen=""):
    """One check: told when it holds, the end of the run when it does not."""
    if not right:
        raise Failed(f"{what}{f': {seen}' if seen else ''}")
    print(f"  ok: {getattr(SPEAKER, 'name', '')}{what}", flush=True)


def need(*packages):
    """Installs Debian packages that are missing, by the folder's one helper."""
    subprocess.run(["bash", "-c", f". {HERE}/lib.sh; need {' '.join(packages)}"], check=True)


def patient(patience_s):
    """Yields until so many seconds have passed as a machine of our own counts them: where
    four programs want each processor, a second of waiting is a quarter of one."""
    left, last = patience_s, time.monotonic()
    while left > 0:
        yield
        now = time.monotonic()
        left -= (now - last) / max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        last = now


GIVEN_PORTS = set()


def free_port():
    """A TCP port of loopback that nobody has at this moment, and that no other board
    of this run was given."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        if port not in GIVEN_PORTS:
            GIVEN_PORTS.add(port)
            return port


def flash(image, card, board_file, size="4G"):
    """Writes the image to a file as deploy/flash writes it to a card."""
    subprocess.run(["truncate", "-s", size, card], check=True)
    subprocess.run([f"{HERE}/flash", image, card, "--board", board_file, "--yes"], check=True)


class Board:
    """One emulated board with a card. `folder` keeps what is written to the card, the
    serial log and keys. With `forgets`, a seed, the card loses a part of what was not
    flushed when the power goes; otherwise it keeps all it was given. `cores` are the
    board's (see `cores_of_each`), `drives` are on USB, as QEMU's -drive has them."""

    # So that whoever made them can take their power when a test ends early.
    every = []

    def __init__(self, card, folder, machine="virt", watchdog=True, forgets=None, cores=2, drives=()):
        Board.every.append(self)
        self.folder = folder
        self.cores = cores
        self.machine = machine
        self.watchdog = watchdog
        self.process = None
        self.drives = list(drives)
        self.https_port, self.ssh_port, self.rtsp_port = free_port(), free_port(), free_port()
        os.makedirs(folder, exist_ok=True)
        self.serial_log = f"{folder}/serial.log"
        self.volatile = None
        self.overlay = f"{folder}/card.qcow2"
        original = os.path.abspath(card)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", original, "-F", "raw", self.overlay], check=True)
        self.disk = f"file={self.overlay},format=qcow2"
        if forgets is not None:
            self.forget(forgets)
        open(self.serial_log, "a").close()

    def forget(self, seed):
        """From now on the card, with what is on it, forgets. The board must be off."""
        own = f"{self.folder}/card.img"
        subprocess.run(["qemu-img", "convert", "-O", "raw", self.overlay, own], check=True)
        self.volatile = VolatileDisk(own, f"{self.folder}/nbd", seed)
        self.disk = f"file=nbd+unix:///?socket={self.folder}/nbd,format=raw"

    # ---- power --------------------------------------------------------------------

    def command(self):
        """The emulator's command line."""
        net = (
            f"user,id=net,hostfwd=tcp:127.0.0.1:{self.https_port}-:8443,"
            f"hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22,"
            f"hostfwd=tcp:127.0.0.1:{self.rtsp_port}-:{RTSP_PORT}"
        )
        serial = ["-chardev", f"file,id=serial,path={self.serial_log},append=on"]
        common = ["-display", "none", "-monitor", "none", *serial, "-netdev", net]
        common += ["-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]
        extra = []
        for number, drive in enumerate(self.drives):
            extra += ["-drive", f"if=none,id=extra{number},{drive}", "-device", f"usb-storage,drive=extra{number}"]
        if self.machine == "raspi3b":
            # The board's firmware is not emulated: the emulator does what it does,
            # gives U-Boot the device tree. Both files are the image's own.
            return [
                "qemu-system-aarch64", "-M", "raspi3b", "-kernel", f"{self.folder}/u-boot.bin",
                "-dtb", f"{self.folder}/bcm2837-rpi-3-b.dtb",
                "-drive", f"if=sd,{self.disk},cache=writeback",
                "-serial", "null", "-serial", "chardev:serial",
                "-device", "usb-net,netdev=net", *extra, *common,
            ]  # fmt: skip
        # Given random numbers by the device tree, Linux takes a random place in memory
        # and, to hide it, changes page tables on each way into the kernel and out. Every
        # change empties the emulator's cache of translations: without, a boot costs less.
        return [
            "qemu-system-aarch64", "-M", "virt,dtb-randomness=off", "-cpu", "cortex-a72", "-smp", str(self.cores), "-m", "1G",
            "-accel", "tcg,thread=multi", "-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
            "-drive", f"if=none,id=card,{self.disk},cache=writeback",
            # (No boot ROM: nothing boots from the network, and it is a package more.)
            "-device", "virtio-blk-pci,drive=card", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-device", "virtio-rng-pci", "-device", "qemu-xhci,id=usb",
            # (Where boot.cmd looks for it.)
            *(["-device", "i6300esb,addr=1e", "-action", "watchdog=reset"] if self.watchdog else []),
            "-serial", "chardev:serial", *extra, *common,
        ]  # fmt: skip

    def on(self):
        """Gives it power."""
        if self.process is not None:
            raise Failed("the board has power already")
        with open(f"{self.folder}/qemu.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def cut(self):
        """Takes the power away, at this instant."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def switch_off(self):
        """Shuts it down as an operator does, and waits until it is off."""
        self.try_ssh("sudo systemctl poweroff")
        for _ in patient(PATIENCE_S):
            if self.process.poll() is not None:
                self.process = None
                return
            time.sleep(0.5)
        raise Failed(f"the board did not switch itself off; see {self.serial_log}")

    def alive(self):
        """Whether the emulator runs; a board switched off by itself does not."""
        return self.process is not None and self.process.poll() is None

    # ---- watching -------------------------------------------------------------------

    def wait(self, what, true, patience_s=PATIENCE_S):
        """Asks until `true()` gives something, and returns that."""
        for _ in patient(patience_s):
            got = true()
            if got:
                return got
            if not self.alive():
                raise Failed(f"{what}: the emulator ended, see {self.folder}/qemu.log")
            time.sleep(0.5)
        state = self.state()
        if state == "io-error":
            raise Failed(f"{what}: the emulator stopped the board, as there is no room for its card under {self.folder}")
        raise Failed(f"{what}: waited {patience_s} s in vain (longer, where the machine is busy), the emulator says {state}; see {self.serial_log}")

    def state(self):
        """What the emulator says of the machine: `running`, or another word of its own."""
        try:
            return self.events().status()
        except (OSError, ValueError, Failed):
            return "nothing"

    def serial_position(self):
        """Where the serial log ends now, for `wait_serial`."""
        return os.path.getsize(self.serial_log)

    def serial(self, since=0):
        """The serial log's text from a position on."""
        with open(self.serial_log, "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace").replace("\r", "")

    def wait_serial(self, pattern, since=0):
        """Waits for a regular expression on the serial line; returns the match."""
        return self.wait(f"“{pattern}” on the serial line", lambda: re.search(pattern, self.serial(since)))

    def events(self):
        """Connects to the emulator's control socket; a reader of its events."""
        return Events(f"{self.folder}/qmp")

    # ---- its network -----------------------------------------------------------------

    def request(self, method, path, key=None, body=None, timeout_s=60):
        """One HTTPS request. Returns status and JSON, or None without an answer."""
        return ask(self.https_port, f"{self.folder}/ca.pem", method, path, key, body, timeout_s)

    def healthy(self):
        """Whether the gateway answers that it is well."""
        answer = self.request("GET", HEALTH, timeout_s=10)
        return answer is not None and answer[0] == 200

    def wait_healthy(self):
        """Waits for an answer over HTTPS from outside."""
        self.wait("healthy over HTTPS", self.healthy)

    def fingerprint(self):
        """SHA-256 of the certificate that the gateway shows, in capitals with colons."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.https_port), 60) as link:
            with context.wrap_socket(link, server_hostname="localhost") as tls:
                digest = hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest().upper()
        return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))

    def ssh_command(self, *options):
        """How to reach it over SSH, with the key in `key`, never with a password asked."""
        return [
            "ssh", "-q", "-p", str(self.ssh_port), "-i", f"{self.folder}/key", "-o", "BatchMode=yes",
            "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={self.folder}/known_hosts",
            "-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=30",
            "-o", "ServerAliveInterval=20", *options, "operator@127.0.0.1",
        ]  # fmt: skip

    def try_ssh(self, command):
        """Runs a command on the board; the finished process."""
        whole = [*self.ssh_command(), command]
        with subprocess.Popen(whole, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for _ in patient(PATIENCE_S):
                try:
                    out, err = process.communicate(timeout=10)
                    return subprocess.CompletedProcess(whole, process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    pass
            process.kill()
        raise Failed(f"on the board, not done after {PATIENCE_S} s: {command}; see {self.serial_log}")

    def ssh(self, command):
        """Runs a command that must succeed; its output without the last line's end."""
        done = self.try_ssh(command)
        if done.returncode != 0:
            raise Failed(f"on the board: {command}\n{done.stdout}{done.stderr}")
        return done.stdout.rstrip("\n")

    def wait_ssh(self):
        """Waits until a login by key succeeds."""
        self.wait("a login by key", lambda: self.try_ssh("true").returncode == 0)

    def trust(self):
        """From now on its certificate is checked against its own authority."""
        text = self.ssh("sudo cat /var/lib/mfg-drone/tls/ca.pem")
        with open(f"{self.folder}/ca.pem", "w") as file:
            file.write(text + "\n")

    def admin_key(self):
        """The admin key of the first start."""
        found = re.search(r"^Admin key: *(\S+)", self.ssh("sudo cat /var/lib/mfg-drone/first-keys.txt"), re.M)
        if not found:
            raise Failed("first-keys.txt holds no admin key")
        return found.group(1)


def ask(port, authority, method, path, key=None, body=None, timeout_s=60):
    """One HTTPS request to a port of loopback; the certificate is checked when the file
    of its authority is there. Returns status and JSON, or None without an answer."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if os.path.exists(authority):
        context.load_verify_locations(authority)
    else:
        context.verify_mode = ssl.CERT_NONE
    headers = {"X-API-Key": key} if key else {}
    if body is not None:
        body = json.dumps(body)
        headers["Content-Type"] = "application/json"
    link = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_s, context=context)
    try:
        link.request(method, path, body=body, headers=headers)
        answer = link.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] in b"{[" else text.decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        link.close()


class Events:
    """The emulator's control socket: what happens to the machine itself."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        # (It answers one at a time; whoever asks meanwhile waits.)
        self.link.settimeout(10)
        self.link.connect(path)
        self.reader = self.link.makefile("r")
        json.loads(self.reader.readline())
        self.link.sendall(b'{"execute":"qmp_capabilities"}\n')

    def status(self):
        """Whether the machine runs, in the emulator's words."""
        self.link.sendall(b'{"execute":"query-status"}\n')
        for line in self.reader:
            answer = json.loads(line).get("return")
            if answer:
                return answer["status"]
        raise Failed("the emulator does not say whether the machine runs")

    def wait_for(self, name, patience_s=PATIENCE_S):
        """Reads until the named event comes."""
        # (Longer where the machine is crowded, as above; a socket counts by itself.)
        self.link.settimeout(patience_s * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
        try:
            for line in self.reader:
                if json.loads(line).get("event") == name:
                    return
        except TimeoutError:
            pass
        raise Failed(f"the emulator reported no {name}")


def cores_of_each(boards):
    """How many cores each of so many boards at a time gets. Where they outnumber the
    host's, one of a board waits for the other while that does not run."""
    return 2 if 2 * boards <= (os.cpu_count() or 1) else 1


def new_key(folder):
    """An SSH key for one test, made in `folder`; its public line."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key"], check=True)
    with open(f"{folder}/key.pub") as file:
        return file.read().strip()


# ---- cards and file systems, as files of the host ---------------------------------------


def run_quietly(*command):
    """A command of the host that must succeed; what it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout.strip()}{done.stderr.strip()}")
    return done.stdout.strip()


def partition(card, number):
    """Where a partition of a card begins, and how long it is, in bytes."""
    with open(card, "rb") as file:
        file.seek(446 + 16 * (number - 1) + 8)
        first, sectors = struct.unpack("<II", file.read(8))
    return first * 512, sectors * 512


@contextlib.contextmanager
def mounted(file, offset=0, size=0, read_only=False, repair=False):
    """The file system that a file, or a part of it, holds. With `repair` it is checked
    before, as the board checks its data partition."""
    only = ["--read-only"] if read_only else []
    device = run_quietly("losetup", "--find", "--show", "--offset", str(offset), "--sizelimit", str(size), *only, file)
    try:
        if repair:
            checked = subprocess.run(["e2fsck", "-p", device], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if checked.returncode >= 4:
                raise Failed(f"{file} is damaged: {checked.stdout}{checked.stderr}")
        with tempfile.TemporaryDirectory() as place:
            run_quietly("mount", *only, device, place)
            try:
                yield place
            finally:
                run_quietly("umount", place)
    finally:
        run_quietly("losetup", "--detach", device)


def boot_partition(card):
    """The first partition of a card, and how mtools are to be called for it."""
    return f"{card}@@{partition(card, 1)[0]}", {**os.environ, "MTOOLS_SKIP_CHECK": "1"}


def copy_from_boot_partition(card, name, target):
    """Takes a file from the first partition of a card."""
    place, environment = boot_partition(card)
    subprocess.run(["mcopy", "-n", "-i", place, f"::{name}", target], check=True, env=environment)


def copy_to_boot_partition(card, source, name):
    """Puts a file on the first partition of a card, as a person with a reader does."""
    place, environment = boot_partition(card)
    subprocess.run(["mcopy", "-o", "-i", place, source, f"::{name}"], check=True, env=environment)


def settings_for_uboot(card, arguments):
    """Has a card's boot loader, a Raspberry Pi's, give Linux more arguments."""
    with open(f"{HERE}/image.d/uboot.env.txt") as file:
        settings = f"{file.read()}extra_args={arguments}\n"
    made = f"{card}.uboot.env"
    subprocess.run(["mkenvimage", "-s", "0x4000", "-o", made, "-"], input=settings, text=True, check=True)
    copy_to_boot_partition(card, made, "uboot.env")
    os.remove(made)


def keep_logs(source, target):
    """Copies serial and emulator logs to where a person looks for them."""
    os.makedirs(target, exist_ok=True)
    for name in ("serial.log", "qemu.log"):
        if os.path.exists(f"{source}/{name}"):
            shutil.copy(f"{source}/{name}", f"{target}/{os.path.basename(source)}-{name}")
