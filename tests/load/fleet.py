#!/usr/bin/env python3
"""A fleet under load on a Redis Cluster that fails in every way: three instances, six Redis nodes, 2,000 requests a second, purges by
URL and by tag all through. Prints what each fault did, and exits with 1 where a promise of docs/redis.md was broken.

    tests/load/fleet.py --build build            # make fleet-test, two minutes; --only "slots move" for one fault

What must hold in every fault:
  - no client gets a 5xx, a broken or a mixed body, or one of another key;
  - a purge holds: on the instance that took it when it has answered, on those that it names as confirmed too, and where it was answered
    with 200 or 202 on every strict instance once the lease is over. After 503 it is sent again under its id, as the page says;
  - what Redis adds to a request stays within its budgets: the slowest is compared with that of an instance without Redis under the same load
    at the same time, since that is what this machine itself does to a request;
  - a purge is answered in time, whatever is known of it by then;
  - the fault was really met (a counter says so), and after it every instance finds answers in Redis again by itself.
Instances a and b are strict, c is available (it serves what is fresh while cut off, and so promises less), alone has no Redis.
The clients are load_clients.cc, which checks each answer; the origin is load.py's.
"""
import argparse
import collections
import heapq
import itertools
import mmap
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

import load
from fleet_faults import FAULTS, FAULTS_WITH_KEY, HANGING, HANGS
from fleet_parts import Cluster, Instance, RedisError, await_condition, free_port

KEYS, GROUPS = 1_200, 60                       # purged by tag: a group of 20 keys
RATE, CONNECTIONS = 2_000, 240
BUDGET, FETCH_WAIT, LEASE, PURGE_TIMEOUT = 0.020, 0.200, 1.0, 1.0
SLACK = 0.100                                  # of the slowest request, over the budgets and what the machine does
LEASE_SLACK, PURGE_SLACK = 0.300, 0.500
REFUSED = 'redis_errors_total{error="refused"}'
RECOVERY = 20                                  # seconds after a fault until all must be as before
SETTINGS = f'lease = "{LEASE * 1000:.0f}ms"\npurge_timeout = "{PURGE_TIMEOUT * 1000:.0f}ms"\nfetch_wait = "{FETCH_WAIT * 1000:.0f}ms"\n'


class Origin(load.Origin):
    """Bodies of a key and its version, with a validator, a tag for each group, short lifetimes, and a Vary for some."""

    def answer(self, head):
        key = int(head.split(b" ", 2)[1].rsplit(b"/", 1)[1])
        version = self.versions[key]
        fields = b'Cache-Control: max-age=%d\r\nETag: "%d"\r\nSurrogate-Key: g%d\r\n' % (3 if key < 64 else 20, version, key % GROUPS)
        if key % 10 == 2:
            fields += b"Vary: X-Color\r\n"
        if b'"%d"' % version in head:
            return b"HTTP/1.1 304 Not Modified\r\n" + fields + b"\r\n"
        body = load.body_of(key, version)
        return b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Purges:
    """One thread an instance; each has keys of its own, so that a version has one writer. `least` is told when an old version may no
    longer come: there and then, or when the lease is over."""

    def __init__(self, fleet):
        self.fleet, self.over = fleet, threading.Event()
        self.answers = []                                  # (when, status, seconds, who was asked)
        self.later, self.open, self.lock = [], [], threading.Lock()
        self.name, self.numbers = time.time_ns(), itertools.count()
        self.threads = [threading.Thread(target=self.purge, args=(number,)) for number in range(3)] + [threading.Thread(target=self.keep_leases)]
        for one in self.threads:
            one.start()

    def purge(self, number):
        chance = random.Random(number)
        while not self.over.wait(0.1):
            if chance.random() < 0.5:
                keys = [chance.randrange(64 if chance.random() < 0.7 else KEYS) // 3 * 3 + number]
                body = {"url": "http://load.test/k/%d" % keys[0]}
            else:
                group = chance.randrange(GROUPS) // 3 * 3 + number
                keys, body = list(range(group, KEYS, GROUPS)), {"tag": "g%d" % group}
            keys = [key for key in keys if key < KEYS]
            for key in keys:
                self.fleet.versions[key] += 1
            body |= {"count": False, "id": "%s-%d" % (self.name, next(self.numbers))} | ({"wait": "all"} if chance.random() < 0.5 else {})
            self.send(number, body, [(key, self.fleet.versions[key]) for key in keys])

    def send(self, number, body, least):
        """Again under its id until the fleet has it."""
        while not self.over.is_set():
            begun = time.time()
            try:
                status, said = self.fleet.instances[number].purge(body)
            except OSError as error:
                self.fleet.problems.append("a purge was not answered: %r" % error)
                return
            ended = time.time()
            self.answers.append((begun, status, ended - begun, number))
            if said.get("applied_here"):
                self.fleet.raise_least(number, least)
            if status in (200, 202):
                return self.has_gone_out(number, said.get("confirmed", []), least, begun, ended)
            if status != 503:
                self.fleet.problems.append("a purge was answered with %d: %s" % (status, said))
            self.over.wait(0.1)

    def has_gone_out(self, number, confirmed, least, begun, ended):
        with self.lock:
            for other, instance in enumerate(self.fleet.instances[:3]):
                if instance.name in confirmed or other == number:
                    self.fleet.raise_least(other, least)
                elif instance.strict:
                    heapq.heappush(self.later, (ended + LEASE + LEASE_SLACK, other, least))
                else:
                    self.open.append((ended, other, least))
            # The log has an order: who confirms a purge has applied all that were answered before that one was sent.
            done = [each for each in self.open if each[0] < begun and self.fleet.instances[each[1]].name in confirmed]
            for each in done:
                self.open.remove(each)
                self.fleet.raise_least(each[1], each[2])

    def keep_leases(self):
        while not self.over.wait(0.02):
            with self.lock:
                while self.later and self.later[0][0] < time.time():
                    _, number, least = heapq.heappop(self.later)
                    self.fleet.raise_least(number, least)

    def close(self):
        self.over.set()
        for one in self.threads:
            one.join()


class Fleet:
    def __init__(self, options, folder, cluster, settings=""):
        self.options, self.folder, self.cluster = options, folder, cluster
        self.problems, self.rows = [], []
        self.versions = multiprocessing.Array("q", [1] * KEYS, lock=False)
        with open(folder + "/least", "w+b") as file:
            file.truncate(8 * (4 * KEYS + 1))
            self.shared = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.origin_port = free_port()
        self.origin = Origin(self.origin_port, self.versions)
        self.origin.start()
        self.instances = []
        self.purges = self.clients = None
        try:
            self.begin(settings)
        except BaseException:
            self.close()
            raise

    def begin(self, settings):
        for name in ("a", "b", "c", "alone"):
            strict = name in ("a", "b")
            more = SETTINGS + settings + f"strict = {str(strict).lower()}\n"
            one = Instance(self.options.build, self.folder, name, self.origin_port, None if name == "alone" else self.cluster, more)
            one.strict = strict
            self.instances.append(one)
        for each in self.instances:
            each.await_followed()
        self.told = open(self.folder + "/answers", "w+", encoding="ascii")
        ports = ",".join(str(each.port) for each in self.instances)
        self.clients = subprocess.Popen([self.options.clients, ports, str(CONNECTIONS), str(10**9), str(KEYS), self.folder + "/least", str(RATE)], stdout=self.told)
        self.purges = Purges(self)

    def raise_least(self, number, least):
        for key, version in least:
            at = number * KEYS + key
            self.shared[at] = max(self.shared[at], version)

    def counters(self):
        """Of the three together; found and followed: of each."""
        total = collections.Counter()
        for each in self.instances[:3]:
            values = each.metrics()
            total.update({name.removeprefix("davenport_"): value for name, value in values.items() if "redis" in name or "purge_log" in name})
            total["found by " + each.name] = values['davenport_redis_reads_total{result="found"}']
        return total

    def recovered(self, before):
        now = self.counters()
        return now["purge_log_reachable"] == 3 and all(now["found by " + each] >= before["found by " + each] + 5 for each in "abc")

    def go_through(self, name, fault, must_count):
        """One fault, and what it must have counted."""
        print("%-32s" % name, end="", flush=True)
        before, begun = self.counters(), time.time()
        try:
            fault(self)
        except (OSError, RedisError, RuntimeError, TimeoutError) as error:
            self.problems.append("%s: it could not be made: %r" % (name, error))
        ended, at_end = time.time(), self.counters()
        try:
            recovery = await_condition("recovery", lambda: self.recovered(at_end), RECOVERY)
            self.cluster.await_healthy()
        except TimeoutError:
            recovery = float("nan")
            self.problems.append("%s: no recovery within %d s: %s" % (name, RECOVERY, dict(self.counters() - at_end)))
        time.sleep(1)                                    # what was under way is answered
        met = self.counters() - before
        met["purges answered with 202"] = sum(at >= begun and status == 202 for at, status, _, _ in self.purges.answers)
        for counter in must_count:
            if met[counter] == 0:
                self.problems.append("%s: it was not met: %s is 0" % (name, counter))
        if met[REFUSED] > 0 and REFUSED not in must_count:
            self.problems.append("%s: docs/redis.md does not name all commands that are needed: %d were refused" % (name, met[REFUSED]))
        self.rows.append((name, begun, time.time(), ended - begun, recovery, met))
        for each in self.instances:
            if not each.alive():
                self.problems.append("%s: instance %s has ended" % (name, each.name))
        print("%4.1f s, recovered after %4.1f s" % (ended - begun, recovery), flush=True)

    def end(self):
        """Judges all that was answered."""
        self.purges.close()
        self.clients.terminate()
        self.clients.wait(30)
        self.told.seek(0)
        events = [line.split() for line in self.told]
        answers = [(float(sent), int(port), float(took), way) for kind, port, sent, took, way in (event for event in events if event[0] == "answer")]
        if not any(event[0] == "done" for event in events):
            self.problems.append("the clients did not come to their end")
        for kind in ("error", "cut", "wrong"):
            some = [" ".join(event) for event in events if event[0] == kind]
            if some:
                self.problems.append("%d times '%s', the first: %s" % (len(some), kind, some[0]))
        self.report(answers)
        return self.problems

    def report(self, answers):
        print("\n%-32s %8s | %-15s | %-15s | %-19s | %-21s | %s" % ("", "answers", "p99 ms (alone)", "max ms (alone)", "memory redis origin", "200/202/503 (at most)", "met"))
        for name, begun, ended, _, _, met in self.rows:
            within = [each for each in answers if begun <= each[0] < ended]
            aside = HANGS if name == HANGING else None           # hangs itself
            fleet = sorted(each[2] for each in within if each[1] < 3 and each[1] != aside)
            alone = sorted(each[2] for each in within if each[1] == 3)
            if not fleet or not alone:
                self.problems.append("%s: nothing was answered" % name)
                continue
            ways = collections.Counter(each[3] for each in within if each[1] < 3)
            statuses = collections.Counter(status for at, status, _, _ in self.purges.answers if begun <= at < ended)
            longest = max((took for at, _, took, number in self.purges.answers if begun <= at < ended and number != aside), default=0)
            if longest > PURGE_TIMEOUT + PURGE_SLACK:
                self.problems.append("%s: a purge was answered after %.1f s" % (name, longest))
            bound = alone[-1] + (BUDGET * 2 + FETCH_WAIT + SLACK) * 1e3
            if fleet[-1] > bound:
                slow = sum(took > bound for took in fleet)
                self.problems.append("%s: %d requests took more than %.0f ms, the slowest %.0f ms" % (name, slow, bound, fleet[-1]))
            print("%-32s %8d | %6.1f (%6.1f) | %6.1f (%6.1f) | %6d %5d %6d | %4d/%3d/%3d (%4.2f s) | %s" % (
                name, len(within), quantile(fleet, 0.99), quantile(alone, 0.99), fleet[-1], alone[-1], ways["memory"], ways["redis"], ways["origin"],
                statuses[200], statuses[202], statuses[503], longest, told(met)))

    def close(self):
        if self.purges is not None:
            self.purges.close()
        if self.clients is not None and self.clients.poll() is None:
            self.clients.kill()
            self.clients.wait()
        for each in self.instances:
            status = each.close()
            if status != 0 or any(sign in each.said() for sign in load.SIGNS):
                self.problems.append("instance %s ended with %d: %s" % (each.name, status, each.said()[-4000:]))
        self.origin.kill()
        self.origin.join()


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def told(met):
    """What of the counters says how a fault was met."""
    names = {"redis_errors_total": "error", "redis_reads_total": "result", "redis_writes_total": "result", "purge_log_events_total": "event"}
    out = []
    for name, label in names.items():
        for value in ("moved", "ask", "try_again", "cluster_down", "read_only", "loading", "out_of_memory", "refused", "other", "damaged", "unusable",
                      "failed", "late", "skipped", "fork", "gap", "repaired"):
            count = met['%s{%s="%s"}' % (name, label, value)]
            if count:
                out.append("%s %d" % (value if "reads" not in name else "read " + value if "writes" not in name else "write " + value, count))
    return ", ".join(out)


def run(options):
    problems = []
    with tempfile.TemporaryDirectory(prefix="davenport-fleet-") as folder:
        key = folder + "/hmac"
        with open(key, "w", encoding="ascii") as file:
            file.write("a-key-that-only-the-fleet-knows\n")
        cluster = Cluster(folder)
        try:
            for faults, settings in ((FAULTS, ""), (FAULTS_WITH_KEY, f'hmac_key_file = "{key}"\n')):
                faults = [fault for fault in faults if options.only in fault[0]]
                if not faults:
                    continue
                fleet = Fleet(options, folder, cluster, settings)
                try:
                    time.sleep(3)
                    for fault in faults:
                        fleet.go_through(*fault)
                    fleet.end()
                finally:
                    fleet.close()
                    problems += fleet.problems
                print(flush=True)
        finally:
            cluster.close()
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build", help="where davenport is")
    parser.add_argument("--clients", default="build/tests/load_clients")
    parser.add_argument("--only", default="", help="faults whose name has this")
    problems = run(parser.parse_args())
    for problem in problems:
        print("PROBLEM: " + problem)
    print("failed" if problems else "all held")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
