"""The demo shop alone and behind Davenport, under ten times what the shop can take alone."""
import contextlib
import json
import random
import subprocess

import chart
import load
import peers

PRODUCTS, SECONDS = 200, 10


class Shop(peers.Server):
    name = "shop"

    def command(self):
        return [self.run.program("docker/demo/davenport_demo_shop"), "--listen", f"127.0.0.1:{self.port}"]

    ready = "/healthz"


class ShopBehindDavenport(peers.Davenport):
    ready = "/healthz"

    def config(self):
        return super().config().replace(f"127.0.0.1:{self.run.origin_port}", f"127.0.0.1:{self.run.shop.port}")


def pages():
    """What visitors look at: the more popular a product, the more often; every tenth the start page or a category."""
    draw = random.Random(7)
    weights = [1 / (rank ** 0.9) for rank in range(1, PRODUCTS + 1)]
    out = []
    for number in draw.choices(range(1, PRODUCTS + 1), weights, k=5000):
        out.append(draw.choice(("/", "/category/lighting", "/category/lighting?page=2")) if draw.random() < 0.1 else f"/product/{number}")
    return out


def ask(run, port, **options):
    command = load.client_command(run, port, "/", list=run.pages_file, **options) + ["--uncheck"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def good(result):
    return result["statuses"].get("200", 0) / result["seconds"]


def bad(result):
    return sum(number for status, number in result["statuses"].items() if status[0] == "5") + result["errors"]


@contextlib.contextmanager
def started(server):
    try:
        yield server.start()
    finally:
        server.stop()


def measure(run):
    """[(what, requests a second that were asked for, result)]"""
    run.pages_file = f"{run.folder}/pages.txt"
    with open(run.pages_file, "w") as file:
        file.write("".join(path + "\n" for path in pages()))
    with started(Shop(run, cores="0,1")) as alone:
        fastest = ask(run, alone.port, seconds=SECONDS / 2, connections=64)
        rate = good(fastest)
        found = [("the shop alone, as fast as it can", rate, fastest),
                 ("the shop alone, ten times that", 10 * rate,
                  ask(run, alone.port, seconds=SECONDS, connections=1000, rate=10 * rate))]
    # A shop of its own: the other one still works on what it could not answer in time.
    with started(Shop(run, cores="0,1")) as run.shop, started(ShopBehindDavenport(run)) as davenport:
        for state in ("empty", "filled"):
            found.append((f"behind Davenport, ten times that, its store {state} at first", 10 * rate,
                          ask(run, davenport.port, seconds=SECONDS, connections=1000, rate=10 * rate)))
        most = load.wrk(run, davenport.port, "/", load.LISTED % run.pages_file, ["Host: bench.test"], seconds=3)
        found.append(("behind Davenport, wrk without a rate", most["requests"] / most["seconds"],
                      {**most, "statuses": {"200": most["requests"] - most["errors"]}}))
    return found


def lines(found):
    out = [["shop", "asked/s", "good answers/s", "p50 ms", "p99 ms", "errors (5xx, none)"]]
    for what, rate, result in found:
        out.append([what, f"{rate:,.0f}", f"{good(result):,.0f}", f"{result['p50'] / 1000:,.1f}", f"{result['p99'] / 1000:,.1f}",
                    f"{bad(result):,}"])
    return out


def draw(found, facts):
    ten = [(what, rate, result) for what, rate, result in found if "ten times" in what]
    rows = [("shop alone" if "alone" in what else f"Davenport, {what.split()[-3]}", result) for what, _, result in ten]
    missed = [(name, bad(result) / (bad(result) + good(result) * result["seconds"]) * 100) for name, result in rows]
    return chart.draw(f"The demo shop under ten times what it can take: {ten[0][1]:,.0f} requests a second",
                      "Pages of three database queries of 50 ms each, 1,000 connections; Davenport with its store empty or filled at "
                      f"first. {facts['date'][:10]}.",
                      [("Good answers a second", [(name, good(result)) for name, result in rows], lambda v: f"{v:,.0f}"),
                       ("Half of the good answers took, ms", [(name, result["p50"] / 1000) for name, result in rows],
                        lambda v: f"{v:,.1f}"),
                       ("99 of 100 took, ms", [(name, result["p99"] / 1000) for name, result in rows], lambda v: f"{v:,.0f}"),
                       ("Errors and answers that never came, % of all", missed, lambda v: f"{v:.1f}")])
