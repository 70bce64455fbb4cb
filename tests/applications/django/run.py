#!/usr/bin/python3
"""A Django site behind Davenport, with the configuration of docs/recipes/django.toml: fills the site, then checks what its visitors,
editors and operator rely on. Needs python3-django and gunicorn.

    tests/applications/django/run.py BUILD_DIR
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
import checks  # noqa: E402
from visit import TREE, Proxy, Visitor, check, failures, free_port, wait_until  # noqa: E402

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

    def freeze(self):
        os.killpg(self.app.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.app.pid, signal.SIGCONT)

    def kill(self):
        os.killpg(self.app.pid, signal.SIGKILL)
        self.app.wait(20)

    def start_again(self):
        self.start_app()

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


def edit_in_admin(site):
    editor = Visitor(site.proxy.port)
    editor.log_in("bob")

    def edit(number):
        answer = editor.submit("/admin/blog/post/7/change/", {"title": f"Edit {number}", "body": "text", "version": str(number), "_save": "Save"})
        assert answer.status == 302, answer.text[:500]
    return edit


def without_tokens(body):
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", body)


PARTS = {
    "anonymous pages": lambda site: checks.anonymous_pages(site, ("/", "/post/1/", "/media/posts/picture.png"), {"_ga": "GA1.2.3", "theme": "dark"}),
    "private pages": private_pages,
    "forms": forms,
    "edits under load": lambda site: checks.edits_under_load(site, "/post/7/", edit_in_admin(site), lambda n: f"<h1>Edit {n}</h1>", 0.6, 8),
    "crawl": lambda site: checks.crawl(site, 2 * POSTS, ("/admin", "/logout"), without_tokens),
    "stampede": lambda site: checks.stampede(site, "/post/8/", "/random/"),
    "dead and frozen": lambda site: checks.dead_and_frozen(site, "/post/9/", "/post/10/", "/random/", 3),
}


def main():
    site = Site(sys.argv[1] if len(sys.argv) > 1 else TREE / "build")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print("filling the site …", flush=True)
        site.fill()
        site.start_proxy()
        site.start_app()
        for name, part in PARTS.items():
            print(f"-- {name}", flush=True)
            part(site)
    finally:
        site.stop()
    print(f"{len(failures)} failed" if failures else "all good")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
