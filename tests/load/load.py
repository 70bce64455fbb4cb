#!/usr/bin/env python3
"""Load with faults: 500 connections ask Davenport for keys whose bodies carry their key and version, while the scripted origins
are killed and revived, purges run, and the configuration is reloaded. Everything that comes back is checked.

    tests/load/load.py --build build [--requests 200000] [--memory 32] [--sanitized]

What must hold:
  - a body is that of its key and of one version, whole; a version is never older than the last purge of its key that had
    returned before the request was sent;
  - a 5xx comes only while an origin was down within the last seconds, or from the origin itself;
  - descriptors and memory do not grow: what is open at the end is what was open after the warm-up;
  - the store stays under its budget with ten times as much asked for, and the process within 15 % of it plus a constant.
The clients are load_clients.cc; this script is the origins, the faults, and the judge.
"""
import argparse
import functools
import json
import mmap
import multiprocessing
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

KIB = 1024
CONSTANT = 40 << 20                 # of the process beside the store: code, buffers of workers and 500 connections
SIGNS = ("ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "ERROR: LeakSanitizer", "runtime error:", "terminate called")   # in a log
GRACE = 1.5                         # seconds after an origin's death or revival in which its 5xx may still arrive


def size_of(key):
    """1 to 32 KiB, by the key."""
    return KIB * (1 + key * 7919 % 32)


@functools.lru_cache(maxsize=2048)
def body_of(key, version):
    return b"k%014d v%014d\n" % (key, version) * (size_of(key) // 32)


class Origin(multiprocessing.Process):
    """Answers GET /k/KEY with a body of the key and the current version. In a process of its own, so that it can be killed."""

    def __init__(self, port, versions):
        super().__init__(daemon=True)
        self.port, self.versions = port, versions

    def run(self):
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        listener.setblocking(False)
        poll = selectors.DefaultSelector()
        poll.register(listener, selectors.EVENT_READ)
        pending, outgoing = {}, {}
        while True:
            for entry, events in poll.select():
                one = entry.fileobj
                if one is listener:
                    try:
                        while True:
                            client, _ = listener.accept()
                            client.setblocking(False)
                            pending[client], outgoing[client] = b"", b""
                            poll.register(client, selectors.EVENT_READ)
                    except BlockingIOError:
                        continue
                try:
                    if events & selectors.EVENT_READ:
                        got = one.recv(65536)
                        if not got:
                            raise ConnectionError
                        pending[one] += got
                        while b"\r\n\r\n" in pending[one]:
                            head, pending[one] = pending[one].split(b"\r\n\r\n", 1)
                            outgoing[one] += self.answer(head)
                    if outgoing[one]:
                        outgoing[one] = outgoing[one][one.send(outgoing[one]):]
                    poll.modify(one, selectors.EVENT_READ | (selectors.EVENT_WRITE if outgoing[one] else 0))
                except BlockingIOError:
                    poll.modify(one, selectors.EVENT_READ | selectors.EVENT_WRITE)
                except OSError:
                    poll.unregister(one)
                    one.close()
                    del pending[one], outgoing[one]

    def answer(self, head):
        key = int(head.split(b" ", 2)[1].rsplit(b"/", 1)[1])
        version = self.versions[key]
        body = body_of(key, version)
        kind = key % 10
        control = b"no-store" if kind == 0 else b"max-age=600"
        fields = b"HTTP/1.1 200 OK\r\nCache-Control: %s\r\nSurrogate-Key: k%d\r\n" % (control, key)
        if kind == 1:                                        # in chunks
            pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[i:i + 3000] for i in range(0, len(body), 3000)))
            return fields + b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
        return fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Run:
    def __init__(self, options):
        self.options = options
        self.keys = max(1000, options.memory * 10 * KIB // 16)        # of 16 KiB on average: ten times the store
        self.versions = multiprocessing.Array("l", [1] * self.keys, lock=False)
        self.directory = tempfile.TemporaryDirectory(prefix="davenport-load-")
        with open(self.directory.name + "/least", "w+b") as file:     # the least version of each key; the number of answers
            file.truncate(8 * (self.keys + 1))
            self.shared = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.ports = [self.free_port() for _ in range(2)]
        self.faults = []                                              # when an origin died or came back
        self.problems = []

    @staticmethod
    def free_port():
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    def write_config(self, turn):
        servers = ", ".join('"127.0.0.1:%d"' % port for port in self.ports)
        with open(self.directory.name + "/davenport.toml", "w", encoding="utf-8") as file:
            file.write('listen = ["127.0.0.1:0"]\nworkers = 2\n[admin]\naddress = "127.0.0.1:0"\n[shutdown]\ntimeout = "2s"\n'
                       '[cache]\nmemory = "%dMiB"\n[origin.app]\nservers = [%s]\nfirst_byte_timeout = "%ds"\neject_time = "200ms"\neject_max = "400ms"\n'
                       '[[route]]\norigin = "app"\n[route.cache]\nstale_when_gone = false\n' % (self.options.memory, servers, 5 + turn % 3))

    def start(self):
        self.write_config(0)
        self.log = open(self.directory.name + "/log", "w+", encoding="utf-8", errors="replace")
        self.proxy = subprocess.Popen([self.options.build + "/davenport", "run", self.directory.name + "/davenport.toml"], stderr=self.log, stdout=self.log)
        deadline = time.time() + 30
        while time.time() < deadline:
            text = self.text_of_log()
            if "admin on http" in text:
                self.port = int(text.split("listening on http://127.0.0.1:")[1].split()[0])
                self.admin = int(text.split("admin on http://127.0.0.1:")[1].split()[0])
                return
            if self.proxy.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("the proxy did not start:\n" + self.text_of_log())

    def text_of_log(self):
        with open(self.directory.name + "/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask_admin(self, path, body=None):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.admin, path), data=body, headers={"Content-Type": "application/json"} if body else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def metrics(self):
        values = {}
        for line in self.ask_admin("/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                values[name] = values.get(name, 0) + float(value)
        return values

    def resident(self):
        with open("/proc/%d/statm" % self.proxy.pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.proxy.pid))

    def purge(self, key):
        """A new version; what is asked for after the purge has returned may not be older."""
        self.versions[key] += 1
        fresh = self.versions[key]
        self.ask_admin("/purge", json.dumps({"url": "http://load.test/k/%d" % key, "count": False} if key % 2 else {"tag": "k%d" % key, "count": False}).encode())
        self.shared[key] = fresh

    def disturb(self):
        chance = random.Random(7)
        origins = [Origin(port, self.versions) for port in self.ports]
        for one in origins:
            one.start()
        self.ready.set()
        turn = 0
        while not self.over.is_set():
            turn += 1
            for _ in range(5):
                self.purge(chance.randrange(64) if chance.random() < 0.7 else chance.randrange(self.keys))
            if turn % 20 == 0:
                self.write_config(turn)
                self.proxy.send_signal(signal.SIGHUP)
            if turn % 50 == 10:                                       # one of two; every fourth time both
                dead = [0, 1] if turn % 200 == 10 else [chance.randrange(2)]
                self.faults.append(time.time())
                for number in dead:
                    origins[number].kill()
                    origins[number].join()
                self.over.wait(0.5)
                for number in dead:
                    origins[number] = Origin(self.ports[number], self.versions)
                    origins[number].start()
                self.faults.append(time.time())
            self.watch()
            self.over.wait(0.1)
        self.origins = origins

    def watch(self):
        values = self.metrics()
        used = values["davenport_store_bytes"]
        self.most_used = max(self.most_used, used)
        self.most_resident = max(self.most_resident, self.resident())
        if used > self.options.memory << 20:
            self.problems.append("the store holds %d bytes" % used)

    def caused(self, began, ended):
        return any(began - GRACE < fault < ended for fault in self.faults)

    def run(self):
        self.start()
        self.most_used = self.most_resident = 0
        self.over, self.ready = threading.Event(), threading.Event()
        disturber = threading.Thread(target=self.disturb)
        disturber.start()
        self.ready.wait()
        time.sleep(0.5)
        began = time.time()
        samples = self.load()
        took = time.time() - began
        self.over.set()
        disturber.join()
        self.judge(samples, took)
        for one in self.origins:
            one.kill()
        return self.problems

    def load(self):
        """Resident memory and descriptors at each tenth of the requests; what the clients say is kept."""
        self.answers, self.events, samples, next_mark = 0, [], [], 1
        command = [self.options.clients, str(self.port), str(self.options.connections), str(self.options.requests), str(self.keys), self.directory.name + "/least"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            reader = threading.Thread(target=lambda: self.events.extend(line.split() for line in clients.stdout))
            reader.start()
            while clients.poll() is None:
                time.sleep(0.05)
                total = self.shared[self.keys]
                if total >= next_mark * self.options.requests // 10 and next_mark < 10:
                    samples.append((total, self.resident(), self.descriptors()))
                    next_mark += 1
                    print("%9d answers: %4d MiB resident, %d descriptors" % (total, samples[-1][1] >> 20, samples[-1][2]), flush=True)
                if self.proxy.poll() is not None:
                    self.problems.append("the proxy ended with %d" % self.proxy.returncode)
                    clients.kill()
            reader.join()
        return samples

    def judge(self, samples, took):
        done = [event for event in self.events if event[0] == "done"]
        answers = int(done[0][1]) if done else 0
        if not done:
            self.problems.append("the clients did not come to their end")
        self.problems += [" ".join(event) for event in self.events if event[0] == "wrong"][:5]
        errors = [event for event in self.events if event[0] in ("error", "cut")]
        uncaused = [event for event in errors if not self.caused(float(event[-2]), float(event[-1]))]
        if uncaused:
            self.problems.append("%d of %d errors and cuts were caused by no origin, the first: %s" % (len(uncaused), len(errors), uncaused[0]))
        budget, bound = self.options.memory << 20, int((self.options.memory << 20) * 1.15) + CONSTANT
        if self.proxy.poll() is None:
            values = self.metrics()
            if not self.options.sanitized:
                if self.most_resident > bound:
                    self.problems.append("%d MiB resident, above %d" % (self.most_resident >> 20, bound >> 20))
                late = [sample for sample in samples if sample[0] > answers * 2 // 3]
                if len(late) > 1 and late[-1][1] > late[0][1] + (8 << 20):
                    self.problems.append("memory grows: %s" % [sample[1] >> 20 for sample in late])
            if values["davenport_store_evictions_total"] == 0:
                self.problems.append("the store was never full: more requests are needed")
            deadline = time.time() + 30
            while self.metrics()["davenport_connections_open"] > 0 and time.time() < deadline:
                time.sleep(0.2)
            if self.metrics()["davenport_connections_open"] > 0:
                self.problems.append("connections are left open")
            left = self.descriptors()
            if left > 100 + 2 * 64 * 2:                               # workers, and what is kept to the origins
                self.problems.append("%d descriptors are left open" % left)
            self.proxy.send_signal(signal.SIGTERM)
            if self.proxy.wait(30) != 0:
                self.problems.append("it ended with %d" % self.proxy.returncode)
            print("%d answers in %.0f s (%.0f/s), %d errors and %d cuts that an origin caused, %d faults, %d evictions"
                  % (answers, took, answers / took, sum(event[0] == "error" for event in errors), sum(event[0] == "cut" for event in errors),
                     len(self.faults) // 2, values["davenport_store_evictions_total"]))
            print("store at most %.1f of %d MiB, resident at most %d MiB (bound %d), %d descriptors left"
                  % (self.most_used / (1 << 20), budget >> 20, self.most_resident >> 20, bound >> 20, left))
        text = self.text_of_log()
        for sign in SIGNS:
            if sign in text:
                self.problems.append("the log says " + text[text.find(sign):][:4000])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build", help="where davenport is")
    parser.add_argument("--clients", default="build/tests/load_clients")
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--memory", type=int, default=32, help="MiB of the store; ten times as much is asked for")
    parser.add_argument("--sanitized", action="store_true", help="a sanitizer's build: memory is not judged")
    problems = Run(parser.parse_args()).run()
    for problem in problems:
        print("PROBLEM: " + problem)
    print("failed" if problems else "all held")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
