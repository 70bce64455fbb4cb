#!/usr/bin/python3
"""WordPress (Debian's package, with MariaDB, PHP-FPM and nginx) behind Davenport, with docs/recipes/wordpress.toml: installs it into a
directory of its own, fills it, then checks what its visitors, editors and operator rely on.

    tests/applications/wordpress/run.py BUILD_DIR
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import xmlrpc.client
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
import checks  # noqa: E402
from browser import browse  # noqa: E402
from visit import HOST, TREE, Proxy, Visitor, check, failures, free_port, wait_until  # noqa: E402

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

    def freeze(self):
        os.killpg(self.processes["fpm"].pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.processes["fpm"].pid, signal.SIGCONT)

    def kill(self):
        for name in ("fpm", "nginx"):
            os.killpg(self.processes[name].pid, signal.SIGKILL)
            self.processes[name].wait(10)

    def start_again(self):
        self.start_web()

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


def post_id(site, number):
    page = Visitor(site.port).get(f"/post-{number}/").text
    return int(re.search(r"postid-(\d+)", page).group(1))


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


def edit_title(site, post):
    def edit(number):
        answer = call(site, "wp.editPost", post, {"post_title": f"Edit {number}"})
        assert "<boolean>1</boolean>" in answer.text, answer.text[:500]
    return edit


PARTS = {
    "anonymous pages": lambda site: checks.anonymous_pages(site, ("/", "/post-1/", "/wp-content/uploads/picture.png"), {"_ga": "GA1.2.3", "_fbp": "fb.1"}),
    "private pages": private_pages,
    "comments": comments,
    "uploads": uploads,
    "a browser": browse,
    "edits under load": lambda site: checks.edits_under_load(site, "/post-7/", edit_title(site, post_id(site, 7)), lambda n: f"Edit {n}</h", 1.0, 4),
    "crawl": lambda site: checks.crawl(site, 100, ("/wp-admin", "/wp-login", "/xmlrpc", "/wp-json")),
    "stampede": lambda site: checks.stampede(site, "/post-8/", "/wp-login.php"),
    "dead and frozen": lambda site: checks.dead_and_frozen(site, "/post-9/", "/post-10/", "/wp-login.php", 10),
}


def main():
    site = Site(sys.argv[1] if len(sys.argv) > 1 else TREE / "build")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print("installing and filling WordPress …", flush=True)
        site.install()
        for name, part in PARTS.items():
            print(f"-- {name}", flush=True)
            part(site)
    finally:
        site.stop()
    print(f"{len(failures)} failed" if failures else "all good")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
