"""Drives chromium over WebDriver, and says what the dashboard does. See `run`.

Waits are for states, never for times; the patience is for slow machines only.
"""

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 120
KEY = "mfg-drone-admin-key-2024"  # the demo's, published


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, look):
    """Waits until `look` gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited in vain: {what}")


class Browser:
    """One WebDriver session."""

    def __init__(self, port):
        self.port, self.session = port, ""
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,2400"]}
        wanted = {
            "browserName": "chrome",
            # The demo makes its own certificate.
            "acceptInsecureCerts": True,
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        made = self.send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{made['sessionId']}"

    def send(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, self.session + path, None if body is None else json.dumps(body))
        answer = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{path}: {answer['message']}")
        return answer

    def run(self, script):
        return self.send("POST", "/execute/sync", {"script": script, "args": []})

    def complaints(self):
        """Errors in the console, and whatever the policy refused."""
        lines = self.send("POST", "/se/log", {"type": "browser"})
        bad = [line["message"] for line in lines if line["level"] == "SEVERE" or "Content Security" in line["message"]]
        return [message for message in bad if "favicon.ico" not in message]


def enter(browser, url):
    browser.send("POST", "/url", {"url": url})
    browser.run(
        f"document.getElementById('key').value = '{KEY}';"
        "document.getElementById('key-form').requestSubmit();"
    )
    cards = "return document.querySelectorAll('#drones li h3').length"
    assert until("drones", lambda: browser.run(cards)) == 3, "the demo has three drones"
    until("alerts", lambda: browser.run("return document.querySelectorAll('#alert-list li').length"))


def check(browser, url, screenshot):
    enter(browser, url)
    assert browser.run("return isSecureContext && 'VideoDecoder' in window"), "no WebCodecs in this browser"
    assert browser.run("return document.getElementById('no-video').hidden")
    browser.run("document.getElementById('stream-on').click()")
    frames = "return Number(document.getElementById('picture').dataset.frames ?? 0)"
    first = until("a decoded frame", lambda: browser.run(frames))
    until("more frames", lambda: browser.run(frames) > first + 30)
    # The pattern has more than one colour: something was really drawn.
    colours = browser.run(
        "const c = document.getElementById('picture');"
        "const p = c.getContext('2d').getImageData(0, c.height / 2, c.width, 1).data;"
        "const seen = new Set(); for (let i = 0; i < p.length; i += 4) seen.add(p[i] >> 4 | p[i + 1] >> 4 << 4 | p[i + 2] >> 4 << 8);"
        "return [c.width, c.height, seen.size]"
    )
    assert colours[:2] == [960, 720] and colours[2] > 3, colours
    until("figures", lambda: "fps" in browser.run("return document.getElementById('camera-state').textContent"))
    browser.run("document.getElementById('take-photo').click()")
    link = "const a = document.getElementById('photo-link'); return a.hidden ? '' : a.download"
    name = until("a photo", lambda: browser.run(link))
    assert name.startswith("drone_photo_drone_001_"), name
    if name.endswith(".jpg"):
        until("the photo on the page", lambda: browser.run("return !document.getElementById('photo').hidden"))
    if screenshot:
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(browser.send("GET", "/screenshot")))
    browser.run(
        "const l = document.getElementById('language'); l.value = 'ja'; l.dispatchEvent(new Event('change'));"
    )
    until("Japanese", lambda: browser.run("return document.getElementById('stream-off').textContent") == "映像を停止")
    browser.run("document.getElementById('stream-off').click()")
    until("the end of the video", lambda: browser.run("return document.getElementById('picture').hidden"))
    return name


def check_without_decoder(browser, url):
    # As a browser without it would be, before any script of the page runs.
    source = "delete window.VideoDecoder"
    script = {"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": {"source": source}}
    browser.send("POST", "/goog/cdp/execute", script)
    enter(browser, url)
    assert browser.run("return !('VideoDecoder' in window)"), "WebCodecs was not switched off"
    assert browser.run("return !document.getElementById('no-video').hidden"), "it is not told"


def main(binary, screenshot=None):
    work = tempfile.mkdtemp(prefix="browser-check-")
    port, driver_port = free_port(), free_port()
    udp = [str(free_port(socket.SOCK_DGRAM)) for _ in range(3)]
    url = f"https://127.0.0.1:{port}/dashboard"
    arguments = ["--listen", f"127.0.0.1:{port}", "--state-dir", f"{work}/state"]
    arguments += ["--state-port", udp[0], "--command-port", udp[1], "--video-port", udp[2]]
    children = []
    try:
        with open(f"{work}/demo.log", "w") as log, open(f"{work}/driver.log", "w") as driver_log:
            children.append(subprocess.Popen([binary, "demo", *arguments], stdout=log, stderr=log))
            driver = ["chromedriver", f"--port={driver_port}"]
            children.append(subprocess.Popen(driver, stdout=driver_log, stderr=driver_log))
        for listening in (port, driver_port):
            until(f"port {listening}", lambda: socket.socket().connect_ex(("127.0.0.1", listening)) == 0)
        for has_decoder in (True, False):
            browser = Browser(driver_port)
            try:
                if has_decoder:
                    name = check(browser, url, screenshot)
                    print(f"ok: drones, alerts, video decoded, photo {name}")
                else:
                    check_without_decoder(browser, url)
                    print("ok: without WebCodecs the page says so")
                complaints = browser.complaints()
                assert not complaints, complaints
            finally:
                browser.send("DELETE", "")
        print("ok: no error in the console")
    except BaseException:
        for name in ("demo.log", "driver.log"):
            if os.path.exists(f"{work}/{name}"):
                print(f"--- {name}", open(f"{work}/{name}").read()[-2000:], sep="\n", file=sys.stderr)
        raise
    finally:
        for child in children:
            child.terminate()
            child.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
