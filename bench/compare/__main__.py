"""Davenport beside its peers and beside a floor that no server can go under, in one interleaved run.

    make bench                                            everything; writes bench/RESULTS.md and docs/bench.svg
    python3 bench/compare --rows hit-1k,pass --servers floor,davenport,haproxy --rounds 9
    python3 bench/compare --quick                         one short round, to see that all works

Rows: hit-1k hit-16k hit-256k pipeline zipf cond css css-br pass miss tls-1k tls-16k h2-1k h2-16k two object idle, and of Davenport alone: syscalls latency replay shop.
One worker is pinned to core 0; wrk, with 64 connections, and the origin to core 1. CPU is that of all threads of the server, from
/proc/PID/task/*/schedstat. Servers take turns within a round, and the median over the rounds is shown.
"""
import argparse
import contextlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import latency   # noqa: E402
import load      # noqa: E402
import peers     # noqa: E402
import pattern   # noqa: E402
import replay    # noqa: E402
import report    # noqa: E402
import rows      # noqa: E402
import shop      # noqa: E402
import stylesheet   # noqa: E402
import syscalls  # noqa: E402

EXTRAS = ("syscalls", "latency", "replay", "shop")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Run:
    """What all measurements of one run share: the folder (in memory), the origin, the paths that were asked for."""

    def __init__(self, build):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="davenport-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        os.chmod(self.folder, 0o755)
        self.certificate = os.path.join(self.folder, "bench.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=bench.test",
                        "-keyout", self.certificate, "-out", self.certificate + ".crt"], check=True, capture_output=True)
        with open(self.certificate, "a") as file, open(self.certificate + ".crt") as certificate:
            file.write(certificate.read())
        os.chmod(self.certificate, 0o644)
        self.headers, self.next_unique, self.files = {}, 0, None
        requests = load.zipf_requests()
        self.zipf = sorted(set(requests))
        self.zipf_file = os.path.join(self.folder, "zipf.txt")
        with open(self.zipf_file, "w") as file:
            file.write("".join(path + "\n" for path in requests))
        self.zipf_keys = os.path.join(self.folder, "zipf-keys.txt")
        with open(self.zipf_keys, "w") as file:
            file.write("".join(path + "\n" for path in self.zipf))
        stylesheet.write(self.folder)
        self.origin_port = peers.free_port()
        self.origin = subprocess.Popen(["taskset", "-c", "1", self.program("bench/bench_origin"), str(self.origin_port), self.folder])
        for _ in range(100):
            with contextlib.suppress(OSError):
                peers.fetch(self.origin_port, "/count")
                break
            time.sleep(0.05)

    def program(self, name):
        return os.path.join(self.build, name)

    def write_files(self, folder):
        """The objects as files, for a server that has no cache."""
        paths = {"/hit/1k/start", load.zipf_path(17), *self.zipf}
        paths |= {row.path for row in rows.ROWS if row.path.startswith(("/hit/", "/cond/")) and row.path[-1] != "/"}
        for path in paths:
            name = folder + path
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "wb") as file:
                file.write(pattern.body_of(path))
        for row in rows.ROWS:
            if row.accept:
                os.makedirs(os.path.dirname(folder + row.path), exist_ok=True)
                for coding, ending in stylesheet.CODINGS.items():
                    with open(folder + row.path + ending, "wb") as file:
                        file.write(stylesheet.coded(coding))

    def close(self):
        self.origin.kill()
        self.origin.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def median_cell(cells):
    good = [cell for cell in cells if not cell.problem]
    if not good:
        return cells[-1]
    pick = lambda name: statistics.median(getattr(cell, name) for cell in good)      # noqa: E731
    kinds = [cell.bottleneck for cell in good]
    cell = rows.Cell(pick("us"), pick("rps"), pick("p50"), pick("p99"), max(set(kinds), key=kinds.count))
    cell.body_bytes = pick("body_bytes")
    cell.spread = (min(c.us for c in good), max(c.us for c in good))
    return cell


def tell(row, server, cell):
    if cell.problem:
        figure = cell.problem
    elif cell.rps:
        figure = f"{cell.us:8.2f} µs  {cell.rps:9.0f} /s  p99 {cell.p99 / 1000:7.2f} ms  {cell.bottleneck}"
    else:
        figure = f"{cell.us:8.0f} bytes"
    print(f"  {row.key:10} {server:17} {figure}", flush=True)


def attempt(work):
    """The cell, or one that says what went wrong: never a made-up figure."""
    try:
        return work()
    except (rows.Check, RuntimeError, OSError, KeyError, subprocess.CalledProcessError) as error:
        return rows.Cell(problem=str(error).replace("\n", " ")[:200] or type(error).__name__)


def start_all(run, types, started, failed, **options):
    for server_type in types:
        server = started[server_type.name] = server_type(run, **options)
        try:
            server.start()
        except (RuntimeError, OSError) as error:
            print(error)
            failed[server_type.name] = f"{server_type.name} did not start"


def run_rows(run, chosen, types, options):
    """{row key: {server name: [cells]}}; for `two` also {(key, 1): …} with one worker."""
    cells = {}
    started, failed, shared = {}, {}, {}
    try:
        if any(row.kind == "wrk" for row in chosen):
            start_all(run, types, started, failed)
        for row in chosen:
            print(f"{row.title}", flush=True)
            if row.store_mib:
                own = {}
                start_all(run, [each for each in types if row.key not in each.cannot], own, failed, store_mib=row.store_mib)
                shared, started = started, own
            for server_type in types:
                reason = server_type.cannot.get(row.key) or (failed.get(server_type.name) if row.kind == "wrk" else None)
                cells.setdefault(row.key, {})[server_type.name] = [rows.Cell(problem=reason)] if reason else []
            for turn in range(1 if row.kind in ("object", "idle") else options.rounds):
                for server_type in types:
                    into = cells[row.key][server_type.name]
                    if into and into[0].problem:
                        continue
                    name = server_type.name
                    if row.kind == "wrk":
                        server = started[name]

                        def once():
                            if turn == 0:
                                run.headers[(name, row.key)] = rows.prepare(run, server, row)
                            cell = rows.measure_wrk(run, server, row, options.seconds)
                            rows.check_answer(server, rows.sample_path(server, row), rows.own_headers(row), want_hit=row.expect == "hit")
                            return cell
                        into.append(attempt(once))
                    elif row.kind == "two":
                        pair = attempt(lambda: rows.measure_two(run, server_type, options.seconds))
                        if isinstance(pair, rows.Cell):
                            into.append(pair)
                        else:
                            cells.setdefault(row.key + "-one", {}).setdefault(name, []).append(pair[0])
                            into.append(pair[1])
                    elif row.kind == "object":
                        into.append(attempt(lambda: rows.measure_object(run, server_type)))
                    else:
                        into.append(attempt(lambda: rows.measure_idle(run, server_type)))
                    tell(row, name, into[-1])
            if row.store_mib:
                for server in started.values():
                    server.stop()
                started = shared
    finally:
        for server in [*started.values(), *shared.values()]:
            server.stop()
    return {key: {name: median_cell(list_) for name, list_ in by.items() if list_} for key, by in cells.items()}


def raise_descriptors():
    """As many as this user may have: 5,000 idle connections need 10,000, and some servers twice that."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for most in (100_000, hard):
        with contextlib.suppress(ValueError, OSError):
            return resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, hard)))


def run_extras(run, wanted, options):
    """{key: what the module of that name found}, or the text of what went wrong."""
    found = {}
    for key in EXTRAS:
        if key not in wanted:
            continue
        print(f"{key} …", flush=True)
        try:
            if key == "replay":
                found[key] = replay.measure(run, options.traces) if options.traces else []
            else:
                found[key] = {"syscalls": syscalls, "latency": latency, "shop": shop}[key].measure(run)
        except (RuntimeError, OSError, subprocess.SubprocessError, KeyError, ValueError) as error:
            found[key] = str(error)
    return found


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [server.name for server in peers.ALL]
    all_rows = [row.key for row in rows.ROWS] + list(EXTRAS)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rows", default=",".join(all_rows))
    parser.add_argument("--servers", default=",".join(names), help=", ".join(names))
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (whole ones: wrk counts no others)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of one second each")
    parser.add_argument("--traces", help="a folder with the traces that bench/compare/replay.py names")
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS.md and the charts in docs/ for what was run")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    options.rows = options.rows.split(",")
    if unknown := set(options.rows) - set(all_rows):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}")
    options.complete = set(options.rows) == set(all_rows)
    return options


def main():
    options = parse()
    wanted = [key.lower() for key in options.servers.split(",")]
    chosen = [row for row in rows.ROWS if row.key in options.rows]
    types = []
    for server in peers.ALL:
        if server.name.lower() not in wanted:
            continue
        if reason := server.missing():
            print(f"{server.name} takes no part: {reason}")
            continue
        types.append(server)
    raise_descriptors()
    run = Run(options.build)
    began = time.monotonic()
    try:
        results = run_rows(run, chosen, types, options)
        extras = run_extras(run, options.rows, options)
    finally:
        run.close()
    facts = report.facts(options, types, time.monotonic() - began)
    print(report.terminal(chosen, types, results, extras))
    if options.write:
        report.write(ROOT, facts, options, chosen, types, results, extras)


if __name__ == "__main__":
    main()
