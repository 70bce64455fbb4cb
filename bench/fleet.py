#!/usr/bin/env python3
"""How long a purge by tag takes until the last instance of a fleet has confirmed it: instances on a Redis Cluster of three masters and three
replicas, 2,000 requests a second over all of them, a tag that 10,000 objects bear. Each purge comes to another instance, with
`"wait": "all"`, a second after the fleet holds all objects again.

    bench/fleet.py --build build --write        # make bench-fleet: a section of bench/RESULTS.md; four minutes
"""
import argparse
import collections
import datetime
import mmap
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "tests" / "load"))
import load  # noqa: E402
from fleet_parts import Cluster, Instance, await_condition, free_port  # noqa: E402

OBJECTS, RATE, CONNECTIONS = 10_000, 2_000, 400
TITLE = "## Purges by tag in a fleet"
TARGET = 100


class Origin(load.Origin):
    def answer(self, head):
        key = int(head.split(b" ", 2)[1].rsplit(b"/", 1)[1])
        body = load.body_of(key, 1)
        return b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nSurrogate-Key: all\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def quantile(numbers, share):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def load_average():
    with open("/proc/loadavg", encoding="ascii") as file:
        return float(file.read().split()[0])


def fill(instances, copies):
    """Each object into the memories of `copies` instances, and with that into Redis; the load brings it to more."""
    share = OBJECTS // len(instances)
    for number, each in enumerate(instances):
        urls = [f"http://load.test/k/{key % OBJECTS}" for key in range(number * share, (number + copies) * share)]
        status, said = each.ask("/warm", {"urls": urls, "rate": 0, "concurrency": 8})
        if status != 202:
            raise RuntimeError(f"POST /warm: {status} {said}")
    await_condition("the objects to be there", lambda: all(each.metrics()["davenport_warm_running"] == 0 for each in instances), 120)


def held(instances):
    return int(sum(each.metrics()["davenport_store_objects"] for each in instances))


def measure(instances, options):
    """(milliseconds, objects in memories) of each purge."""
    out = []
    for number in range(options.purges):
        fill(instances, options.copies)
        time.sleep(1)                                    # what the filling has left to do is done
        objects = held(instances)
        one = instances[number % len(instances)]
        begun = time.perf_counter()
        status, said = one.purge({"tag": "all", "wait": "all", "count": False})
        took = (time.perf_counter() - begun) * 1e3
        if status != 200 or len(said["confirmed"]) != len(instances):
            raise RuntimeError(f"purge {number}: {status} {said}")
        out.append((took, objects))
        print(f"{number + 1:3d}: {took:6.1f} ms, {objects} objects in memories", flush=True)
    return out


def run(options):
    with tempfile.TemporaryDirectory(prefix="davenport-fleet-") as folder:
        cluster = Cluster(folder)
        port, instances, clients = free_port(), [], None
        origin = Origin(port, multiprocessing.Array("q", 1, lock=False))
        origin.start()
        try:
            settings = 'fetch_wait = "100ms"\n'
            for number in range(options.instances):
                instances.append(Instance(options.build, folder, f"edge-{number}", port, cluster, settings))
            for each in instances:
                each.await_followed()
            with open(folder + "/least", "w+b") as file:
                file.truncate(8 * (len(instances) * OBJECTS + 1))
                answers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
            with open(folder + "/answers", "w+", encoding="ascii") as told:
                clients = subprocess.Popen([options.clients, ",".join(str(each.port) for each in instances), str(CONNECTIONS), str(10**9), str(OBJECTS),
                                            folder + "/least", str(RATE)], stdout=told)
                begun, loads = time.time(), [load_average()]
                results = measure(instances, options)
                loads.append(load_average())
                rate = answers[len(instances) * OBJECTS] / (time.time() - begun)
                clients.terminate()
                clients.wait(30)
                told.seek(0)
                kinds = collections.Counter(line.split(" ", 1)[0] for line in told)
            wrong = kinds["wrong"] + kinds["error"] + kinds["cut"]
            return results, rate, wrong, loads
        finally:
            if clients is not None and clients.poll() is None:
                clients.kill()
            for each in instances:
                each.process.terminate()
            for each in instances:
                each.close()
            cluster.close()
            origin.kill()


def section(options, results, rate, wrong, loads):
    took, objects = [each[0] for each in results], [each[1] for each in results]
    version = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TREE, capture_output=True, text=True, check=False).stdout.strip()
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    p99 = quantile(took, 0.99)
    command = " ".join(["bench/fleet.py"] + sys.argv[1:])
    return "\n".join([
        TITLE, "",
        f"`{command}`: {options.instances} instances (processes of one worker) on a Redis Cluster of 3 masters and 3 replicas, {rate:,.0f} requests a "
        f"second over all, a tag of {OBJECTS:,} objects that are all in Redis and on average in {sum(objects) / len(objects) / OBJECTS:.1f} memories. "
        "From the request to the answer that names all instances as confirmed and a replica as having it.", "",
        "| purges | p50 ms | p90 ms | p99 ms | longest ms | wrong or failed answers to clients |", "| - | - | - | - | - | - |",
        f"| {len(took)} | {quantile(took, 0.5):.1f} | {quantile(took, 0.9):.1f} | {p99:.1f} | {max(took):.1f} | {wrong} |", "",
        f"- p99 below {TARGET} ms: {'**reached**' if p99 < TARGET else 'missed'}", "",
        f"{now}, Davenport {version}, {os.cpu_count()} cores for all of it, load average {loads[0]:.1f} before and {loads[1]:.1f} after.", ""])


def write(text):
    path = TREE / "bench" / "RESULTS.md"
    page = path.read_text(encoding="utf-8")
    old = re.search(re.escape(TITLE) + r"\n.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    page = page.rstrip("\n") + "\n\n" + text if old is None else page[:old.start()] + text + ("\n" if page[old.end():] else "") + page[old.end():]
    path.write_text(page, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--clients", default="build/tests/load_clients")
    parser.add_argument("--instances", type=int, default=20)
    parser.add_argument("--purges", type=int, default=50)
    parser.add_argument("--copies", type=int, default=4, help="memories in which each object is at least")
    parser.add_argument("--write", action="store_true", help="into bench/RESULTS.md")
    options = parser.parse_args()
    text = section(options, *run(options))
    print("\n" + text)
    if options.write:
        write(text)


if __name__ == "__main__":
    main()
