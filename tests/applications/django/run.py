#!/usr/bin/python3
"""A Django site behind Davenport, with the configuration of docs/recipes/django.toml: fills the site, then checks what its visitors,
editors and operator rely on. Needs python3-django and gunicorn.

    tests/applications/django/run.py BUILD_DIR
"""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
from visit import TREE, Proxy, Visitor, check, failures, free_port, together, wait_until  # noqa: E402

POSTS = 100
PICTURE = bytes(range(256)) * 64


class Site:
    def __init__(self, build):
        self.work = Path(tempfile.mkdtemp(prefix="davenport-django-"))
        self.port = free_port()
        self.env = {**os.environ, "SITE_DIR": str(self.work), "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": str(HERE),
                    "PYTHONDONTWRITEBYTECODE": "1"}
        self.build = build
        self.app = self.proxy = None

    def manage(self, *arguments, code=None):
        command = ["/usr/bin/python3", "-m", "django", *arguments]
        return subprocess.run(command, env=self.env, check=True, input=code, text=True, capture_output=True)

    def fill(self):
        (self.work / "media" / "posts").mkdir(parents=True)
        self.manage("migrate", "--run-syncdb", "--verbosity", "0")
        (self.work / "media" / "posts" / "picture.png").write_bytes(PICTURE)
        self.manage("shell", code=f"""
from django.contrib.auth.models import User
from blog.models import Post
for name in ("ann", "bob", "cleo"):
    User.objects.create_superuser(name, password="secret")
Post.objects.bulk_create([Post(pk=n, title=f"Post {{n}}", body="text " * 200, picture="posts/picture.png") for n in range(1, {POSTS} + 1)])
""")

    def start_app(self):
        env = {**self.env, "PURGE_URL": f"http://127.0.0.1:{self.proxy.port}"}
        self.app = subprocess.Popen(
            ["/usr/bin/gunicorn", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--threads", "32", "--log-level", "error",
             "--keep-alive", "30", "django.core.wsgi:get_wsgi_application()"],
            env=env, stdout=subprocess.DEVNULL, stderr=(self.work / "app.log").open("a"), start_new_session=True)
        wait_until("the site", lambda: Visitor(self.port).get("/stats/").status == 200)

    def stop_app(self, how=signal.SIGTERM):
        os.killpg(self.app.pid, how)
        self.app.wait(20)

    def start_proxy(self):
        self.proxy = Proxy(self.build, self.work, "django.toml", {
            'servers = ["127.0.0.1:8000"]': f'servers = ["127.0.0.1:{self.port}"]\nfirst_byte_timeout = "3s"'})

    def renders(self, page):
        return json.loads(Visitor(self.port).get("/stats/").body).get(page, 0)

    def slow(self, seconds):
        path = self.work / "slow"
        path.write_text(str(seconds)) if seconds else path.unlink(missing_ok=True)

    def stop(self):
        if self.proxy is not None:
            self.proxy.stop()
        if self.app is not None and self.app.poll() is None:
            os.killpg(self.app.pid, signal.SIGCONT)
            os.killpg(self.app.pid, signal.SIGKILL)
            self.app.wait(30)
        if not failures:
            shutil.rmtree(self.work)
        else:
            print(f"logs and configuration: {self.work}")


def anonymous_pages(site):
    for path in ("/", "/post/1/", "/media/posts/picture.png"):
        visitor = Visitor(site.proxy.port)
        visitor.get(path)
        second = visitor.get(path)
        check(f"{path} comes from the cache from the second request on", second.hit, second.fields["Cache-Status"])
        analytics = Visitor(site.proxy.port, {"_ga": "GA1.2.3", "theme": "dark"}).get(path)
        check(f"{path} also for a visitor with analytics cookies", analytics.hit, analytics.fields["Cache-Status"])


def private_pages(site):
    users = {}
    for name in ("ann", "bob", "cleo"):
        users[name] = Visitor(site.proxy.port)
        answer = users[name].log_in(name)
        check(f"{name} logs in and is sent on", answer.status == 302 and answer.fields["Location"] == "/", f"{answer.status} {answer.text[:200]}")
    wrong = []
    for cold in (True, False):
        for turn in range(50):
            if cold:
                site.proxy.purge_all()
            for path in ("/", "/post/2/", "/account/"):
                for name in ("ann", None, "bob", "cleo"):
                    answer = (users[name] if name else Visitor(site.proxy.port)).get(path)
                    greeted = re.findall(r"Hello, (\w+)!", answer.text)
                    wanted = [name] if name else []
                    if name is None and path == "/account/":
                        if answer.status != 302:
                            wrong.append((path, name, answer.status))
                    elif greeted != wanted:
                        wrong.append((path, name, greeted, answer.fields["Cache-Status"]))
            if cold and turn >= 4:
                break
    check("nobody sees a page of another's, cold and warm", not wrong, wrong[:3])


def forms(site):
    visitor = Visitor(site.proxy.port)
    before = visitor.get("/post/3/")
    answer = visitor.submit("/post/3/comment/", {"text": "a remark & more"})
    check("a visitor's comment is taken, and leads back to the post", answer.status == 302 and answer.fields["Location"] == "/post/3/", answer.status)
    check("the comment is there at once", "a remark &amp; more" in Visitor(site.proxy.port).get("/post/3/").text)
    check("it was not before", "a remark" not in before.text)
    ann = Visitor(site.proxy.port)
    ann.log_in("ann")
    data = os.urandom(200_000)
    answer = ann.upload("/post/4/upload/", "new.png", data)
    check("an upload goes through", answer.status == 302, answer.status)
    path = re.search(r'src="([^"]+)"', Visitor(site.proxy.port).get("/post/4/").text).group(1)
    check("and comes back byte by byte", Visitor(site.proxy.port).get(path).body == data)
    moved = visitor.get("/old/5/")
    check("redirects are passed on", moved.status == 301 and moved.fields["Location"] == "/post/5/", moved.status)
    answer = ann.submit("/admin/blog/post/6/change/", {"title": "Changed in the admin", "body": "text", "version": "2", "_save": "Save"})
    check("an edit in the admin is taken", answer.status == 302, f"{answer.status} {answer.text[:300]}")
    check("and shown", "Changed in the admin" in Visitor(site.proxy.port).get("/post/6/").text)


def edits_under_load(site):
    stop = threading.Event()

    def read_on():
        reader = Visitor(site.proxy.port)
        while not stop.is_set():
            reader.get("/post/7/")

    readers = [threading.Thread(target=read_on) for _ in range(8)]
    for reader in readers:
        reader.start()
    editor = Visitor(site.proxy.port)
    editor.log_in("bob")
    late = []
    for edit in range(1, 51):
        render_runs = edit % 5 == 0
        if render_runs:                # the old page's render is still running when the purge comes
            site.slow(0.6)
            before = site.renders("/post/7/")
            site.proxy.purge_all()
            wait_until("a render of the old page", lambda: site.renders("/post/7/") > before, 5)
        answer = editor.submit("/admin/blog/post/7/change/", {"title": f"Edit {edit}", "body": "text", "version": str(edit), "_save": "Save"})
        assert answer.status == 302, answer.text[:500]
        site.slow(0)
        end = time.monotonic() + 2
        shown = False
        while not shown and time.monotonic() < end:
            shown = f"<h1>Edit {edit}</h1>" in Visitor(site.proxy.port).get("/post/7/").text
        # And from now on for good: a slow render of the old page must not come back.
        time.sleep(0.7 if render_runs else 0)
        if not shown or f"<h1>Edit {edit}</h1>" not in Visitor(site.proxy.port).get("/post/7/").text:
            late.append(edit)
    stop.set()
    for reader in readers:
        reader.join()
    check("50 of 50 edits show within 2 s and stay, 10 of them with the old page's render still running", not late, late)


def crawl(site):
    todo, seen, different, set_cookies = ["/"], {"/"}, [], collections.Counter()
    straight, through = Visitor(site.port), Visitor(site.proxy.port)
    while todo:
        path = todo.pop()
        a, b = straight.get(path), through.get(path)
        straight.cookies.clear()
        through.cookies.clear()
        for line in b.fields.get_all("Set-Cookie") or []:
            set_cookies[line.split(";")[0]] += 1
        strip = lambda body: re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", body)
        if a.status != b.status or strip(a.body) != strip(b.body):
            different.append(path)
        for link in re.findall(r'(?:href|src)="(/[^"#]*)"', a.text if "text/html" in (a.fields["Content-Type"] or "") else ""):
            if link not in seen and "logout" not in link and not link.startswith("/admin"):
                seen.add(link)
                todo.append(link)
    check(f"a crawl of {len(seen)} links gives the same bodies as the site itself", len(seen) > 2 * POSTS and not different, different[:3])
    check("no Set-Cookie reaches two clients", all(count == 1 for count in set_cookies.values()), set_cookies.most_common(2))


def stampede(site):
    site.proxy.purge_all()
    before = site.renders("/post/8/")
    answers, _ = together(site.proxy.port, "/post/8/", 200)
    check("200 simultaneous cold requests cost one render", site.renders("/post/8/") - before == 1, site.renders("/post/8/") - before)
    check("and all get the page", all(answer.status == 200 for answer in answers))
    together(site.proxy.port, "/random/", 1)
    direct = min(together(site.port, "/random/", 60)[1] for _ in range(3))
    proxied = min(together(site.proxy.port, "/random/", 60)[1] for _ in range(3))
    check(f"60 requests of an uncacheable page are no slower than without ({proxied:.2f} s, {direct:.2f} s)", proxied < 1.5 * direct + 0.2)


def dead_and_frozen(site):
    fresh = Visitor(site.proxy.port)
    fresh.get("/post/9/")
    os.killpg(site.app.pid, signal.SIGSTOP)
    answer = fresh.get("/post/9/")
    check("with the site frozen, fresh pages come at once", answer.status == 200 and answer.seconds < 0.2, f"{answer.status} {answer.seconds:.2f} s")
    site.proxy.purge_all(soft=True)
    answer = fresh.get("/post/9/")
    check("… stale ones too", answer.status == 200 and answer.seconds < 1.5, f"{answer.status} {answer.seconds:.2f} s")
    answer = Visitor(site.proxy.port).get("/random/", timeout=30)
    check("… the rest is a clear 5xx within its budget", answer.status == 504 and answer.seconds < 8, f"{answer.status} {answer.seconds:.2f} s")
    os.killpg(site.app.pid, signal.SIGCONT)
    site.stop_app(signal.SIGKILL)
    answer = fresh.get("/post/9/")
    check("with the site dead, what is stored still comes", answer.status == 200 and answer.seconds < 1.5, f"{answer.status} {answer.seconds:.2f} s")
    answer = Visitor(site.proxy.port).get("/random/")
    check("… the rest is a clear 5xx at once", answer.status in (502, 503) and answer.seconds < 5, f"{answer.status} {answer.seconds:.2f} s")
    site.start_app()
    wait_until("the site behind Davenport", lambda: Visitor(site.proxy.port).get("/random/").status == 200)
    check("and all recovers by itself", Visitor(site.proxy.port).get("/post/10/").status == 200)


def main():
    site = Site(sys.argv[1] if len(sys.argv) > 1 else TREE / "build")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print("filling the site …", flush=True)
        site.fill()
        site.start_proxy()
        site.start_app()
        for part in (anonymous_pages, private_pages, forms, edits_under_load, crawl, stampede, dead_and_frozen):
            print(f"-- {part.__name__.replace('_', ' ')}", flush=True)
            part(site)
    finally:
        site.stop()
    print(f"{len(failures)} failed" if failures else "all good")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
