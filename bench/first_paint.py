#!/usr/bin/env python3
"""How soon a browser shows something of the page at /, in milliseconds of ten loads.

    bench/first_paint.py BUILD
"""

import os
import pathlib
import statistics
import sys

os.environ["MQTT_BRIDGE_BUILD"] = str(pathlib.Path(sys.argv[1]).resolve())
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
from browser import Browser  # noqa: E402: it is in that folder
from harness import World, eventually  # noqa: E402

LOADS = 10


def first_paint(browser, url):
    browser.driver.get("about:blank")
    browser.driver.get(url)
    return eventually(lambda: browser.run(
        "return performance.getEntriesByName('first-contentful-paint')"
        ".map((each) => each.startTime)"), "it is painted")[0]


def main():
    with World() as world, Browser() as browser:
        daemon = world.daemon(world.broker())
        took = sorted(round(first_paint(browser, daemon.url)) for _ in range(LOADS))
    print(f"first paint: median {statistics.median(took):.0f} ms of {took}")


main()
