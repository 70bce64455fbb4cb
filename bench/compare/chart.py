"""docs/bench.svg: a panel for each row, a bar for each server; shorter is better. Plain SVG, no dependencies."""
from xml.sax.saxutils import escape

PANEL_WIDTH, BAR, GAP, HEAD, COLUMNS, MARGIN = 440, 18, 6, 46, 2, 24
LABEL, FIGURE = 134, 84             # left of the bars, and right of the longest one
COLOURS = {"Davenport": "#0b6e4f", "floor": "#b8bfc6"}
OTHER = "#7f93ad"
FONT = "font-family='Helvetica, Arial, sans-serif'"


def text(x, y, words, size=12, weight="normal", anchor="start", fill="#1f2933"):
    return (f"<text x='{x:g}' y='{y:g}' font-size='{size}' font-weight='{weight}' text-anchor='{anchor}' fill='{fill}'>"
            f"{escape(words)}</text>")


def bars_of(row, types, results):
    """[(server, value)] of those that took part; nginx once, with the better of its two settings."""
    found = {}
    for server in types:
        cell = results.get(row.key, {}).get(server.name)
        if cell is None or cell.problem:
            continue
        name = "nginx" if server.name.startswith("nginx") else server.name
        found[name] = min(cell.us, found.get(name, cell.us))
    return list(found.items())


def panel(x, y, title, bars, form):
    longest = max(value for _, value in bars) or 1
    room = PANEL_WIDTH - LABEL - FIGURE
    out = [text(x, y + 20, title, 14, "bold")]
    for index, (name, value) in enumerate(bars):
        top = y + HEAD - 12 + index * (BAR + GAP)
        ours = "bold" if name.startswith("Davenport") else "normal"
        out.append(text(x + LABEL - 8, top + BAR - 5, name, 12, ours, "end"))
        out.append(f"<rect x='{x + LABEL}' y='{top}' width='{max(2, room * value / longest):.1f}' height='{BAR}' rx='2' "
                   f"fill='{COLOURS.get(name.split(',')[0], OTHER)}'/>")
        out.append(text(x + LABEL + max(2, room * value / longest) + 6, top + BAR - 5, form(value), 12, ours))
    return "\n".join(out), HEAD + len(bars) * (BAR + GAP)


def draw(title, note, panels):
    """`panels`: [(title, [(name, value)], function of a value → its text)]."""
    panels = [each for each in panels if each[1]]
    body, y = [], MARGIN + 56
    for first in range(0, len(panels), COLUMNS):
        height = 0
        for column, (heading, bars, form) in enumerate(panels[first:first + COLUMNS]):
            drawn, used = panel(MARGIN + column * (PANEL_WIDTH + MARGIN), y, heading, bars, form)
            body.append(drawn)
            height = max(height, used)
        y += height + 14
    width = COLUMNS * PANEL_WIDTH + (COLUMNS + 1) * MARGIN
    return "\n".join([
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {y + MARGIN}' width='{width}' height='{y + MARGIN}' "
        f"role='img' {FONT}>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{width}' height='{y + MARGIN}' rx='8' fill='#ffffff'/>",
        text(MARGIN, MARGIN + 18, title, 18, "bold"),
        text(MARGIN, MARGIN + 40, note, 12, fill="#52606d"),
        *body, "</svg>", ""])


def of_rows(chosen, types, results, found):
    def form(row):
        if row.kind in ("object", "idle"):
            return lambda value: f"{value:,.0f} bytes"
        return lambda value: f"{value:.2f} µs" if value < 10 else f"{value:.1f} µs"

    return draw("CPU time a request, all threads of the server: shorter is better",
                f"One worker, 64 connections, no access log. {found['date'][:10]}, {found['machine'].split(',')[0]}. "
                "The floor is a bare epoll loop.",
                [(row.title, bars_of(row, types, results), form(row)) for row in chosen])
