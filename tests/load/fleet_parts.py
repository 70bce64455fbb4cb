"""What fleet.py and bench/fleet.py start, on free ports and in a folder of theirs: a Redis Cluster of three masters and three replicas,
and instances of Davenport before one origin. Whoever starts them ends them: close()."""
import binascii
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
NODE_TIMEOUT = 1.5                  # seconds after which a master counts as failed
USER, PASSWORD = "dav", "secret-of-the-fleet"    # of the instances; who tests is Redis' default user


def free_port(taken=set()):
    """Each only once, and not where an outgoing connection could stand before it is listened on."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    port = 10_000 + os.getpid() * 37 % 10_000
    while True:
        port = port + 1 if port + 1 < first else 10_000
        if port in taken:
            continue
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port


def await_condition(what, holds, seconds):
    """The seconds that it took."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            raise TimeoutError("timed out waiting for " + what)
        time.sleep(0.05)
    return time.monotonic() - begun


def documented_commands():
    """The commands that docs/redis.md says an instance needs: with these, and no others, the proof is run."""
    text = (TREE / "docs" / "redis.md").read_text(encoding="utf-8")
    listed = re.search(r"the commands (.*?), on keys that start with", text, re.DOTALL).group(1)
    return ["+" + word.lower() for word in re.findall(r"[A-Z]+(?:\|[A-Z]+)?", listed)]


class RedisError(Exception):
    """An error reply."""


class Redis:
    """One connection to one node."""

    def __init__(self, port, timeout=5):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("the node has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        size = int(rest)
        if size < 0:
            return None
        if kind == b"$":
            return self.file.read(size + 2)[:-2]
        return [self.reply() for _ in range(size)]

    def close(self):
        self.file.close()
        self.socket.close()


class Node:
    def __init__(self, folder, number):
        self.port, self.bus = free_port(), free_port()
        self.folder = pathlib.Path(folder) / f"redis-{number}"
        self.folder.mkdir()
        self.process = None

    def start(self):
        """Empty, with the name and slots that it had."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder),
             "--logfile", str(self.folder / "log"), "--repl-diskless-sync-delay", "0", "--cluster-enabled", "yes", "--cluster-port", str(self.bus),
             "--cluster-node-timeout", str(int(NODE_TIMEOUT * 1000)), "--cluster-require-full-coverage", "no",
             "--user", USER, "on", ">" + PASSWORD, "~davenport:*", *documented_commands()], stdout=subprocess.DEVNULL)
        await_condition(f"redis-server on port {self.port}", self.answers, 30)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def answers(self):
        try:
            self.ask("PING")
            return True
        except (OSError, RedisError):
            return False

    def ask(self, *words):
        connection = Redis(self.port, timeout=2)
        try:
            return connection.ask(*words)
        finally:
            connection.close()


def slot_of(key):
    """CRC16 (XMODEM) of what stands between braces, as all our keys have them."""
    inside = re.search(rb"\{(.+?)\}", key)
    return binascii.crc_hqx(inside.group(1) if inside else key, 0) % 16384


class Cluster:
    LOG = b"davenport:{purge-log}:entries"

    def __init__(self, folder):
        self.nodes = []
        self.password_file = pathlib.Path(folder) / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD, encoding="ascii")
        try:
            for i in range(6):
                self.nodes.append(Node(folder, i))
                self.nodes[-1].start()
            made = subprocess.run(["redis-cli", "--cluster", "create", *self.addresses(), "--cluster-replicas", "1", "--cluster-yes"],
                                  capture_output=True, text=True, timeout=60, check=False)
            if made.returncode != 0:
                raise RuntimeError("no cluster: " + made.stdout[-500:])
            self.await_healthy()
        except BaseException:
            self.close()
            raise

    def addresses(self):
        return [f"127.0.0.1:{node.port}" for node in self.nodes]

    def toml(self):
        seeds = ", ".join(f'"{each}"' for each in self.addresses())
        return f'cluster = [{seeds}]\nnode_timeout = "{NODE_TIMEOUT * 1000:.0f}ms"\nuser = "{USER}"\npassword_file = "{self.password_file}"\n'

    def healthy(self):
        try:
            for node in self.nodes:
                info = node.ask("CLUSTER", "INFO").decode()
                if any(part not in info for part in ("cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:6")):
                    return False
                replication = node.ask("INFO", "replication").decode()
                part = "connected_slaves:1" if "role:master" in replication else "master_link_status:up"
                if part not in replication:
                    return False
        except (OSError, RedisError):
            return False
        return True

    def await_healthy(self, seconds=60):
        return await_condition("a healthy cluster", self.healthy, seconds)

    def slots(self):
        for node in self.nodes:
            try:
                return node.ask("CLUSTER", "SLOTS")
            except (OSError, RedisError):
                continue
        raise RuntimeError("no node answers")

    def masters(self):
        ports = {entry[2][1] for entry in self.slots()}
        return [node for node in self.nodes if node.port in ports]

    def owner(self, slot):
        port = next(entry[2][1] for entry in self.slots() if entry[0] <= slot <= entry[1])
        return next(node for node in self.nodes if node.port == port)

    def log_master(self):
        return self.owner(slot_of(self.LOG))

    def other_master(self):
        log = self.log_master()
        return next(node for node in self.masters() if node is not log)

    def ask_all(self, *words):
        return [node.ask(*words) for node in self.nodes]

    def ask_masters(self, *words):
        return [node.ask(*words) for node in self.masters()]

    def close(self):
        for node in self.nodes:
            if node.process is not None:
                node.kill()


class Instance:
    """`cluster` None: an instance on its own."""

    def __init__(self, build, folder, name, origin_port, cluster=None, settings="", workers=1):
        self.name, self.build = name, build
        self.port, self.admin = free_port(), free_port()
        self.path = pathlib.Path(folder) / name
        text = (f'listen = ["127.0.0.1:{self.port}"]\nworkers = {workers}\n[admin]\naddress = "127.0.0.1:{self.admin}"\n[shutdown]\ntimeout = "2s"\n'
                f'[origin.app]\nservers = ["127.0.0.1:{origin_port}"]\n')
        if cluster is not None:
            text += f'[redis]\n{cluster.toml()}instance = "{name}"\n' + settings
        self.path.with_suffix(".toml").write_text(text, encoding="utf-8")
        self.log = self.path.with_suffix(".log").open("ab")
        self.process = subprocess.Popen([f"{build}/davenport", "run", self.path.with_suffix(".toml")], stdout=self.log, stderr=self.log)

    def ask(self, path, body=None, timeout=15):
        """(status, text) of the admin interface."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self):
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False

    def await_followed(self, seconds=30):
        try:
            await_condition(f"{self.name} to be ready and to follow the purge log",
                            lambda: not self.alive() or self.ready() and self.metrics().get("davenport_purge_log_reachable", 1) == 1, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log:\n{self.said()}") from error
        if not self.alive():
            raise RuntimeError(f"{self.name} has ended:\n{self.said()}")

    def metrics(self):
        """{'name{label="value"}': number}"""
        lines = [line.rsplit(" ", 1) for line in self.ask("/metrics")[1].splitlines() if line and line[0] != "#"]
        return {name: float(value) for name, value in lines}

    def purge(self, body):
        """(status, what it says)"""
        status, text = self.ask("/purge", body)
        return status, json.loads(text)

    def alive(self):
        return self.process.poll() is None

    def said(self):
        """Its log but for the purges that it took."""
        text = self.path.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(line for line in text.splitlines() if " info    purge " not in line)

    def close(self):
        """Its exit status."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -1
        finally:
            self.log.close()
