#!/usr/bin/python3
"""The demo shop behind Davenport in a real browser (headless Chromium), over TLS and HTTP/2: pictures, protocol and encodings are
checked, and what was seen is kept as pictures. Needs chromium, chromium-driver and python3-selenium.

    tests/applications/shop/run.py BUILD_DIR
"""
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
from chromium import Browser  # noqa: E402
from visit import Visitor, check, failures, free_port, wait_until  # noqa: E402

CONFIG = """
[[listen]]
address = "127.0.0.1:{port}"
[listen.tls]
certificates = [{{ certificate = "{work}/shop.pem", key = "{work}/shop.key" }}]

[origin.shop]
servers = ["127.0.0.1:{shop}"]

[admin]
address = "127.0.0.1:{admin}"
"""
RESOURCES = """return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')).map(entry => (
  {name: entry.name, protocol: entry.nextHopProtocol, encoded: entry.encodedBodySize, decoded: entry.decodedBodySize}))"""
PICTURES_DRAWN = "return Array.from(document.images).map(image => image.complete && image.naturalWidth > 0)"


class Shop:
    def __init__(self, build):
        self.work = Path(tempfile.mkdtemp(prefix="davenport-shop-"))
        self.port, shop, admin = free_port(), free_port(), free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=shop.test",
                        "-addext", "subjectAltName=DNS:shop.test", "-keyout", self.work / "shop.key", "-out", self.work / "shop.pem"], check=True, capture_output=True)
        (self.work / "davenport.toml").write_text(CONFIG.format(port=self.port, work=self.work, shop=shop, admin=admin))
        self.shop = self.start("shop", build / "docker" / "demo" / "davenport_demo_shop", "--listen", f"127.0.0.1:{shop}")
        wait_until("the shop", lambda: Visitor(shop).get("/").status == 200)
        self.proxy = self.start("proxy", build / "davenport", "run", self.work / "davenport.toml")
        wait_until("Davenport", lambda: Visitor(admin).get("/readyz").status == 200)

    def start(self, name, *command):
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=(self.work / f"{name}.log").open("w"))

    def stop(self):
        for process in (self.proxy, self.shop):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        if failures:
            print(f"logs and configuration: {self.work}")
        else:
            shutil.rmtree(self.work)


def look_at(browser, path, picture):
    browser.open(path, picture)
    browser.wait("the page", "document.readyState === 'complete'")
    resources = browser.driver.execute_script(RESOURCES)
    drawn = browser.driver.execute_script(PICTURES_DRAWN)
    check(f"{path}: {len(resources)} answers, all over HTTP/2", all(each["protocol"] == "h2" for each in resources), resources[:3])
    check(f"{path}: {len(drawn)} pictures, all drawn", drawn and all(drawn), drawn)
    texts = [each for each in resources if each["name"].split("?")[0].endswith((".css", ".js")) or each is resources[0]]
    plain = [each["name"] for each in texts if each["decoded"] >= 512 and each["encoded"] >= each["decoded"]]
    check(f"{path}: {len(texts)} texts, all compressed", len(texts) > 1 and not plain, plain)


def main():
    shop = Shop(Path(sys.argv[1]))
    try:
        with Browser("shop", f"https://shop.test:{shop.port}", "MAP shop.test 127.0.0.1", "--ignore-certificate-errors") as browser:
            look_at(browser, "/", "1-home")
            look_at(browser, "/product/17", "2-product")
            look_at(browser, "/product/17", "3-product-again")
            check("the second look comes from the cache", "cache: hit" in browser.driver.page_source)
            look_at(browser, "/category/3", "4-category")
    finally:
        shop.stop()
    print(f"{len(failures)} failed" if failures else "all good")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
