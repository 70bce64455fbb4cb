#!/usr/bin/env python3
"""`make page-load`: what a visitor's first page load costs in bytes, straight from the demo shop and through Davenport.

Loads pages of the shop with all that they show, as a browser asks (Accept-Encoding: gzip, deflate, br, zstd), and counts the bytes of
all bodies as they are sent. Text is HTML, style and script. Ends with 1 where the home page is not 40 % fewer in all and 70 % for text.
"""
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGES = ["/", "/category/coffee", "/product/17"]
GOAL_ALL, GOAL_TEXT = 40, 70

# The shop's banners are PNGs whose deflate blocks are stored, not compressed: here it pays to compress pictures.
CONFIG = """
listen = ["127.0.0.1:0"]
[admin]
address = "127.0.0.1:0"
[origin.shop]
servers = ["127.0.0.1:{shop}"]
[cache.defaults]
compression.wait = "5s"
compression.popular_after = 1
[[route]]
[[route]]
path = "/assets"
[route.cache]
compression.types = ["text/*", "image/svg+xml", "image/png"]
"""


def answer(port, path):
    """The media type of an answer and its body as it came."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: shop.test\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
                           "Connection: close\r\n\r\n".encode())
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] + b" ":
        sys.exit(f"{path}: {head.decode('latin-1')}")
    kind = re.search(rb"(?im)^content-type: *([^;\r]+)", head)
    return kind.group(1).decode() if kind else "", body


def load(port, urls):
    """Bytes of all, and of text (HTML, style and script)."""
    whole = text = 0
    for url in urls:
        kind, body = answer(port, url)
        whole += len(body)
        if not kind.startswith("image/"):
            text += len(body)
    return whole, text


def settled(port, urls):
    """As what is popular is sent: once the forms of the strong level are there. They come one after the other, the large ones late, and
    each worker orders them for itself: so nothing must have changed for two seconds."""
    sizes = [load(port, urls)]
    while len(sizes) < 60 and (len(sizes) < 10 or sizes[-1] != sizes[-9]):
        time.sleep(0.25)
        sizes.append(load(port, urls))
    return sizes[-1]


def shown_by(port, page):
    """The page and what it shows, in its order."""
    html = answer(port, page)[1].decode()
    links = [a or b for a, b in re.findall(r'(?:<(?:img|script|link)[^>]*?(?:src|href)="([^"]+)")|url\(([^)]+)\)', html)]
    return list(dict.fromkeys([page] + [link for link in links if link.startswith("/")]))


def started(command, log, pattern):
    process = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(pattern, log.read_text()):
            return process, int(found.group(1))
        time.sleep(0.05)
    sys.exit(f"{command[0]} did not start:\n{log.read_text()}")


def main():
    build = Path(sys.argv[1] if len(sys.argv) > 1 else "build")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        processes = []
        try:
            shop, shop_port = started([build / "docker/demo/davenport_demo_shop", "--listen", "127.0.0.1:0", "--db-delay", "1ms"],
                                      work / "shop.log", r"127\.0\.0\.1:(\d+)")
            processes.append(shop)
            config = work / "davenport.toml"
            config.write_text(CONFIG.format(shop=shop_port))
            proxy, proxy_port = started([build / "davenport", "run", config], work / "davenport.log", r"listening on http://127\.0\.0\.1:(\d+)")
            processes.append(proxy)
            print("| page | files | straight | through Davenport | fewer | text straight | text through | fewer |\n|-|-|-|-|-|-|-|-|")
            for page in PAGES:
                urls = shown_by(shop_port, page)
                straight, straight_text = load(shop_port, urls)
                through, through_text = settled(proxy_port, urls)
                fewer, fewer_text = 100 - 100 * through / straight, 100 - 100 * through_text / straight_text
                good = good and (page != "/" or (fewer >= GOAL_ALL and fewer_text >= GOAL_TEXT))
                print(f"| `{page}` | {len(urls)} | {straight:,} | {through:,} | {fewer:.0f} % | {straight_text:,} | {through_text:,} | {fewer_text:.0f} % |")
        finally:
            for process in processes:
                process.terminate()
                process.wait(10)
    sys.exit(0 if good else f"the goal is {GOAL_ALL} % fewer bytes in all, {GOAL_TEXT} % for text")


if __name__ == "__main__":
    main()
