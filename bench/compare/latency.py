"""Latency of hits at half of the rate that saturates one worker, by a client that keeps its rate: alone, and while the server has
other work. Coordinated omission is not possible: a request's time counts from when it fell due."""
import http.client
import json
import os
import subprocess
import time

import load
import peers

SECONDS = 5
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


def measure(run):
    """[(what, requests a second, result of bench_client, what else happened)]"""
    found = []
    server = peers.Davenport(run).start()
    small = None
    try:
        load.client(run, server.port, "/hit/1k/{}", keys=1000, count=1000)
        saturating = load.wrk(run, server.port, "/hit/1k/1", headers=["Host: bench.test"], seconds=3)
        rate = saturating["requests"] / saturating["seconds"] / 2
        found.append(("nothing else", rate, read(hits(run, server, rate)), f"saturated at {2 * rate:,.0f} requests/s"))

        client, bodies = hits(run, server, rate), other(run, server, "/hit/64m/{}", 4, keys=1000, rate=BODIES)
        result, moved = read(client), read(bodies)
        found.append(("64 MiB bodies stream from the origin to four clients", rate, result,
                      f"{moved['bytes'] / moved['seconds'] / (1 << 20):,.0f} MiB/s of them, {moved['wrong']} wrong"))

        load.client(run, server.port, "/tag/1k/{}", keys=100_000, count=100_000)
        load.client(run, server.port, "/hit/1k/{}", keys=1000, count=1000)
        client = hits(run, server, rate)
        time.sleep(1)
        status, seconds, body = purge(server, "bulk")
        result = read(client)
        found.append(("100,000 objects are purged by their tag", rate, result, f"the purge: {status} after {seconds * 1000:.0f} ms, "
                      f"{json.loads(body).get('matched_here', '?')} objects"))
    finally:
        server.stop()
    small = peers.Davenport(run, store_mib=64)
    try:
        small.start()
        load.client(run, small.port, "/hit/16k/before-{}", keys=6000, count=6000)     # full, and its memory touched
        load.client(run, small.port, "/hit/1k/{}", keys=1000, count=5000)
        client, misses = hits(run, small, rate), other(run, small, "/hit/16k/evict-{}", 16, keys=10_000_000)
        result, moved = read(client), read(misses)
        found.append(("the store (64 MiB) evicts: unique misses of 16 KiB at full speed", rate, result,
                      f"{moved['requests'] / moved['seconds']:,.0f} misses/s, {moved['wrong']} wrong"))
    finally:
        small.stop()
    return found


def lines(found):
    out = [["while …", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "errors", "and"]]
    for what, rate, result, said in found:
        out.append([what, f"{rate:,.0f}", *(f"{result[key] / 1000:.2f}" for key in ("p50", "p99", "p999", "max")),
                    str(result["errors"] + result["wrong"]), said])
    return out
