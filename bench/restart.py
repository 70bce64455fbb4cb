#!/usr/bin/env python3
"""The share of answers from memory after a restart, with and without warming: one instance, a Redis, an origin of 20 ms, Zipf load.

    bench/restart.py --build build --write       # also writes docs/restart.svg; about two minutes
Everything is started on free ports and ended with the script. The rate is fixed, so that a slow machine changes nothing but its own load.
"""
import argparse
import asyncio
import bisect
import collections
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time

KEYS, EXPONENT, RATE, CLIENTS = 5_000, 1.0, 400, 32
BEFORE, AFTER, ORIGIN_DELAY = 40, 20, 0.020
TREE = pathlib.Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def serve_origin(reader, writer):
    try:
        while (await reader.readuntil(b"\r\n\r\n")):
            await asyncio.sleep(ORIGIN_DELAY)
            writer.write(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass
    writer.close()


async def ask(port, path, connections):
    reader, writer = connections.pop() if connections else await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:"))
    await reader.readexactly(length)
    connections.append((reader, writer))
    return "; hit" in head and "redis_hit" not in head


class Load:
    """Requests of a Zipf law at a fixed rate; from_memory[second] = [hits, all]."""

    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        weights = [1 / (i + 1) ** EXPONENT for i in range(KEYS)]
        self.sums, total = [], 0
        for weight in weights:
            total += weight
            self.sums.append(total)
        self.from_memory = collections.defaultdict(lambda: [0, 0])

    async def run(self, seconds):
        connections, begun, under_way = [], time.monotonic(), set()
        for i in range(int(seconds * RATE)):
            await asyncio.sleep(max(0, begun + i / RATE - time.monotonic()))
            key = bisect.bisect_left(self.sums, self.random.random() * self.sums[-1])
            task = asyncio.create_task(self.one(f"/product/{key}", int(i / RATE), connections))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        for _, writer in connections:
            writer.close()

    async def one(self, path, second, connections):
        hit = await ask(self.port, path, connections)
        self.from_memory[second][0] += hit
        self.from_memory[second][1] += 1

    def ratios(self):
        return [hits / all_ for _, (hits, all_) in sorted(self.from_memory.items())]


class Instance:
    def __init__(self, build, folder, origin, redis, start_bytes):
        self.port, self.admin = free_port(), free_port()
        file = pathlib.Path(folder) / f"{self.port}.toml"
        file.write_text(
            f'listen = ["127.0.0.1:{self.port}"]\nworkers = 1\n[admin]\naddress = "127.0.0.1:{self.admin}"\n'
            f'[origin.app]\nservers = ["127.0.0.1:{origin}"]\n[redis]\nserver = "127.0.0.1:{redis}"\n'
            f'[warm]\nshare_interval = "2s"\npopular = {KEYS}\nstart_bytes = "{start_bytes}"\n')
        self.process = subprocess.Popen([build / "davenport", "run", file], stderr=subprocess.DEVNULL)

    async def ready(self):
        begun = time.monotonic()
        while time.monotonic() - begun < 30:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.admin)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
                if b" 200 " in answer.split(b"\r\n")[0]:
                    return time.monotonic() - begun
            except ConnectionError:
                pass
            await asyncio.sleep(0.02)
        raise SystemExit("the instance does not become ready")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


async def measure(build, folder, warm):
    origin = await asyncio.start_server(serve_origin, "127.0.0.1", 0)
    port, redis_port = origin.sockets[0].getsockname()[1], free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(redis_port), "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
    try:
        first = Instance(build, folder, port, redis_port, "0")
        await first.ready()
        before = Load(first.port, 1)
        await before.run(BEFORE)
        first.end()
        second = Instance(build, folder, port, redis_port, "256MiB" if warm else "0")
        took = await second.ready()
        after = Load(second.port, 2)
        await after.run(AFTER)
        second.end()
        former = before.ratios()[-10:]
        return sum(former) / len(former), took, after.ratios()
    finally:
        redis.terminate()
        redis.wait()
        origin.close()


def svg(former, curves):
    width, height, left, top = 640, 300, 50, 40
    x = lambda second: left + (second + 0.5) * (width - left - 120) / AFTER
    y = lambda ratio: top + (1 - ratio) * (height - top - 50)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="20" font-size="14">Share of answers from memory after a restart ({KEYS} keys, Zipf, {RATE} requests a second)</text>']
    for percent in range(0, 101, 25):
        out.append(f'<line x1="{left}" x2="{width - 120}" y1="{y(percent / 100):.1f}" y2="{y(percent / 100):.1f}" stroke="#ddd"/>'
                   f'<text x="{left - 8}" y="{y(percent / 100) + 4:.1f}" text-anchor="end">{percent} %</text>')
    for second in range(0, AFTER + 1, 5):
        out.append(f'<text x="{x(second - 0.5):.1f}" y="{height - 30}" text-anchor="middle">{second} s</text>')
    out.append(f'<line x1="{left}" x2="{width - 120}" y1="{y(former):.1f}" y2="{y(former):.1f}" stroke="#888" stroke-dasharray="4 4"/>'
               f'<text x="{width - 114}" y="{y(former) - 6:.1f}" fill="#666">before</text>')
    for (name, ratios), colour, lift in zip(curves.items(), ("#c33", "#27a"), (14, 4)):
        points = " ".join(f"{x(second):.1f},{y(ratio):.1f}" for second, ratio in enumerate(ratios))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                   f'<text x="{width - 114}" y="{y(ratios[-1]) + lift:.1f}" fill="{colour}">{name}</text>')
    return "\n".join(out + ["</svg>\n"])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", type=pathlib.Path, default=TREE / "build")
    arguments.add_argument("--write", action="store_true", help="docs/restart.svg")
    chosen = arguments.parse_args()
    curves = {}
    for name, warm in (("not warmed", False), ("warmed", True)):
        with tempfile.TemporaryDirectory() as folder:
            former, took, ratios = asyncio.run(measure(chosen.build.resolve(), folder, warm))
        reached = next((second for second, ratio in enumerate(ratios) if ratio >= 0.95 * former), None)
        print(f"{name}: before {former:.1%}, ready after {took:.2f} s, first second {ratios[0]:.1%}, last {ratios[-1]:.1%}; "
              f"95 % of before in second {'-' if reached is None else reached + 1}")
        curves[name] = ratios
    if chosen.write:
        (TREE / "docs" / "restart.svg").write_text(svg(former, curves))


if __name__ == "__main__":
    main()
