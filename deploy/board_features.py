"""What of the gateway leans on the image around it: recordings on the data partition,
ways out of the sandbox, ports in the firewall. Asked of a booted board by test-image.

Each was built and tested on a developer's machine, where nothing is read-only and
nothing is denied. Here it meets the unit's sandbox and the image's firewall.
"""

import re
import socket

from emulator import RTSP_PORT, expect

# An address that is no private one and nobody's (RFC 5737), which the board gets itself.
PUBLIC = "198.51.100.9"
SETTINGS = f"""# test: features
[camera]
rtsp_listen = "0.0.0.0:{RTSP_PORT}"
[mqtt]
url = "mqtt://{PUBLIC}:1883"
[[drones.drone]]
id = "sim"
mode = "simulation"
"""
# Says what the first bytes were that came to a broker's port.
BROKER = (
    "use Socket;socket(S,PF_INET,SOCK_STREAM,6);setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1);"
    f'bind(S,sockaddr_in(1883,inet_aton("{PUBLIC}")))or die;listen(S,9);'
    'while(accept(C,S)){alarm 0;sysread(C,$b,64);open(F,">>","/tmp/broker");print F $b;close(F);close(C)}'
)


def used(board):
    """Flies a simulated drone and asks for all of it; returns what `kept` looks for after
    a restart of the board."""
    board.ssh(f"sudo ip address replace {PUBLIC}/32 dev lo; : >/tmp/broker")
    board.ssh(f"nohup perl -e '{BROKER}' >/dev/null 2>&1 </dev/null &")
    board.ssh("sudo tee -a /etc/mfg-drone/gateway.toml >/dev/null <<'TOML'\n" + SETTINGS + "TOML")
    restart(board)
    rtsp(board)
    recording = flight(board)
    egress(board)
    refused = board.ssh(
        "sudo journalctl -b -u mfg-drone-gateway --no-pager | grep -v -e adjtimex -e MQTT |"
        " grep -Ei 'operation not permitted|permission denied|read-only file' || true")
    expect("the sandbox refuses nothing of it", refused == "", refused)
    return recording


def kept(board, recording):
    """After a restart: the recording is there, and so is the way out."""
    listed = recordings(board)
    expect("a recording outlives a restart", recording in [each["id"] for each in listed], str(listed))
    expect("and so does what `firewall write` opened", f"{PUBLIC}/32" in opened(board).split(), opened(board))
    board.ssh("sudo sed -i '/^# test: features/,$d' /etc/mfg-drone/gateway.toml; echo '# none' | sudo tee /etc/mfg-drone/firewall.conf >/dev/null;"
              "sudo systemctl daemon-reload")
    restart(board)


def restart(board):
    board.ssh("sudo systemctl restart mfg-drone-gateway")
    board.wait_healthy()


def rtsp(board):
    """From outside, through the image's firewall."""
    def answer():
        try:
            with socket.create_connection(("127.0.0.1", board.rtsp_port), 30) as link:
                link.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
                return link.recv(200).decode(errors="replace")
        except OSError:
            return None

    said = board.wait("an answer by RTSP", answer)
    expect("RTSP is reached from the site, on a port of its own", said.startswith("RTSP/1.0 "), said)


def recordings(board):
    status, answer = board.request("GET", "/api/recordings", board.admin_key())
    return answer["recordings"] if status == 200 else []


def flight(board):
    """Up and down; the id of the recording."""
    for order in ("takeoff", "land"):
        board.wait(f"the drone takes `{order}`", lambda: board.try_ssh(f"sudo mfg-drone-gateway fly sim {order}").returncode == 0)
    ended = board.wait("a recording that has ended", lambda: [each for each in recordings(board) if each["ended"]])
    recording = ended[0]["id"]
    expect("a flight is recorded", ended[0]["ended"] == "landed", str(ended))
    path = f"/var/lib/mfg-drone/recordings/{recording}.mfr"
    data = board.ssh(f"sudo df --output=source {path} | tail -1; df --output=source /data | tail -1").split("\n")
    expect("on the data partition", data[0] == data[1], str(data))
    said = board.try_ssh(f"sudo -u mfg-drone mfg-drone-gateway recordings verify {path}")
    expect("and is whole and signed", said.returncode == 0, said.stdout + said.stderr)
    return recording


def opened(board):
    return board.ssh("systemctl show -p IPAddressAllow --value mfg-drone-gateway")


def egress(board):
    """A broker that is on no private network: shut, told by `check`, opened by one command."""
    board.wait("the gateway says that the broker is out of reach", lambda: board.try_ssh(
        "sudo journalctl -b -u mfg-drone-gateway --no-pager | grep -F 'no connection to the MQTT broker' ||"
        " sudo grep -F 'no connection to the MQTT broker' /var/log/mfg-drone/app.log").returncode == 0)
    expect("a broker on the internet is out of reach", board.ssh("cat /tmp/broker") == "")
    told = board.try_ssh("sudo -u mfg-drone mfg-drone-gateway check").stdout
    expect("which `check` says, with what to do", re.search(r"mqtt.*firewall write", told, re.S), told)
    board.ssh("sudo mfg-drone-gateway firewall write && sudo systemctl daemon-reload")
    restart(board)
    board.wait("the broker hears of the gateway", lambda: "MQTT" in board.ssh("tr -d '\\0' </tmp/broker"))
    expect("`firewall write` opens the way, on a read-only root", True)
