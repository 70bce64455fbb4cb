#!/usr/bin/env python3
"""What an answer from the tier in Redis costs, beside a bare loop of GETs of the same records, and what a hit in memory costs with the
tier on and off. A real cluster of three masters; everything is started on free ports and ended with the script.

    make bench-redis                                        writes its section of bench/RESULTS.md; about a minute
    python3 bench/redis.py --build build --rounds 9
    python3 bench/redis.py --build build --only 1k --profile  # callgrind: instructions by function, beside the measured ones

One instance fetches the objects from an origin and writes them to Redis. Another one, with one worker and a memory that holds half of a
round's, is asked for each of them once, by 64 connections; its metrics must say that each was found in Redis. The bare loop (redis_floor.cc:
hiredis' blocking API) GETs the same records of the same nodes, one after the other; and once more 64 at a time (its asynchronous API on
libevent), which share reads and writes as no 64 clients do. Neither has a client. "Less a hit in memory" is
what the tier itself adds: without what the same instance takes for one hot object of that size. All take turns; proxy and loop run on
core 0, Redis and the client on core 1. CPU is that of all threads, user and kernel; a ratio is the median of the rounds' own.
"""
import argparse
import contextlib
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench", "compare"))
sys.dont_write_bytecode = True

import load      # noqa: E402
import measure   # noqa: E402
import peers     # noqa: E402
import report    # noqa: E402

MASTERS, NODE_TIMEOUT, AT_A_TIME = 3, 3_000, 64
SIZES = {"1k": 20_000, "16k": 5_000}       # objects of a round
MEMORY_KEYS, MEMORY_REQUESTS = 1_000, 100_000


class Cluster:
    """Three masters that keep nothing on disk."""

    def __init__(self, folder):
        self.ports, self.processes = [peers.free_port() for _ in range(MASTERS)], []
        for port in self.ports:
            own = os.path.join(folder, f"redis-{port}")
            os.makedirs(own)
            self.processes.append(subprocess.Popen(
                ["taskset", "-c", "1", "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", own,
                 "--cluster-enabled", "yes", "--cluster-port", str(peers.free_port()),
                 "--cluster-node-timeout", str(NODE_TIMEOUT)], stdout=subprocess.DEVNULL))
        self.await_("every node", lambda: all(self.cli(port, "PING") == "PONG" for port in self.ports))
        subprocess.run(["redis-cli", "--cluster", "create", *(f"127.0.0.1:{port}" for port in self.ports), "--cluster-yes"],
                       stdout=subprocess.DEVNULL, check=True)
        self.await_("a healthy cluster", lambda: all("cluster_state:ok" in self.cli(port, "CLUSTER", "INFO") for port in self.ports))

    @staticmethod
    def await_(what, condition):
        until = time.monotonic() + 30
        while not condition():
            if time.monotonic() > until:
                raise SystemExit(f"waited in vain for {what}")
            time.sleep(0.05)

    @staticmethod
    def cli(port, *words):
        return subprocess.run(["redis-cli", "-p", str(port), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()

    def records(self, prefix):
        """(port, key) of every record, in an order that goes from node to node at random."""
        found = []
        for port in self.ports:
            keys = self.cli(port, "--scan", "--pattern", f"{prefix}{{*}}").split()
            found += [(port, key) for key in keys if re.fullmatch(re.escape(prefix) + r"\{[0-9a-f]{32}\}", key)]
        random.Random(1).shuffle(found)
        return found

    def toml(self):
        return "[redis]\ncluster = [" + ", ".join(f'"127.0.0.1:{port}"' for port in self.ports) + f"]\nnode_timeout = \"{NODE_TIMEOUT}ms\"\nreplicas = 0\n"

    def close(self):
        for process in self.processes:
            process.terminate()
            process.wait()


class Instance(peers.Server):
    """One Davenport with one worker; `redis`: its [redis] section, "" for none."""
    name = "Davenport"
    ready = "/hit/1k/start"

    def __init__(self, run, memory_mib, redis="", before=()):
        super().__init__(run)
        self.memory_mib, self.redis, self.before, self.admin_port = memory_mib, redis, before, peers.free_port()

    def command(self):
        return [*self.before, self.run.program("davenport"), "run", self.write("davenport.toml", f"""workers = 1
listen = ["127.0.0.1:{self.port}"]
[cache]
memory = "{self.memory_mib}MiB"
[admin]
address = "127.0.0.1:{self.admin_port}"
[limits]
idle_timeout = "10m"
[warm]
popular = 0
[origin.bench]
servers = ["127.0.0.1:{self.run.origin_port}"]
max_idle = 256
{self.redis}""")]

    def start(self):
        super().start()
        if self.redis:
            Cluster.await_("the purge log", lambda: self.metric("davenport_purge_log_reachable") == 1)
        return self

    def metric(self, name, label=""):
        """The sum of all of that name, or of those that have the label."""
        text = peers.fetch(self.admin_port, "/metrics", {"Host": "localhost"})[2].decode()
        return sum(float(line.split()[-1]) for line in text.split("\n") if line.startswith((name + " ", name + "{")) and label in line)

    def ask(self, path, count, keys, first=0):
        done = load.client(self.run, self.port, path, count=count, keys=keys, first=first, connections=AT_A_TIME)
        if done["wrong"] or done["errors"] or done["statuses"] != {"200": count}:
            raise SystemExit(f"wrong answers: {done}")
        return done

    def cpu_us(self, work, count):
        before = measure.cpu_ns(self.pids())
        work()
        return (measure.cpu_ns(self.pids()) - before) / 1000 / count


class Run:
    def __init__(self, build):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="davenport-redis-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.origin_port = peers.free_port()
        self.origin = subprocess.Popen(["taskset", "-c", "1", self.program("bench/bench_origin"), str(self.origin_port)])
        self.cluster = Cluster(self.folder)

    def program(self, name):
        return os.path.join(self.build, name)

    def bare_us(self, records, at_a_time):
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".txt") as file:
            file.write("".join(f"{port} {key}\n" for port, key in records))
            file.flush()
            done = json.loads(subprocess.run(["taskset", "-c", "0", self.program("bench/bench_redis_floor"), file.name, str(at_a_time)],
                                             stdout=subprocess.PIPE, check=True).stdout)
        if done["errors"]:
            raise SystemExit(f"the bare loop: {done}")
        return done["cpu_s"] * 1e6 / done["gets"]

    def close(self):
        self.cluster.close()
        self.origin.kill()
        self.origin.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def from_redis(run, size, rounds, profile):
    """[(µs of a hit from Redis, µs of a bare GET, µs of a hit in memory, µs of a bare GET with no other beside it)] of each round."""
    count = SIZES[size] // (10 if profile else 1)
    # Patient, so that a busy machine costs no answer.
    redis = run.cluster.toml() + f'prefix = "{size}:"\ncommand_timeout = "30s"\nbudget = "10s"\n'
    memory_mib = max(8, count * (int(size[:-1]) + 1) // 2048)
    path, found = f"/hit/{size}/{{}}", []
    with contextlib.ExitStack() as stack:
        filler = Instance(run, 1024, redis + 'pending_writes = "256MiB"\n')
        stack.callback(filler.stop)
        filler.start()
        written = filler.metric("davenport_redis_writes_total", 'result="written"')
        for first in range(0, count * (rounds + 1), 500):
            filler.ask(path, 500, 500, first)
            Cluster.await_("writes", lambda: filler.metric("davenport_redis_writes_total", 'result="written"') - written >= first + 500)     # noqa: B023
        records = run.cluster.records(f"{size}:")
        if len(records) < count * (rounds + 1):
            raise SystemExit(f"{len(records)} records in Redis where {count * (rounds + 1)} were written")
        before = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file=/tmp/callgrind.{size}"] if profile else []
        proxy = Instance(run, memory_mib, redis, before)
        stack.callback(proxy.stop)
        proxy.start()
        proxy.ask(path, count, count, 0)             # memory is full from here on, connections are made
        proxy.ask(f"/hit/{size}/hot", 1, 1)
        asked = int(peers.fetch(run.origin_port, "/count")[2])
        for number in range(1, rounds + 1):
            hits = reason(proxy)
            instrument(proxy, profile, "on")
            us = proxy.cpu_us(lambda: proxy.ask(path, count, count, number * count), count)     # noqa: B023
            instrument(proxy, profile, "off")
            if (got := reason(proxy) - hits) != count:
                raise SystemExit(f"{got:.0f} of {count} requests were answered from Redis")
            mine = records[number * count:(number + 1) * count]
            bare, alone = run.bare_us(mine, AT_A_TIME), run.bare_us(mine, 1)
            proxy.ask(f"/hit/{size}/hot", 1, 1)
            found.append((us, bare, proxy.cpu_us(lambda: proxy.ask(f"/hit/{size}/hot", count, 1), count), alone))
            print(f"  {size:4} from Redis {us:6.2f} µs, bare GET {alone:6.2f} µs, of 64 at a time {bare:6.2f} µs, from memory {found[-1][2]:6.2f} µs", flush=True)
        if (more := int(peers.fetch(run.origin_port, "/count")[2]) - asked) > rounds:     # "hot" may have been pushed out
            raise SystemExit(f"{more} requests reached the origin")
    return found


def instrument(proxy, profile, state):
    if profile:
        subprocess.run(["callgrind_control", "-i", state, str(proxy.pids()[-1])], check=True, stdout=subprocess.DEVNULL)


def reason(proxy):
    return proxy.metric("davenport_requests_total", 'reason="redis_hit"')


def in_memory(run, rounds):
    """[(µs with [redis], µs without)] of a hit of 1 KiB in memory."""
    pairs = []
    with contextlib.ExitStack() as stack:
        both = [Instance(run, 256, run.cluster.toml() + 'prefix = "memory:"\n'), Instance(run, 256)]
        for each in both:
            stack.callback(each.stop)
            each.start()
            each.ask("/hit/1k/m{}", 2 * MEMORY_KEYS, MEMORY_KEYS)
        for number in range(rounds):
            turn = both if number % 2 == 0 else both[::-1]
            used = {each: each.cpu_us(lambda: each.ask("/hit/1k/m{}", MEMORY_REQUESTS, MEMORY_KEYS), MEMORY_REQUESTS) for each in turn}     # noqa: B023
            pairs.append(tuple(used[each] for each in both))
            print(f"  memory with [redis] {pairs[-1][0]:6.2f} µs, without {pairs[-1][1]:6.2f} µs", flush=True)
    return pairs


def line(name, other, pairs, target=None):
    ratios = sorted(one / two for one, two in pairs)
    middle = statistics.median(ratios)
    return [name, f"{statistics.median(one for one, _ in pairs):.2f}", other, f"{statistics.median(two for _, two in pairs):.2f}",
            f"{middle:.3f}", f"{ratios[0]:.3f} to {ratios[-1]:.3f}", "" if target is None else f"at most {target:g}: {report.mark(middle <= target)}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="1k,16k,memory")
    parser.add_argument("--profile", action="store_true", help="under callgrind; the figures then say nothing")
    parser.add_argument("--write", action="store_true", help="its section of bench/RESULTS.md")
    options = parser.parse_args()
    wanted, lines = options.only.split(","), [["what", "CPU µs", "beside", "CPU µs", "ratio", "of all rounds", "target"]]
    began, run = time.monotonic(), Run(os.path.abspath(options.build))
    try:
        for size in SIZES:
            if size not in wanted:
                continue
            found = from_redis(run, size, options.rounds, options.profile)
            lines.append(line(f"hit from Redis, {size}", "bare GET", [(us, alone) for us, _, _, alone in found], 2.5))
            lines.append(line(f"hit from Redis, {size}", "of 64 at a time", [(us, bare) for us, bare, _, _ in found], 2.5))
            lines.append(line("… less a hit in memory", "of 64 at a time", [(us - memory, bare) for us, bare, memory, _ in found]))
        if "memory" in wanted:
            lines.append(line("hit in memory, 1k, [redis] on", "off", in_memory(run, options.rounds), 1.02))
    finally:
        run.close()
    print("\n" + "\n".join("  ".join(cell.ljust(18) for cell in each) for each in lines))
    if options.write:
        report.write_section(ROOT, report.REDIS, lines, __doc__.strip().split("\n\n")[2], time.monotonic() - began)


if __name__ == "__main__":
    main()
