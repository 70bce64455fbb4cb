"""What a run found, as tables for the terminal and for bench/RESULTS.md."""
import datetime
import os
import platform
import subprocess
import sys

import chart
import latency
import replay
import rows
import shop
import syscalls

TITLES = {"syscalls": "System calls of a hit", "latency": "Latency at half of the saturating rate",
          "replay": "Hit ratios on recorded traces", "shop": "The demo shop"}
REDIS = "A hit from Redis"                 # bench/redis.py's section of the page
PEERS_LEFT_OUT = ("floor", "Davenport")


def facts(options, types, seconds):
    found = facts_of_run("python3 bench/compare", seconds)
    found["took"] += f"; {options.rounds} rounds of {options.seconds:g} s"
    found["servers"] = [(server.name, server.version(), server.note) for server in types]
    return found


def facts_of_run(program, seconds):
    def first(path, key):
        with open(path) as file:
            for line in file:
                if line.startswith(key):
                    return line.partition(":")[2].strip()
        return "?"

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True, check=False,
                            cwd=os.path.dirname(__file__)).stdout.strip()
    return {
        "command": " ".join([program, *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
        "machine": f"{first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {first('/proc/meminfo', 'MemTotal')}, "
                   f"Linux {platform.release()}",
        "load": "load average {:.2f}".format(os.getloadavg()[0]),
        "took": f"{seconds / 60:.1f} minutes",
    }


def figures(row, results):
    return {name: cell.us for name, cell in results.get(row.key, {}).items() if not cell.problem}


def best_peer(values):
    others = {name: value for name, value in values.items() if name not in PEERS_LEFT_OUT}
    return min(others, key=others.get) if others else None


def lines_of(row, types, results):
    """The cells of a row's table as texts: a header, then a line for each server."""
    values = figures(row, results)
    peer = best_peer(values)
    memory = row.kind in ("object", "idle")
    if memory:
        header = ["server", "bytes", "of best peer"]
    else:
        header = ["server", "CPU µs", "of floor", "of best peer", "requests/s", "p50 ms", "p99 ms", "bottleneck"]
        if row.kind == "two":
            header += ["one worker, CPU µs", "second costs"]
        if row.accept:
            header += ["body bytes"]
    out = [header]
    for server in types:
        cell = results.get(row.key, {}).get(server.name)
        if cell is None:
            continue
        if cell.problem:
            out.append([server.name, "-", f"takes no part: {cell.problem}"])
            continue
        ratio = lambda name: f"{cell.us / values[name]:.2f}" if name in values else "-"      # noqa: E731
        if memory:
            out.append([server.name, f"{cell.us:,.0f}", ratio(peer)])
            continue
        line = [server.name, f"{cell.us:.2f}", ratio("floor"), ratio(peer), f"{cell.rps:,.0f}", f"{cell.p50 / 1000:.2f}" if cell.p50 else "-",
                f"{cell.p99 / 1000:.2f}" if cell.p99 else "-", cell.bottleneck]
        if row.kind == "two":
            one = results.get(row.key + "-one", {}).get(server.name)
            line += [f"{one.us:.2f}", f"{(cell.us / one.us - 1) * 100:+.1f} %"] if one else ["-", "-"]
        if row.accept:
            line += [f"{cell.body_bytes:,.0f}"]
        out.append(line)
    return out


def targets_of(row, results):
    """[(text, True, False or None)] for Davenport."""
    values = figures(row, results)
    if "Davenport" not in values:
        return []
    found = [(text, reached(values)) for text, reached in row.targets]
    if row.kind == "two":
        one = results.get("two-one", {}).get("Davenport")
        found.append(("a second worker costs at most 5 % more a request",
                      values["Davenport"] <= 1.05 * one.us if one else None))
    return found


def mark(reached):
    return {True: "reached", False: "missed", None: "not measured"}[reached]


def tables_of(extras):
    """[(title, lines, [notes])] of what is measured of Davenport alone."""
    out = []
    for key, found in extras.items():
        title = TITLES[key]
        if isinstance(found, str) or not found:
            out.append((title, [["-"]], [f"not measured: {found or 'no traces were given (--traces)'}"]))
            continue
        notes = []
        if key == "syscalls":
            notes = [f"one read and one write a request and nothing else: {mark(syscalls.reached(found))}"]
        if key == "latency":
            notes = [f"p99 below 1 ms, {what}: {mark(yes)}" for what, yes in latency.targets(found)]
        if key == "replay":
            notes = ["LRU at most 0.5 points below its reference, S3-FIFO at least at its own: "
                     f"{mark(all(line[-1] for line in found))}"]
        out.append((title, {"syscalls": syscalls, "latency": latency, "replay": replay, "shop": shop}[key].lines(found), notes))
    return out


def terminal(chosen, types, results, extras):
    out = []
    for row in chosen:
        out.append(f"\n{row.title}")
        for line in lines_of(row, types, results):
            out.append("  " + line[0].ljust(18) + "".join("  " + str(cell).rjust(12) for cell in line[1:]))
        out += [f"  target: {text}: {mark(reached)}" for text, reached in targets_of(row, results)]
    for title, lines, notes in tables_of(extras):
        out.append(f"\n{title}")
        out += ["  " + " | ".join(line) for line in lines]
        out += [f"  {note}" for note in notes]
    return "\n".join(out)


def markdown(lines):
    width = len(lines[0])
    rows = [lines[0], ["-"] * width] + [line + [""] * (width - len(line)) for line in lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in rows)


def page(found, chosen, types, results, extras):
    out = [f"""# Davenport beside its peers

<!-- Written by `make bench`: run it again rather than change this page. -->

- command: `{found['command']}`, {found['date']}, Davenport {found['commit']}
- machine: {found['machine']}; {found['load']} at the end; it took {found['took']}
- One worker pinned to core 0; wrk with 64 connections and the origin pinned to core 1. Servers take turns within a round; a figure
  is the median over the rounds. CPU is that of all threads of the server, user and kernel, a request. Access logs are off for all.
  Every row of hits proves that nothing reached the origin; bodies are compared with the origin's before and after.
- Differences below 10 % are noise on a machine like this, above all when something else runs on it.
- Where the time goes, and what was tried: [NOTES.md](NOTES.md).

| server | version | how |
|-|-|-|"""]
    out += [f"| {name} | {version} | {note} |" for name, version, note in found["servers"]]
    for row in chosen:
        out += ["", f"## {row.title}", "", markdown(lines_of(row, types, results))]
        if reached := targets_of(row, results):
            out += [""] + [f"- {text}: **{mark(yes)}**" for text, yes in reached]
    for title, lines, notes in tables_of(extras):
        out += ["", f"## {title}", "", markdown(lines), ""] + [f"- {note}" for note in notes]
    return "\n".join(out).rstrip() + "\n"


def sections_of(text):
    """[(title, text)] of a page; the part before the first title has the title ""."""
    parts = text.split("\n## ")
    return [("", parts[0])] + [(part.split("\n")[0], part) for part in parts[1:]]


def section_before(path, title):
    """What the page says under a title that another program writes; "" where it says nothing."""
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return "".join("\n## " + text.rstrip() + "\n" for name, text in sections_of(file.read()) if name == title)


def merge(old, new, found):
    """The old page with what was measured anew, and when; rows that are new to it stand where a whole run has them."""
    order = ["", *(row.title for row in rows.ROWS), *TITLES.values()]
    sections = dict(sections_of(old))
    for title, text in sections_of(new)[1:]:
        sections[title] = (text.rstrip() + f"\n\nMeasured again: `{found['command']}`, {found['date']}, Davenport {found['commit']}, "
                           f"{found['load']}.\n")
    place = {title: at for at, title in enumerate(order)}
    titles = sorted(sections, key=lambda title: place.get(title, len(order)))
    return "\n## ".join(sections[title] for title in titles).rstrip() + "\n"


def write_section(root, title, lines, note, seconds):
    """A section of its own, in the place of the one before, or as the last."""
    path = os.path.join(root, "bench", "RESULTS.md")
    found = facts_of_run("python3 bench/" + os.path.basename(sys.argv[0]), seconds)
    text = (f"{title}\n\n{markdown(lines)}\n\n- command: `{found['command']}`, {found['date']}, Davenport {found['commit']}; {found['machine']}; "
            f"{found['load']} at the end; it took {found['took']}\n- " + note.replace("\n", "\n  ") + "\n")
    with open(path) as file:
        parts = sections_of(file.read())
    places = [i for i, (name, _) in enumerate(parts) if name == title]
    if places:
        parts[places[0]] = (title, text)
    else:
        parts.append((title, text))
    with open(path, "w") as file:
        file.write("\n## ".join(part.rstrip() + "\n" for _, part in parts))
    print("wrote bench/RESULTS.md")


def write(root, found, options, chosen, types, results, extras):
    """All rows make a new page and its chart; some of them replace their sections of the page, and the chart stays."""
    texts = {}
    path = os.path.join(root, "bench", "RESULTS.md")
    made = page(found, chosen, types, results, extras)
    if options.complete:
        texts["bench/RESULTS.md"] = made + section_before(path, REDIS)
        texts["docs/bench.svg"] = chart.of_rows(chosen, types, results, found)
    elif os.path.exists(path):
        with open(path) as file:
            texts["bench/RESULTS.md"] = merge(file.read(), made, found)
    if extras.get("shop") and not isinstance(extras["shop"], str):
        texts["docs/shop.svg"] = shop.draw(extras["shop"], found)
    for name, text in texts.items():
        with open(os.path.join(root, name), "w") as file:
            file.write(text)
        print(f"wrote {name}")
