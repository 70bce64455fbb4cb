"""What the runs of real applications behind Davenport share: a visitor with cookies and forms, checks that are counted, the proxy with
a recipe of docs/recipes. Everything is on loopback and on free ports, and is stopped by pid.
"""
import concurrent.futures
import http.cookies
import json
import re
import signal
import socket
import subprocess
import time
import urllib.parse
from http.client import HTTPConnection, HTTPException
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
HOST = "blog.test"

failures = []


def check(name, passed, seen=""):
    print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed or seen == '' else f': {seen}'}", flush=True)
    if not passed:
        failures.append(name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.05)
    raise SystemExit(f"waited {seconds} s in vain for {what}")


class Answer:
    def __init__(self, raw, body, seconds):
        self.status, self.body, self.seconds = raw.status, body, seconds
        self.fields = raw.headers

    @property
    def hit(self):
        return "; hit" in (self.fields["Cache-Status"] or "")

    @property
    def text(self):
        return self.body.decode(errors="replace")


class Visitor:
    """A browser as far as it matters: one connection, cookies, forms."""

    def __init__(self, port, cookies=None):
        self.port, self.cookies, self.connection = port, dict(cookies or {}), None

    def ask(self, method, path, body=None, fields=None, timeout=20):
        headers = {"Host": HOST, **(fields or {})}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        started = time.monotonic()
        for again in (False, True):
            if self.connection is None:
                self.connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            try:
                self.connection.request(method, path, body, headers)
                raw = self.connection.getresponse()
                answer = Answer(raw, raw.read(), time.monotonic() - started)
                break
            except (HTTPException, ConnectionError):
                self.connection = None
                if again:
                    raise
        for line in answer.fields.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def submit(self, path, values):
        form = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        values = {"csrfmiddlewaretoken": token.group(1) if token else "", **values}
        return self.ask("POST", path, urllib.parse.urlencode(values), {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://blog.test"})

    def upload(self, path, name, data):
        form = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text).group(1)
        edge = "edge-7f3a"
        body = (f'--{edge}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
                f'--{edge}\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n').encode()
        return self.ask("POST", path, body + data + f"\r\n--{edge}--\r\n".encode(),
                        {"Content-Type": f"multipart/form-data; boundary={edge}", "Origin": "http://blog.test"})

    def log_in(self, name):
        return self.submit("/login/", {"username": name, "password": "secret"})


class Proxy:
    """Davenport with a recipe: `changes` are made to its text, and an admin address is added."""

    def __init__(self, build, work, recipe, changes):
        self.port, self.admin_port = free_port(), free_port()
        text = (TREE / "docs" / "recipes" / recipe).read_text()
        for old, new in {"0.0.0.0:80": f"127.0.0.1:{self.port}", **changes}.items():
            assert old in text, old
            text = text.replace(old, new)
        (work / "davenport.toml").write_text(text + f'\n[admin]\naddress = "127.0.0.1:{self.admin_port}"\n')
        self.process = subprocess.Popen([Path(build) / "davenport", "run", work / "davenport.toml"], stderr=(work / "proxy.log").open("w"))
        wait_until("Davenport", lambda: self.admin("GET", "/readyz").status == 200)

    def admin(self, method, path, body=None):
        return Visitor(self.admin_port).ask(method, path, body, {"Host": f"127.0.0.1:{self.admin_port}", "Content-Type": "application/json"})

    def purge_all(self, soft=False):
        self.admin("POST", "/purge", json.dumps({"all": True, "soft": soft}))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def together(port, path, count):
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: Visitor(port).get(path, timeout=60), range(count)))
    return answers, time.monotonic() - started
