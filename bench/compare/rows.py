"""The rows: what is asked, of whom, and what an answer must be."""
import dataclasses
import time

import load
import measure
import pattern
import peers
import stylesheet

TELL = {"X-Tell": "1"}      # nginx says whether it was a hit only when asked, so that saying it costs nothing


@dataclasses.dataclass
class Cell:
    """One measurement of one server. `problem`: why there is no figure."""
    us: float = 0.0
    rps: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    bottleneck: str = ""
    problem: str = ""
    body_bytes: float = 0            # sent, where that depends on the server


@dataclasses.dataclass
class Row:
    key: str
    title: str
    path: str = "/hit/1k/hot"
    expect: str = "hit"              # hit: nothing reaches the origin; forward: every request does
    kind: str = "wrk"                # wrk, two, object, idle
    pipeline: int = 0
    zipf: bool = False
    unique: bool = False
    conditional: bool = False
    store_mib: int = 0               # a server of its own with such a store, filled before it is measured
    protocol: str = "http"           # or tls (HTTP/1.1 over TLS 1.3), h2 (in clear)
    accept: str = ""                 # Accept-Encoding: the answer must be coded, and the stylesheet once it is unpacked
    targets: tuple = ()              # (text, function of {server: value} → bool or None)


def at_most(limit, unit="µs"):
    return (f"at most {limit:g} {unit}", lambda v: v["Davenport"] <= limit)


def of_floor(factor):
    return (f"at most {factor:g} × the floor", lambda v: v["Davenport"] <= factor * v["floor"] if "floor" in v else None)


def below(name):
    return (f"below {name}", lambda v: v["Davenport"] < v[name] if name in v else None)


def not_above(*names):
    def reached(values):
        # A server with two settings counts with the better one.
        limits = [value for name, value in values.items() if name.split("-")[0] in names]
        return values["Davenport"] <= min(limits) if limits else None
    return (f"not above {' and '.join(names)}", reached)


def times_better(factor, *names):
    def reached(values):
        limits = [value for name, value in values.items() if name in names]
        return factor * values["Davenport"] <= min(limits) if limits else None
    return (f"{factor:g} times better than {' and '.join(names)}", reached)


CODED_TARGETS = (not_above("HAProxy"), times_better(1.2, "Varnish", "ATS"))
ROWS = [
    Row("hit-1k", "Hot hit, 1 KiB", "/hit/1k/hot", targets=(of_floor(1.2), below("HAProxy"))),
    Row("hit-16k", "Hot hit, 16 KiB", "/hit/16k/hot", targets=(of_floor(1.25), below("HAProxy"))),
    Row("hit-256k", "Hot hit, 256 KiB", "/hit/256k/hot", targets=(not_above("ATS"),)),
    Row("pipeline", "Hot hit, 1 KiB, pipelined by 16", "/hit/1k/hot", pipeline=16, targets=(at_most(1.2),)),
    Row("zipf", "10,000 keys, Zipf 0.9, 1 to 64 KiB", "/hit/", zipf=True, targets=(below("HAProxy"),)),
    Row("cond", "304 to If-None-Match", "/cond/1k/hot", conditional=True),
    Row("css", "64 KiB of CSS compressed, hot hit as gzip", "/css/64k/hot.css", accept="gzip, deflate", targets=CODED_TARGETS),
    Row("css-br", "64 KiB of CSS compressed, hot hit of a browser", "/css/64k/browser.css", accept="gzip, deflate, br, zstd", targets=CODED_TARGETS),
    Row("pass", "Pass: 1 KiB, no-store", "/pass/1k/hot", expect="forward", targets=(not_above("nginx", "HAProxy"),)),
    Row("miss", "Miss: unique 4 KiB, into a full store of 256 MiB", "/hit/4k/", expect="forward", unique=True, store_mib=256, targets=(not_above("HAProxy"),)),
    Row("tls-1k", "Hot hit over TLS 1.3, 1 KiB", "/hit/1k/hot", protocol="tls", targets=(of_floor(1.2),)),
    Row("tls-16k", "Hot hit over TLS 1.3, 16 KiB", "/hit/16k/hot", protocol="tls", targets=(not_above("h2o"),)),
    Row("h2-1k", "Hot hit over HTTP/2, 1 KiB: 16 connections of 32 streams", "/hit/1k/hot", protocol="h2", targets=(below("HAProxy"),)),
    Row("h2-16k", "Hot hit over HTTP/2, 16 KiB: 16 connections of 32 streams", "/hit/16k/hot", protocol="h2", targets=(below("HAProxy"),)),
    Row("two", "Hot hit, 1 KiB, two workers", "/hit/1k/hot", kind="two"),
    Row("object", "Bytes an object: 100,000 of 1 KiB", kind="object", targets=(at_most(1400, "bytes"),)),
    Row("idle", "Bytes an idle connection: 5,000 of them", kind="idle", targets=(at_most(600, "bytes"),)),
]


class Check(Exception):
    """An answer that was not what it must be: the figure is not shown."""


def origin_count(run):
    return int(peers.fetch(run.origin_port, "/count")[2])


def check_answer(server, path, headers=None, want_hit=True):
    """Asks once by itself and compares with what the origin has."""
    if server.name == "floor" and "/cond/" in path:
        return {}                      # it has 304s alone there
    status, fields, body = peers.fetch(server.port, path, {**TELL, **(headers or {})})
    if headers and "Accept-Encoding" in headers:
        check_coded(server, status, fields, body)
    elif headers:
        if status != 304:
            raise Check(f"status {status} where 304 was due")
    elif status != 200:
        raise Check(f"status {status}")
    elif body != pattern.body_of(path):
        raise Check("another body than the origin's")
    said = server.said_hit(status, fields)
    if want_hit and said is False:
        # Some say nothing in the second in which they stored it: Age is 0 there.
        time.sleep(1.1)
        status, fields, _ = peers.fetch(server.port, path, {**TELL, **(headers or {})})
        said = server.said_hit(status, fields)
    if want_hit and said is False:
        raise Check(f"no hit by its own fields: {fields}")
    return fields


def check_coded(server, status, fields, body):
    """Coded, made as well as it will be, and nothing but the stylesheet."""
    coding = fields.get("content-encoding", "")
    if status != 200:
        raise Check(f"status {status}")
    if server.name == "floor":
        return                         # it sends as many bytes, whatever they are
    if not coding or stylesheet.unpacked(body, coding) != stylesheet.plain():
        raise Check(f"no stylesheet, as \"{coding}\"")
    if not server.coded_well(fields):
        raise Check("not the strongest form")


def sample_path(server, row):
    if row.zipf:
        return load.zipf_path(17)
    if row.accept:
        return server.path_of(row)
    return row.path + "sample" if row.unique else row.path


def own_headers(row):
    return {"Accept-Encoding": row.accept} if row.accept else {}


def await_coded(server, row):
    """Until the form that a popular answer gets in the end is there: in the first seconds there are others."""
    for _ in range(100):
        _, fields, body = peers.fetch(server.port, sample_path(server, row), own_headers(row))
        if server.name == "floor" or ("content-encoding" in fields and server.coded_well(fields)):
            break
        time.sleep(0.1)
    return len(body)


def prepare(run, server, row):
    """Fills what the row hits, and looks at an answer. Returns the request's own fields."""
    if row.store_mib:
        # Half as many objects again as fit: from then on each one that comes in pushes others out, and no memory is new.
        count = row.store_mib * 256 * 3 // 2
        filled = load.client(run, server.port, "/hit/4k/fill-{}", count=count, keys=count, connections=32)
        if filled["wrong"] or filled["statuses"] != {"200": count}:
            raise Check(f"filling went wrong: {filled}")
    if row.zipf and server.name not in ("floor", "h2o"):
        for _ in range(2):      # twice: some store only what they could finish in time
            filled = load.client(run, server.port, "/", list=run.zipf_keys, count=len(run.zipf), connections=32)
            if filled["wrong"] or filled["statuses"] != {"200": len(run.zipf)}:
                raise Check(f"filling went wrong: {filled}")
    path = sample_path(server, row)
    if row.expect == "hit":
        peers.fetch(server.port, path, own_headers(row))
        if row.protocol == "tls":
            peers.fetch(server.tls_port, path, tls=True)
        if row.protocol == "h2":
            load.h2load(run, server.h2_port, path, once=True)
        if row.accept:
            await_coded(server, row)
        time.sleep(0.05)
    fields = check_answer(server, path, own_headers(row), want_hit=row.expect == "hit")
    if not row.conditional:
        return own_headers(row)
    tag = {"If-None-Match": fields.get("etag", pattern.etag_of(row.path))}
    check_answer(server, row.path, tag)
    return tag


def script_of(run, row):
    if row.pipeline:
        return load.PIPELINED % row.pipeline
    if row.zipf:
        return load.LISTED % run.zipf_file
    if row.unique:
        run.next_unique += 10_000_000
        return load.COUNTED % run.next_unique
    return ""


def measure_wrk(run, server, row, seconds, cores="1", threads=1):
    headers = [f"{name}: {value}" for name, value in run.headers.get((server.name, row.key), {}).items()]
    pids, counted = server.pids(), origin_count(run)
    before, origin_before = measure.cpu_ns(pids), measure.cpu_ns([run.origin.pid])
    if row.conditional:
        # Not wrk: it waits for the body that a 304 with a Content-Length seems to announce, and HAProxy sends such.
        result = load.client(run, server.port, row.path, cores=cores, seconds=seconds, header=headers[0] if headers else "X-A: b")
        result["errors"] += result["requests"] - result["statuses"].get("304", 0)
    elif row.protocol == "h2":
        result = load.h2load(run, server.h2_port, row.path, seconds, cores=cores)
    elif row.protocol == "tls":
        result = load.wrk(run, server.tls_port, row.path, "", ["Host: bench.test"], seconds, cores=cores, scheme="https")
    else:
        path = sample_path(server, row) if row.accept else row.path
        result = load.wrk(run, server.port, path, script_of(run, row), ["Host: bench.test", *headers], seconds, cores=cores,
                          threads=threads)
    used, origin_used = measure.cpu_ns(pids) - before, measure.cpu_ns([run.origin.pid]) - origin_before
    asked = origin_count(run) - counted
    if not result["requests"]:
        raise Check("no answer at all")
    if result["errors"]:
        raise Check(f"{result['errors']} answers that are errors")
    if row.expect == "hit" and asked > 0 and server.name != "h2o":
        raise Check(f"{asked} requests reached the origin")
    if row.expect == "forward" and asked < result["requests"]:
        raise Check(f"only {asked} of {result['requests']} requests reached the origin")
    body_bytes = await_coded(server, row) if row.accept else 0
    least = body_bytes if row.accept else 0 if row.conditional or row.zipf else pattern.size_of(row.path)
    if result["bytes"] < result["requests"] * least:
        raise Check("answers are too short")
    share = used / 1e9 / result["seconds"] / server.workers
    other = (result["cpu_s"] + origin_used / 1e9) / result["seconds"] / threads
    bottleneck = "server" if share > 0.9 else "client" if other > 0.9 else "neither"
    return Cell(used / 1000 / result["requests"], result["requests"] / result["seconds"], result["p50"], result["p99"], bottleneck,
                body_bytes=body_bytes)


def measure_two(run, server_type, seconds):
    """One and two workers, both on both cores together with wrk: the same load and the same neighbours. Returns both cells."""
    cells = []
    for workers in (1, 2):
        server = server_type(run, workers=workers, cores="0,1")
        try:
            server.start()
            row = Row("two", "", "/hit/1k/hot")
            prepare(run, server, row)
            cells.append(measure_wrk(run, server, row, seconds, cores="0,1", threads=2))
        finally:
            server.stop()
    return cells


def measure_object(run, server_type, count=100_000):
    """Bytes that one of 100,000 stored objects of 1 KiB costs: what the process (and its cache files) grew by once each was hit."""
    server = server_type(run)
    try:
        server.start()
        load.client(run, server.port, "/hit/1k/before-{}", count=2000, keys=2000, connections=16)
        time.sleep(1)
        before = server.memory()
        filled = load.client(run, server.port, "/hit/1k/object-{}", count=count, keys=count, connections=16)
        time.sleep(1)
        counted = origin_count(run)
        again = load.client(run, server.port, "/hit/1k/object-{}", count=count, keys=count, connections=16)
        asked = origin_count(run) - counted
        time.sleep(1)
        grown = server.memory() - before
        if filled["wrong"] or again["wrong"] or again["statuses"] != {"200": count}:
            raise Check(f"wrong answers: {filled} {again}")
        if asked > count // 100:
            raise Check(f"{asked} of {count} objects were not stored")
        return Cell(us=grown / count)
    finally:
        server.stop()


def measure_idle(run, server_type, count=5000):
    """Bytes of the server's own memory (not the kernel's) that an idle keep-alive connection costs."""
    server = server_type(run)
    try:
        server.start()
        load.Idle(server.port, 16).close()
        time.sleep(1)
        before = server.memory()
        idle = load.Idle(server.port, count)
        grown = server.memory() - before
        idle.close()
        return Cell(us=grown / count)
    finally:
        server.stop()
