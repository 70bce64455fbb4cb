"""Load on a server: wrk for what saturates it, bench_client for a rate, a number of requests, or checked bodies."""
import json
import os
import random
import re
import resource
import socket
import subprocess
import time

import pattern

DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests": %d, "us": %d, "bytes": %d, "errors": %d, "p50": %.1f, "p99": %.1f}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""

PIPELINED = """
init = function(args)
  local one = wrk.format()
  batch = string.rep(one, %d)
end
request = function() return batch end
"""

LISTED = """
init = function(args)
  paths = {}
  for line in io.lines(%r) do paths[#paths + 1] = wrk.format("GET", line) end
  at = 0
end
request = function()
  at = at %% #paths + 1
  return paths[at]
end
"""

COUNTED = """
local at = %d
local before, after
init = function(args)
  local whole = wrk.format("GET", "/hit/4k/{}")
  local from, to = string.find(whole, "{}", 1, true)
  before, after = string.sub(whole, 1, from - 1), string.sub(whole, to + 1)
end
request = function()
  at = at + 1
  return before .. at .. after
end
"""


def zipf_path(key):
    """1 to 64 KiB, evenly over the logarithm, fixed for a key."""
    share = (pattern.hash_of(f"size of {key}") >> 11) / (1 << 53)
    return f"/hit/{int(1024 * 64 ** share)}/z{key}"


def zipf_requests(keys=10_000, exponent=0.9, count=50_000):
    draw = random.Random(20)
    weights = [1 / (rank ** exponent) for rank in range(1, keys + 1)]
    return [zipf_path(key) for key in draw.choices(range(keys), weights, k=count)]


def wrk(run, port, path, script="", headers=(), seconds=2.0, connections=64, cores="1", threads=1, scheme="http"):
    """One run of wrk: its figures, and how busy it was itself."""
    name = os.path.join(run.folder, "wrk.lua")
    with open(name, "w") as file:
        file.write(script + DONE)
    command = ["taskset", "-c", cores, "wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}", "-s", name,
               *(part for header in headers for part in ("-H", header)), f"{scheme}://127.0.0.1:{port}{path}"]
    before = children_cpu()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = [line for line in done.stdout.split("\n") if line.startswith("RESULT ")]
    if not lines:
        raise RuntimeError(f"wrk failed: {done.stdout[-500:]}")
    result = json.loads(lines[0][7:])
    result["seconds"] = result["us"] / 1e6
    result["cpu_s"] = children_cpu() - before
    return result


def h2load(run, port, path, seconds=2.0, once=False, connections=16, streams=32, cores="1"):
    """One run of h2load with HTTP/2 in clear, for a time or a single request; it tells no percentiles."""
    much = ["-n1", "-c1", "-m1"] if once else [f"-D{max(1, round(seconds))}", f"-c{connections}", f"-m{streams}"]
    command = ["taskset", "-c", cores, "h2load", *much, "-t1", "-H", ":authority: bench.test",
               f"http://127.0.0.1:{port}{path}"]
    before = children_cpu()
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    done = re.search(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed", text)
    size, span = re.search(r"\((\d+)\) data", text), re.search(r"finished in ([\d.]+)(us|ms|s)", text)
    if not (done and size and span):
        raise RuntimeError(f"h2load failed: {text[-500:]}")
    return {"requests": int(done[1]), "errors": int(done[2]), "bytes": int(size[1]), "p50": 0.0, "p99": 0.0,
            "seconds": float(span[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[span[2]], "cpu_s": children_cpu() - before}


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def client_command(run, port, path, cores="1", **options):
    command = ["taskset", "-c", cores, run.program("bench/bench_client"), "--port", str(port), "--path", path]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return command


def client(run, port, path, **options):
    before = children_cpu()
    done = subprocess.run(client_command(run, port, path, **options), stdout=subprocess.PIPE, check=True)
    return {**json.loads(done.stdout), "cpu_s": children_cpu() - before}


class Idle:
    """Connections that have had one answer each and stay open."""

    def __init__(self, port, count):
        self.sockets = []
        request = b"GET /hit/1k/start HTTP/1.1\r\nHost: bench.test\r\n\r\n"
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            connection.sendall(request)
            got = b""
            while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + 1024:
                piece = connection.recv(65536)
                if not piece:
                    raise RuntimeError(f"connection {len(self.sockets)} was closed")
                got += piece
            self.sockets.append(connection)
        time.sleep(1)

    def close(self):
        for connection in self.sockets:
            connection.close()
