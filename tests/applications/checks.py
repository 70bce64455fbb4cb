"""What every application behind Davenport is held to. A site has: port (its own), proxy, renders(path), slow(seconds), freeze(), thaw(),
kill(), start_again()."""
import collections
import html
import re
import threading
import time

from visit import Visitor, check, together, wait_until


def anonymous_pages(site, paths, cookies):
    for path in paths:
        Visitor(site.proxy.port).get(path)
        second = Visitor(site.proxy.port).get(path)
        check(f"{path} comes from the cache from the second request on", second.hit, f"{second.status} {second.fields['Cache-Status']}")
        analytics = Visitor(site.proxy.port, cookies).get(path)
        check(f"{path} also for a visitor with analytics cookies", analytics.hit, analytics.fields["Cache-Status"])


def edits_under_load(site, page, edit, shows, brake, readers):
    """50 edits by edit(number) under readers' load; of every fifth the old page's render, slow by `brake` seconds, still runs."""
    stop = threading.Event()

    def read_on():
        reader = Visitor(site.proxy.port)
        while not stop.is_set():
            reader.get(page)

    def shown(number):
        return shows(number) in Visitor(site.proxy.port).get(page).text

    threads = [threading.Thread(target=read_on) for _ in range(readers)]
    for thread in threads:
        thread.start()
    late = []
    for number in range(1, 51):
        render_runs = number % 5 == 0
        if render_runs:
            site.slow(brake)
            before = site.renders(page)
            site.proxy.purge_all()
            wait_until("a render of the old page", lambda: site.renders(page) > before, 10)
        edit(number)
        site.slow(0)
        end, seen = time.monotonic() + 2, False
        while not seen and time.monotonic() < end:
            seen = shown(number)
        # And from now on for good: a slow render of the old page must not come back.
        time.sleep(brake + 0.1 if render_runs else 0)
        if not seen or not shown(number):
            late.append(number)
    stop.set()
    for thread in threads:
        thread.join()
    check("50 of 50 edits show within 2 s and stay, 10 of them with the old page's render still running", not late, late)


def crawl(site, least, leave_out, mask=lambda body: body):
    """Every link from "/" on, straight and through the proxy; `mask` takes away what differs from request to request."""
    todo, seen, different, set_cookies = ["/"], {"/"}, [], collections.Counter()
    while todo:
        path = todo.pop()
        a, b = Visitor(site.port).get(path), Visitor(site.proxy.port).get(path)
        for line in b.fields.get_all("Set-Cookie") or []:
            set_cookies[line.split(";")[0]] += 1
        x, y = mask(a.body), mask(b.body)
        if a.status != b.status or x != y:
            at = next((i for i, (one, other) in enumerate(zip(x, y)) if one != other), 0)
            different.append((path, a.status, b.status, x[max(0, at - 40):at + 40], y[max(0, at - 40):at + 40]))
        for link in re.findall(r'(?:href|src)="(?:http://blog\.test)?(/[^/"#][^"#]*)"', a.text if "text/html" in (a.fields["Content-Type"] or "") else ""):
            link = html.unescape(link)
            if link not in seen and not link.startswith(leave_out):
                seen.add(link)
                todo.append(link)
    check(f"a crawl of {len(seen)} links gives the same bodies as the application itself", len(seen) > least and not different, different[:3])
    check("no Set-Cookie reaches two clients", all(count == 1 for count in set_cookies.values()), set_cookies.most_common(2))


def stampede(site, page, uncacheable):
    site.proxy.purge_all()
    before = site.renders(page)
    answers, _ = together(site.proxy.port, page, 200)
    check("200 simultaneous cold requests cost one render", site.renders(page) - before == 1, site.renders(page) - before)
    check("and all get the page", all(answer.status == 200 for answer in answers))
    together(site.proxy.port, uncacheable, 1)
    direct = min(together(site.port, uncacheable, 60)[1] for _ in range(3))
    proxied = min(together(site.proxy.port, uncacheable, 60)[1] for _ in range(3))
    check(f"60 requests of an uncacheable page are no slower than without ({proxied:.2f} s, {direct:.2f} s)", proxied < 1.5 * direct + 0.2)


def dead_and_frozen(site, page, other, uncacheable, budget):
    """`page` gets stored; `other` has not been asked for; the origin's first byte is waited for `budget` seconds."""
    def told(answer):
        return f"{answer.status} {answer.seconds:.2f} s"

    reader = Visitor(site.proxy.port)
    reader.get(page)
    site.freeze()
    answer = reader.get(page)
    check("frozen: fresh pages come at once", answer.status == 200 and answer.seconds < 0.2, told(answer))
    site.proxy.purge_all(soft=True)
    answer = reader.get(page)
    check("… stale ones too", answer.status == 200 and answer.seconds < 1.5, told(answer))
    answer = Visitor(site.proxy.port).get(uncacheable, timeout=40)
    check("… the rest is a clear 5xx within its budget", answer.status == 504 and answer.seconds < budget + 5, told(answer))
    site.thaw()
    site.kill()
    answer = reader.get(page)
    check("dead: what is stored still comes", answer.status == 200 and answer.seconds < 1.5, told(answer))
    answer = Visitor(site.proxy.port).get(uncacheable)
    check("… the rest is a clear 5xx at once", answer.status in (502, 503) and answer.seconds < 5, told(answer))
    site.start_again()
    wait_until("the application behind Davenport", lambda: Visitor(site.proxy.port).get(uncacheable).status == 200, 30)
    check("and all recovers by itself", Visitor(site.proxy.port).get(other).status == 200)
