"""A real browser, Debian's Chromium without a window, and axe-core, which looks for what keeps people
from using a page."""

import base64
import functools
import shutil
import unittest

import npm_packages
from harness import REPOSITORY, eventually

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = Keys = None

# The second line: what a browser does of its own accord, and a test machine has no network for.
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-quic")


def why_not():
    """Why there is no browser here; empty where there is one."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return "no Chromium here: install chromium and chromium-driver"
    return "" if webdriver else "no Selenium here: install python3-selenium"


@functools.cache
def axe_source():
    packages = npm_packages.install("axe", REPOSITORY / "tests/system/axe")
    return (packages / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


class Browser:
    """One tab. `find` and its like take CSS selectors."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        for argument in ARGUMENTS:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.implicitly_wait(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def look_like(self, width=1240, height=900, scheme="light"):
        self._command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)
        self._command("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])

    def _command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def find_all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self, selector):
        """Of all such elements, as a person sees it."""
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".map((each) => each.innerText).join('\\n')", selector)

    def wait_for(self, selector, part):
        """Waits until `part` is in the text of such an element."""
        def found():
            text = self.text(selector)
            return text if part in text else None
        try:
            return eventually(found, f"{part!r} in {selector}")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is: {self.text('body')}\n{self.complaints()}") from None

    def complaints(self):
        """What the browser's console has since the last time, but for answers that are errors."""
        return [line["message"] for line in self.driver.get_log("browser")
                if "Failed to load resource: the server responded" not in line["message"]]

    def axe(self):
        """What axe-core finds, in words."""
        self.run(axe_source())
        found = self.driver.execute_async_script(
            "axe.run().then(arguments[0], (error) => arguments[0]({violations: [{id: String(error), nodes: []}]}))")
        return [f"{each['id']}: {node['html']} {node.get('failureSummary', '')}"
                for each in found["violations"] for node in each["nodes"] or [{"html": ""}]]

    def picture(self, file, height=None):
        """Of the whole page, or of so much of it."""
        size = self._command("Page.getLayoutMetrics")["cssContentSize"]
        image = self._command("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                              clip={"x": 0, "y": 0, "width": size["width"],
                                    "height": height or size["height"], "scale": 1})
        file.write_bytes(base64.b64decode(image["data"]))


class NeedsBrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why_not():
            raise unittest.SkipTest(why_not())
        super().setUpClass()
