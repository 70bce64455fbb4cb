"""A stylesheet of 64 KiB as a site has them, and what brotli and gzip make of it at their strongest: what the origin serves, plain
at /css/SIZE/NAME and coded as the client likes it at /coded/SIZE/NAME."""
import ctypes
import functools
import gzip
import os
import random

SIZE = 64 << 10
CODINGS = {"br": ".br", "gzip": ".gz", "": ""}

BLOCKS = ("card", "nav", "hero", "btn", "form", "table", "modal", "footer", "gallery", "price", "badge", "menu", "breadcrumb", "cart", "review",
          "search", "filter", "tabs", "alert", "avatar", "banner", "checkout", "dropdown", "carousel", "rating", "sidebar", "toolbar", "tooltip")
PARTS = ("title", "body", "link", "icon", "image", "label", "input", "list", "item", "action", "text", "header", "group", "overlay", "caption")
STATES = ("", "", "", ":hover", ":focus-visible", ":first-child", ":last-child", "::before", "::after", ".is-active", ".is-open", "[disabled]")
WORDS = {"display": ("flex", "grid", "block", "inline-flex", "none"), "position": ("relative", "absolute", "sticky"), "overflow": ("hidden", "auto"),
         "align-items": ("center", "flex-start", "baseline"), "justify-content": ("space-between", "center", "flex-end"),
         "text-decoration": ("none", "underline"), "font-weight": ("400", "600", "700"), "text-transform": ("uppercase", "none"), "cursor": ("pointer", "default"),
         "white-space": ("nowrap", "normal"), "flex-direction": ("column", "row"), "font-family": ("var(--font-body)", "var(--font-head)")}
LENGTHS = ("margin", "margin-top", "margin-bottom", "padding", "padding-left", "width", "max-width", "height", "min-height", "gap", "top", "left", "font-size",
           "line-height", "border-radius", "letter-spacing", "flex-basis")
COLOURS = ("color", "background-color", "border-color", "fill", "outline-color")


def _declaration(draw):
    kind = draw.random()
    if kind < 0.35:
        name = draw.choice(list(WORDS))
        return f"{name}: {draw.choice(WORDS[name])}"
    if kind < 0.75:
        return f"{draw.choice(LENGTHS)}: {draw.choice((0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, draw.randint(1, 96) / 16)):g}rem"
    if kind < 0.93:
        return f"{draw.choice(COLOURS)}: {draw.choice(('var(--ink)', 'var(--accent)', f'#{draw.randrange(1 << 24):06x}'))}"
    if kind < 0.97:
        return f"transition: {draw.choice(('opacity', 'transform', 'color'))} {draw.randint(1, 9) * 50}ms ease-in-out"
    return f"box-shadow: 0 {draw.randint(1, 8)}px {draw.randint(2, 32)}px rgba(0, 0, 0, .{draw.randint(5, 40):02})"


def _rule(draw):
    selector = ",\n".join(f".{draw.choice(BLOCKS)}__{draw.choice(PARTS)}{draw.choice(STATES)}" for _ in range(draw.choice((1, 1, 1, 2, 3))))
    body = "".join(f"  {_declaration(draw)};\n" for _ in range(draw.randint(2, 7)))
    rule = f"{selector} {{\n{body}}}\n"
    if draw.random() < 0.06:
        rule = f"@media (min-width: {draw.choice((480, 768, 1024, 1280))}px) {{\n{rule}}}\n"
    return rule


@functools.lru_cache(maxsize=1)
def plain():
    draw = random.Random(64)
    text = ""
    while len(text) < SIZE:
        text += _rule(draw)
    return text[:SIZE].encode()


@functools.lru_cache(maxsize=None)
def coded(coding):
    return {"br": _to_brotli, "gzip": lambda data: gzip.compress(data, 9, mtime=0), "": lambda data: data}[coding](plain())


def unpacked(body, coding):
    return {"br": _of_brotli, "gzip": gzip.decompress, "": lambda data: data}[coding](body)


# Python has no brotli of its own; the library is there, for Davenport is built with it.
def _to_brotli(data):
    size = ctypes.c_size_t(len(data) + 1024)
    out = ctypes.create_string_buffer(size.value)
    if not ctypes.CDLL("libbrotlienc.so.1").BrotliEncoderCompress(11, 22, 0, ctypes.c_size_t(len(data)), data, ctypes.byref(size), out):
        raise RuntimeError("brotli could not compress")
    return out.raw[:size.value]


def _of_brotli(data):
    size = ctypes.c_size_t(4 * SIZE)
    out = ctypes.create_string_buffer(size.value)
    if ctypes.CDLL("libbrotlidec.so.1").BrotliDecoderDecompress(ctypes.c_size_t(len(data)), data, ctypes.byref(size), out) != 1:
        raise RuntimeError("no brotli")
    return out.raw[:size.value]


def write(folder):
    """The files that bench_origin serves."""
    for coding, ending in CODINGS.items():
        with open(os.path.join(folder, "style.css" + ending), "wb") as file:
            file.write(coded(coding))
