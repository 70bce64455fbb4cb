"""Latency of hits at half of the rate that saturates one worker, by a client that keeps its rate: alone, and while the server has
other work. What counts is the server's part: from a request's send() until its answer lies in the client's kernel, and before that for as
long as the server held the connections while the request was due (no coordinated omission: bench/client.cc). Beside it what the client
itself saw, which shares its core with the origin and other clients, and, at the same rate, what the floor does."""
import http.client
import json
import os
import subprocess
import time

import load
import peers

ATTEMPTS, SECONDS = 5, 4
BODIES = 4            # of 64 MiB, a second


def hits(run, server, rate):
    # It shares its core with the origin and with other clients, and must not wait for them: that would be no wait of the server's.
    first = ["nice", "-n", "-5"] if os.geteuid() == 0 else []
    command = load.client_command(run, server.port, "/hit/1k/{}", keys=1000, rate=round(rate), seconds=SECONDS)
    return subprocess.Popen([*first, *command], stdout=subprocess.PIPE)


def other(run, server, path, connections, **options):
    command = load.client_command(run, server.port, path, seconds=SECONDS, connections=connections, **options)
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def read(process):
    return json.loads(process.communicate(timeout=120)[0])


def purge(server, tag):
    """(status, seconds, answer) of a purge over the admin interface."""
    connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=60)
    began = time.monotonic()
    connection.request("POST", "/purge", json.dumps({"tags": [tag]}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, time.monotonic() - began, body


def alone(run, server, rate, _):
    return read(hits(run, server, rate)), ""


def beside_bodies(run, server, rate, _):
    client, bodies = hits(run, server, rate), other(run, server, "/hit/64m/{}", 4, keys=1000, rate=BODIES)
    result, moved = read(client), read(bodies)
    return result, f"{moved['bytes'] / moved['seconds'] / (1 << 20):,.0f} MiB/s of them, {moved['wrong']} wrong"


def beside_purge(run, server, rate, _):
    load.client(run, server.port, "/tag/1k/{}", keys=100_000, count=100_000)
    load.client(run, server.port, "/hit/1k/{}", keys=1000, count=1000)
    client = hits(run, server, rate)
    time.sleep(1)
    status, seconds, body = purge(server, "bulk")
    return read(client), f"the purge: {status} after {seconds * 1000:.0f} ms, {json.loads(body).get('matched_here', '?')} objects"


def beside_evictions(run, server, rate, attempt):
    client, misses = hits(run, server, rate), other(run, server, f"/hit/16k/evict-{attempt}-{{}}", 16, keys=10_000_000)
    result, moved = read(client), read(misses)
    return result, f"{moved['requests'] / moved['seconds']:,.0f} misses/s, {moved['wrong']} wrong"


def middle(run, server, rate, work):
    """Of five attempts the one with the median p99: what the host does to one of them is not the server's."""
    return sorted((work(run, server, rate, attempt) for attempt in range(ATTEMPTS)), key=lambda found: found[0]["server"]["p99"])[ATTEMPTS // 2]


def measure(run):
    """[(what, requests a second, result of bench_client, what else happened)]"""
    found = []
    server = peers.Davenport(run).start()
    try:
        load.client(run, server.port, "/hit/1k/{}", keys=1000, count=1000)
        saturating = load.wrk(run, server.port, "/hit/1k/1", headers=["Host: bench.test"], seconds=3)
        rate = saturating["requests"] / saturating["seconds"] / 2
        found.append(("nothing else", rate, middle(run, server, rate, alone)[0], f"saturated at {2 * rate:,.0f} requests/s"))
        for what, work in (("64 MiB bodies stream from the origin to four clients", beside_bodies),
                           ("100,000 objects are purged by their tag", beside_purge)):
            found.append((what, rate, *middle(run, server, rate, work)))
    finally:
        server.stop()
    small = peers.Davenport(run, store_mib=64).start()
    try:
        load.client(run, small.port, "/hit/16k/before-{}", keys=6000, count=6000)     # full, and its memory touched
        load.client(run, small.port, "/hit/1k/{}", keys=1000, count=5000)
        found.append(("the store (64 MiB) evicts: unique misses of 16 KiB at full speed", rate,
                      *middle(run, small, rate, beside_evictions)))
    finally:
        small.stop()
    floor = peers.Floor(run).start()
    try:
        found.append(("nothing else, by the floor", rate, *middle(run, floor, rate, alone)))
    finally:
        floor.stop()
    return found


def targets(found):
    """[(what, reached)] of Davenport."""
    return [(what, result["server"]["p99"] < 1000) for what, _, result, _ in found if not what.endswith("by the floor")]


def lines(found):
    keys = ("p50", "p99", "p999", "max")
    out = [["while …", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "as the client saw it", "errors", "and"]]
    for what, rate, result, said in found:
        seen = " / ".join(f"{result[key] / 1000:.2f}" for key in keys)
        out.append([what, f"{rate:,.0f}", *(f"{result['server'][key] / 1000:.2f}" for key in keys), seen,
                    str(result["errors"] + result["wrong"]), said])
    return out
