#!/usr/bin/python3
"""WordPress (Debian's package, with MariaDB, PHP-FPM and nginx) behind Davenport, with docs/recipes/wordpress.toml: installs it into a
directory of its own, fills it, then checks what its visitors, editors and operator rely on.

    tests/applications/wordpress/run.py BUILD_DIR
"""
import collections
import html
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import xmlrpc.client
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
from browser import browse  # noqa: E402
from visit import HOST, TREE, Proxy, Visitor, check, failures, free_port, together, wait_until  # noqa: E402

FPM = next(iter(sorted(Path("/usr/sbin").glob("php-fpm*"))), None)

NGINX = """
daemon off; pid {work}/nginx.pid; error_log {work}/nginx.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  include /etc/nginx/mime.types; access_log off; client_max_body_size 64m; client_body_temp_path {work}/body; fastcgi_temp_path {work}/fastcgi;
  proxy_temp_path {work}/proxy; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {work}/site; index index.php;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \\.php$ {{
      include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param SERVER_NAME {host}; fastcgi_pass unix:{work}/php.sock; fastcgi_read_timeout 60s;
    }}
  }}
}}
"""
FPM_CONF = """
[global]
error_log = {work}/fpm.log
daemonize = no
[www]
user = {user}
group = {user}
listen = {work}/php.sock
listen.mode = 0666
pm = static
pm.max_children = 16
php_admin_flag[log_errors] = on
php_admin_value[error_log] = {work}/php.log
php_admin_value[memory_limit] = 256M
"""
WP_CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', 'localhost:{work}/db.sock');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', ''); $table_prefix = 'wp_';
foreach (array('AUTH_KEY','SECURE_AUTH_KEY','LOGGED_IN_KEY','NONCE_KEY','AUTH_SALT','SECURE_AUTH_SALT','LOGGED_IN_SALT','NONCE_SALT') as $key) define($key, 'of a test ' . $key);
define('WP_HOME', 'http://{host}'); define('WP_SITEURL', 'http://{host}'); define('DISABLE_WP_CRON', true); define('WP_DEBUG', false);
define('AUTOMATIC_UPDATER_DISABLED', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('WP_ACCESSIBLE_HOSTS', '127.0.0.1');
define('DAVENPORT_ADDRESS', 'http://127.0.0.1:{proxy}'); define('SITE_WORK', '{work}');
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""


def png(width, height):
    """Noise as a picture: what an upload's bytes are compared by."""
    def piece(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    rows = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height))
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", zlib.compress(rows)) + piece(b"IEND", b"")


class Site:
    def __init__(self, build):
        self.work = Path(tempfile.mkdtemp(prefix="davenport-wordpress-"))
        self.work.chmod(0o777)
        self.port, self.build = free_port(), build
        self.proxy, self.processes = None, {}

    def start(self, name, *command):
        log = (self.work / f"{name}.out").open("a")
        self.processes[name] = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, start_new_session=True)

    def install(self):
        site, db = self.work / "site", self.work / "db"
        shutil.copytree("/usr/share/wordpress", site, symlinks=False, ignore_dangling_symlinks=True)
        (site / "wp-content" / "mu-plugins").mkdir(exist_ok=True)
        (site / "wp-content" / "uploads").mkdir(exist_ok=True)
        (site / "wp-content" / "uploads" / "picture.png").write_bytes(png(400, 300))
        shutil.copy(HERE / "davenport-purge.php", site / "wp-content" / "mu-plugins")
        shutil.copy(HERE / "slow.php", site / "wp-content" / "mu-plugins")
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={db}", "--auth-root-authentication-method=normal", "--user=root",
                        "--skip-test-db"], check=True, capture_output=True)
        self.start("db", "mariadbd", "--no-defaults", f"--datadir={db}", f"--socket={self.work}/db.sock", "--skip-networking", "--user=root",
                   "--innodb-flush-log-at-trx-commit=0", f"--pid-file={self.work}/db.pid", f"--log-error={self.work}/db.log")
        wait_until("MariaDB", lambda: subprocess.run(["mariadb", f"--socket={self.work}/db.sock", "-uroot", "-e", "create database if not exists wordpress"],
                                                     capture_output=True).returncode == 0, 60)
        self.proxy = Proxy(self.build, self.work, "wordpress.toml", {
            'servers = ["127.0.0.1:8080"]': f'servers = ["127.0.0.1:{self.port}"]\nfirst_byte_timeout = "10s"'})
        values = {"work": self.work, "host": HOST, "port": self.port, "proxy": self.proxy.port, "user": "root"}
        (site / "wp-config.php").write_text(WP_CONFIG.format(**values))
        (self.work / "nginx.conf").write_text(NGINX.format(**values))
        (self.work / "fpm.conf").write_text(FPM_CONF.format(**values))
        filled = subprocess.run(["php", HERE / "install.php", site], capture_output=True, text=True)
        if filled.returncode != 0:
            raise SystemExit(filled.stdout + filled.stderr)
        self.start_web()

    def start_web(self):
        self.start("fpm", FPM, "-R", "-F", "-y", self.work / "fpm.conf")
        self.start("nginx", "nginx", "-c", self.work / "nginx.conf", "-p", self.work)
        wait_until("WordPress", lambda: Visitor(self.port).get("/post-1/").status == 200, 60)

    def signal(self, number, *names):
        for name in names:
            os.killpg(self.processes[name].pid, number)

    def renders(self, path):
        return (self.work / "renders").read_text().split("\n").count(path)

    def slow(self, seconds):
        path = self.work / "slow"
        path.write_text(str(seconds)) if seconds else path.unlink(missing_ok=True)

    def stop(self):
        if self.proxy is not None:
            self.proxy.stop()
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGCONT)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        if not failures:
            shutil.rmtree(self.work, ignore_errors=True)
        else:
            print(f"logs and configuration: {self.work}")


def log_in(site, name):
    visitor = Visitor(site.proxy.port)
    visitor.get("/wp-login.php")
    values = {"log": name, "pwd": "secret", "wp-submit": "Log In", "redirect_to": f"http://{HOST}/", "testcookie": "1"}
    answer = visitor.ask("POST", "/wp-login.php", urllib.parse.urlencode(values), {"Content-Type": "application/x-www-form-urlencoded"})
    return visitor, answer


def call(site, method, *parameters):
    """One XML-RPC call as bob, an editor."""
    body = xmlrpc.client.dumps((1, "bob", "secret", *parameters), method)
    return Visitor(site.proxy.port).ask("POST", "/xmlrpc.php", body, {"Content-Type": "text/xml"}, timeout=60)


def edit(site, post, title):
    return call(site, "wp.editPost", post, {"post_title": title})


def post_id(site, number):
    page = Visitor(site.port).get(f"/post-{number}/").text
    return int(re.search(r"postid-(\d+)", page).group(1))


def anonymous_pages(site):
    for path in ("/", "/post-1/", "/wp-content/uploads/picture.png"):
        Visitor(site.proxy.port).get(path)
        second = Visitor(site.proxy.port).get(path)
        check(f"{path} comes from the cache from the second request on", second.hit, f"{second.status} {second.fields['Cache-Status']}")
        analytics = Visitor(site.proxy.port, {"_ga": "GA1.2.3", "_fbp": "fb.1"}).get(path)
        check(f"{path} also for a visitor with analytics cookies", analytics.hit, analytics.fields["Cache-Status"])


def private_pages(site):
    users = {}
    for name in ("ann", "bob", "cleo"):
        users[name], answer = log_in(site, name)
        check(f"{name} logs in and is sent on", answer.status == 302 and answer.fields["Location"] == f"http://{HOST}/", f"{answer.status} {answer.text[:200]}")
    wrong = []
    for turn in range(13):
        if turn < 5:
            site.proxy.purge_all()
        for path in ("/", "/post-2/"):
            for name in ("ann", None, "bob", "cleo"):
                answer = (users[name] if name else Visitor(site.proxy.port)).get(path)
                greeted = sorted(set(re.findall(r'<span class="display-name">(\w+)</span>', answer.text)))
                if greeted != ([name] if name else []):
                    wrong.append((path, name, greeted, answer.fields["Cache-Status"]))
    check("nobody sees a page of another's, cold and warm, in 104 interleaved requests", not wrong, wrong[:3])


def uploads(site):
    picture = png(300, 200)
    answer = call(site, "wp.uploadFile", {"name": "new.png", "type": "image/png", "bits": xmlrpc.client.Binary(picture), "overwrite": True})
    path = re.search(r"http://blog\.test(/wp-content/uploads/[^<]*new[^<]*\.png)", answer.text)
    check(f"an upload of {len(picture)} bytes is taken", path is not None, answer.text[:300])
    check("and comes back byte by byte", path is not None and Visitor(site.proxy.port).get(path.group(1)).body == picture)


def comments(site):
    visitor = Visitor(site.proxy.port)
    visitor.get("/post-3/")
    values = {"comment": "a remark & more", "author": "Dora", "email": "dora@blog.test", "url": "", "comment_post_ID": str(post_id(site, 3)), "comment_parent": "0"}
    answer = visitor.ask("POST", "/wp-comments-post.php", urllib.parse.urlencode(values), {"Content-Type": "application/x-www-form-urlencoded"})
    check("a visitor's comment is taken, and leads back to the post", answer.status == 302, f"{answer.status} {answer.text[:300]}")
    check("and others see it at once", re.search("a remark &(amp|#038); more", Visitor(site.proxy.port).get("/post-3/").text))
    moved = visitor.get("/post-5")
    check("redirects are passed on", moved.status == 301 and moved.fields["Location"] == f"http://{HOST}/post-5/", f"{moved.status} {moved.fields['Location']}")
    check("a page that is not there is 404", visitor.get("/no-such-post/").status == 404)


def edits_under_load(site):
    stop = threading.Event()

    def read_on():
        reader = Visitor(site.proxy.port)
        while not stop.is_set():
            reader.get("/post-7/")

    readers = [threading.Thread(target=read_on) for _ in range(4)]
    for reader in readers:
        reader.start()
    post, late = post_id(site, 7), []
    for turn in range(1, 51):
        render_runs = turn % 5 == 0
        if render_runs:                # the old page's render is still running when the purge comes
            site.slow(1.0)
            before = site.renders("/post-7/")
            site.proxy.purge_all()
            wait_until("a render of the old page", lambda: site.renders("/post-7/") > before, 10)
        answer = edit(site, post, f"Edit {turn}")
        assert "<boolean>1</boolean>" in answer.text, answer.text[:500]
        site.slow(0)
        end, shown = time.monotonic() + 2, False
        while not shown and time.monotonic() < end:
            shown = f"Edit {turn}</h" in Visitor(site.proxy.port).get("/post-7/").text
        time.sleep(1.1 if render_runs else 0)
        if not shown or f"Edit {turn}</h" not in Visitor(site.proxy.port).get("/post-7/").text:
            late.append(turn)
    stop.set()
    for reader in readers:
        reader.join()
    check("50 of 50 edits show within 2 s and stay, 10 of them with the old page's render still running", not late, late)


def crawl(site):
    todo, seen, different, set_cookies = ["/"], {"/"}, [], collections.Counter()
    while todo:
        path = todo.pop()
        a, b = Visitor(site.port).get(path), Visitor(site.proxy.port).get(path)
        for line in b.fields.get_all("Set-Cookie") or []:
            set_cookies[line.split(";")[0]] += 1
        if a.status != b.status or a.body != b.body:
            at = next((i for i, (x, y) in enumerate(zip(a.body, b.body)) if x != y), 0)
            different.append((path, a.status, b.status, a.body[max(0, at - 40):at + 40], b.body[max(0, at - 40):at + 40]))
        for link in re.findall(r'(?:href|src)="(?:http://blog\.test)?(/[^/"#][^"#]*)"', a.text if "text/html" in (a.fields["Content-Type"] or "") else ""):
            link = html.unescape(link)
            if link not in seen and not link.startswith(("/wp-admin", "/wp-login", "/xmlrpc", "/wp-json")):
                seen.add(link)
                todo.append(link)
    check(f"a crawl of {len(seen)} links gives the same bodies as WordPress itself", len(seen) > 100 and not different, different[:3])
    check("no Set-Cookie reaches two clients", all(count == 1 for count in set_cookies.values()), set_cookies.most_common(2))


def stampede(site):
    site.proxy.purge_all()
    before = site.renders("/post-8/")
    answers, _ = together(site.proxy.port, "/post-8/", 200)
    check("200 simultaneous cold requests cost one render", site.renders("/post-8/") - before == 1, site.renders("/post-8/") - before)
    check("and all get the page", all(answer.status == 200 for answer in answers))
    path = "/wp-login.php"
    direct = min(together(site.port, path, 60)[1] for _ in range(3))
    proxied = min(together(site.proxy.port, path, 60)[1] for _ in range(3))
    check(f"60 requests of an uncacheable page are no slower than without ({proxied:.2f} s, {direct:.2f} s)", proxied < 1.5 * direct + 0.2)


def dead_and_frozen(site):
    fresh = Visitor(site.proxy.port)
    fresh.get("/post-9/")
    site.signal(signal.SIGSTOP, "fpm")
    answer = fresh.get("/post-9/")
    check("with PHP frozen, fresh pages come at once", answer.status == 200 and answer.seconds < 0.2, f"{answer.status} {answer.seconds:.2f} s")
    site.proxy.purge_all(soft=True)
    answer = fresh.get("/post-9/")
    check("… stale ones too", answer.status == 200 and answer.seconds < 1.5, f"{answer.status} {answer.seconds:.2f} s")
    answer = Visitor(site.proxy.port).get("/wp-login.php", timeout=40)
    check("… the rest is a clear 5xx within its budget", answer.status == 504 and answer.seconds < 15, f"{answer.status} {answer.seconds:.2f} s")
    site.signal(signal.SIGCONT, "fpm")
    site.signal(signal.SIGKILL, "fpm", "nginx")
    answer = fresh.get("/post-9/")
    check("with all of it dead, what is stored still comes", answer.status == 200 and answer.seconds < 1.5, f"{answer.status} {answer.seconds:.2f} s")
    answer = Visitor(site.proxy.port).get("/wp-login.php")
    check("… the rest is a clear 5xx at once", answer.status in (502, 503) and answer.seconds < 5, f"{answer.status} {answer.seconds:.2f} s")
    for name in ("fpm", "nginx"):
        site.processes[name].wait(10)
    site.start_web()
    wait_until("WordPress behind Davenport", lambda: Visitor(site.proxy.port).get("/wp-login.php").status == 200, 30)
    check("and all recovers by itself", Visitor(site.proxy.port).get("/post-10/").status == 200)


def main():
    site = Site(sys.argv[1] if len(sys.argv) > 1 else TREE / "build")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print("installing and filling WordPress …", flush=True)
        site.install()
        for part in (anonymous_pages, private_pages, comments, uploads, browse, edits_under_load, crawl, stampede, dead_and_frozen):
            print(f"-- {part.__name__.replace('_', ' ')}", flush=True)
            part(site)
    finally:
        site.stop()
    print(f"{len(failures)} failed" if failures else "all good")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
