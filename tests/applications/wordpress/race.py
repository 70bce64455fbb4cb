#!/usr/bin/python3
"""WordPress alone, and behind Davenport, Varnish and nginx: wrk on 40 pages and 10 files as a browser asks for them, in one run and in
turns. Each server has one worker (Varnish: its threads) on one core, wrk the other. Writes the table into bench/RESULTS.md.

    tests/applications/wordpress/race.py BUILD_DIR [--rounds N] [--seconds S] [--write]
"""
import argparse
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from run import HOST, TREE, Site, Visitor, free_port, wait_until  # noqa: E402

TITLE = "## WordPress: 40 pages and 10 files"
ASKED = {"Accept-Encoding": "gzip, deflate, br"}
PASSING = "wordpress_logged_in|wordpress_sec|wp-postpass|comment_author"
SCRIPT = """
local paths, at = {%s}, 0
request = function() at = at %% #paths + 1; return wrk.format("GET", paths[at]) end
done = function(summary, latency)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format("counted %%d %%d %%d %%d %%d", summary.requests, summary.duration, summary.bytes, latency:percentile(99), wrong))
end
"""
VCL = """vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "%d"; .first_byte_timeout = 60s; }
sub vcl_recv {
  if (req.method != "GET" && req.method != "HEAD") { return (pass); }
  if (req.url ~ "^/wp-(admin|login|json)" || req.http.Cookie ~ "%s") { return (pass); }
  unset req.http.Cookie;
  return (hash);
}
sub vcl_backend_response {
  if (beresp.ttl <= 0s || !beresp.http.Cache-Control) { set beresp.ttl = 10m; }
  if (beresp.http.Content-Type ~ "text|javascript|json|svg") { set beresp.do_gzip = true; }
}
"""
NGINX = """
daemon off; pid {work}/front.pid; error_log {work}/front.log; worker_processes 1; user root;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=2000 inactive=600s; keepalive_requests 100000000; server_tokens off;
  client_body_temp_path {work}/front-body; proxy_temp_path {work}/front-temp; fastcgi_temp_path {work}/front-fastcgi;
  uwsgi_temp_path {work}/front-uwsgi; scgi_temp_path {work}/front-scgi;
  proxy_cache_path {work}/front-cache levels=1:2 keys_zone=site:16m max_size=512m inactive=1h use_temp_path=off;
  gzip on; gzip_vary on; gzip_proxied any; gzip_types text/css application/javascript text/javascript application/json image/svg+xml;
  upstream site {{ server 127.0.0.1:{origin}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header Accept-Encoding ""; proxy_cache site; proxy_cache_key $host$request_uri; proxy_cache_valid 200 10m; proxy_cache_lock on;
      proxy_cache_bypass $http_cookie; proxy_no_cache $http_cookie;
    }}
  }}
}}
"""


class Front:
    """A server before the site, on the first core."""

    def __init__(self, name, site, command):
        self.name, self.port, self.process = name, 0, None
        if command is None:
            self.port = site.port
            return
        self.port = free_port()
        self.process = subprocess.Popen(["taskset", "-c", "0", *map(str, command(self.port))], stdout=subprocess.DEVNULL,
                                        stderr=(site.work / f"{name}.front").open("w"), start_new_session=True)
        wait_until(name, lambda: Visitor(self.port).get("/post-1/").status == 200, 60)

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


def fronts(site, build):
    def davenport(port):
        text = (TREE / "docs" / "recipes" / "wordpress.toml").read_text().replace("0.0.0.0:80", f"127.0.0.1:{port}")
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{site.port}")
        (site.work / "front.toml").write_text("workers = 1\n" + text)
        return build / "davenport", "run", site.work / "front.toml"

    def varnish(port):
        (site.work / "front.vcl").write_text(VCL % (site.port, PASSING))
        return ("varnishd", "-F", "-n", site.work / "varnish", "-a", f"127.0.0.1:{port}", "-f", site.work / "front.vcl", "-s", "malloc,512m", "-T", "none",
                "-p", "thread_pools=1", "-p", "thread_pool_min=100")

    def nginx(port):
        (site.work / "front.conf").write_text(NGINX.format(work=site.work, origin=site.port, port=port))
        return "nginx", "-c", site.work / "front.conf"

    return [Front("WordPress alone", site, None), Front("Davenport", site, davenport), Front("Varnish", site, varnish), Front("nginx", site, nginx)]


def paths_of(site):
    page = Visitor(site.port).get("/post-1/").text
    files = sorted(set(re.findall(r'(?:href|src)=[\'"](?:http://blog\.test)?(/wp-(?:content|includes)/[^\'"?]+\.(?:css|js|png))', page)))
    more = sorted((site.work / "site" / "wp-includes" / "js").glob("*.min.js"), key=lambda path: -path.stat().st_size)
    files += [f"/wp-includes/js/{path.name}" for path in more]
    return [f"/post-{n}/" for n in range(1, 41)] + list(dict.fromkeys(files))[:10]


def renders(site):
    """Once those that nobody waits for any more have ended."""
    def count():
        return (site.work / "renders").read_text().count("\n")

    known = -1
    while known != count():
        known = count()
        time.sleep(1)
    return known


def measure(site, front, script, seconds, connections):
    before = renders(site)
    command = ["taskset", "-c", "1", "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s", str(script), "-H", f"Host: {HOST}",
               "-H", f"Accept-Encoding: {ASKED['Accept-Encoding']}", f"http://127.0.0.1:{front.port}/"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests, micros, read, p99, wrong = map(int, re.search(r"counted (\d+) (\d+) (\d+) (\d+) (\d+)", output).groups())
    return requests / micros * 1e6, p99 / 1000, renders(site) - before, read / max(requests, 1), wrong


def table(found):
    lines = ["| server | requests/s | p99 ms | pages rendered | bytes an answer | errors |", "| - | - | - | - | - | - |"]
    for name, rounds in found.items():
        rate, p99, renders, size, wrong = (list(column) for column in zip(*rounds))
        lines.append(f"| {name} | {statistics.median(rate):,.0f} | {statistics.median(p99):.1f} | {sum(renders):,} | {statistics.median(size):,.0f} | {sum(wrong)} |")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    site, running = Site(options.build), []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print("installing and filling WordPress …", flush=True)
        site.install()
        paths = paths_of(site)
        script = site.work / "paths.lua"
        script.write_text(SCRIPT % ", ".join(f'"{path}"' for path in paths))
        running = fronts(site, options.build)
        for front in running:                       # each path twice: what may be stored or coded is
            for path in paths * 2:
                answer = Visitor(front.port).get(path, fields=ASKED)
                assert answer.status == 200, (front.name, path, answer.status)
        found = {front.name: [] for front in running}
        for turn in range(options.rounds):
            for front in running:
                print(f"round {turn + 1} of {options.rounds}: {front.name}", flush=True)
                found[front.name].append(measure(site, front, script, options.seconds, 16 if front.process is None else 64))
    finally:
        for front in running:
            front.stop()
        site.stop()
    lines = table(found)
    print("\n".join(lines))
    if options.write:
        results = TREE / "bench" / "RESULTS.md"
        text = re.sub(rf"\n*{TITLE}\n.*?(?=\n## |\Z)", "", results.read_text(), flags=re.S).rstrip("\n")
        results.write_text(f"{text}\n\n{TITLE}\n\n`make bench-wordpress`: one worker and one core each, wrk with 64 connections (16 for WordPress alone) on the other, "
                           f"`Accept-Encoding: {ASKED['Accept-Encoding']}`, medians of {options.rounds} rounds of {options.seconds} s.\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
