"""A headless Chromium that keeps pictures of what it saw, in build/pictures."""
import shutil

from visit import TREE

PICTURES = TREE / "build" / "pictures"


class Browser:
    """`base`: what paths are asked of. `hosts`: a rule for names, as --host-resolver-rules has it. Raises ImportError or TypeError where
    there is no browser."""

    def __init__(self, name, base, hosts, *flags):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        self.name, self.base = name, base
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", f"--host-resolver-rules={hosts}", *flags):
            options.add_argument(flag)
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)
        PICTURES.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def open(self, path, picture=None):
        self.driver.get(self.base + path)
        if picture:
            self.keep(picture)
        return self.driver.page_source

    def keep(self, picture):
        self.driver.save_screenshot(str(PICTURES / f"{self.name}-{picture}.png"))

    def fill(self, **fields):
        for name, value in fields.items():
            self.driver.find_element("id", name).send_keys(value)

    def wait(self, what, script):
        from selenium.webdriver.support.ui import WebDriverWait
        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(f"return {script}"), what)
