"""The system calls of hits, by `strace -c`: one read and one write a request, and its share of an epoll_wait."""
import os
import signal
import subprocess
import time

import load
import peers

REQUESTS = 20_000
USED = {"read": ("recvfrom",), "write": ("sendto", "sendmsg"), "wait": ("epoll_wait",)}      # sendto where all is one piece


def count(run, server, requests, pipeline=0):
    """{read, write, wait, rest: how often} while `requests` hits are served."""
    report = os.path.join(run.folder, "strace.txt")
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", report, "-p", str(server.process.pid)], stderr=subprocess.PIPE)
    tracer.stderr.readline()             # attached
    time.sleep(0.5)
    if pipeline:
        made = load.wrk(run, server.port, "/hit/1k/hot", load.PIPELINED % pipeline, ["Host: bench.test"], seconds=2)["requests"]
    else:
        made = load.client(run, server.port, "/hit/1k/hot", count=requests)["requests"]
    tracer.send_signal(signal.SIGINT)
    tracer.wait(20)
    calls = {}
    with open(report) as file:
        for line in file:
            parts = line.split()
            if len(parts) >= 5 and parts[3].isdigit() and parts[-1] != "total":
                calls[parts[-1]] = int(parts[3])
    return made, {**{kind: sum(calls.pop(name, 0) for name in names) for kind, names in USED.items()}, "rest": sum(calls.values())}


def measure(run):
    server = peers.Davenport(run).start()
    try:
        peers.fetch(server.port, "/hit/1k/hot")
        return [("one at a time on 64 connections", *count(run, server, REQUESTS)),
                ("pipelined by 16", *count(run, server, REQUESTS, pipeline=16))]
    finally:
        server.stop()


def lines(found):
    out = [["hits", "requests", "reads a request (recvfrom)", "writes a request (sendto, sendmsg)", "epoll_wait a request",
            "all other calls a request"]]
    for what, made, calls in found:
        out.append([what, f"{made:,}", *(f"{calls[kind] / made:.3f}" for kind in (*USED, "rest"))])
    return out


def reached(found):
    """Nothing but these calls, and no more of them than requests; the rest is for accepting 64 connections and ticks."""
    made, calls = found[0][1:]
    return calls["read"] <= 1.02 * made and calls["write"] <= 1.02 * made and calls["rest"] <= 0.05 * made
