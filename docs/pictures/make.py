#!/usr/bin/python3
"""Makes the pictures of the page: starts a broker, a daemon and responders, makes calls for two minutes,
and takes what Chromium shows. Needs what tests/system/test_browser.py needs, and pngquant.

    MQTT_BRIDGE_BUILD=build/system docs/pictures/make.py
"""

import math
import pathlib
import random
import subprocess
import sys
import threading
import time

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1] / "tests/system"))

from browser import Browser  # noqa: E402: it is in that folder
from harness import Caller, World, run  # noqa: E402

SECONDS = 125
COLOURS = "128"
ROUTES = """
[[route]]
path = "/thermostat/{room}"
topic = "{room}/lowercase/request"
"""


def make_calls(daemon, until, seed):
    """Now more, now fewer, and some that fail."""
    chance = random.Random(seed)
    began = time.monotonic()
    with Caller(daemon.port) as caller:
        while time.monotonic() < until:
            text = "x" * int(2 ** chance.uniform(2, 12))
            what = chance.random()
            if what < 0.12:
                caller.request("POST", f"/thermostat/{chance.choice(['kitchen', 'hall'])}", text)
            elif what < 0.125:
                caller.transform("reverse", text, netid="carol")
            else:
                action = chance.choice(["uppercase", "title-case", "reverse", "shuffle", "translate"])
                caller.transform(action, text, netid=chance.choice(["alice", "alice", "bob"]))
            wave = math.sin((time.monotonic() - began) / 14) + 0.5 * math.sin((time.monotonic() - began) / 5)
            time.sleep(chance.uniform(0.03, 0.07) * (2 - wave))


def main():
    with World() as world:
        broker = world.broker()
        routes = world.folder / "routes.toml"
        routes.write_text(ROUTES)
        daemon = world.daemon(broker, "--netids", "bob", "--action", "translate", "--routes", routes)
        world.responder(broker, "--id", "mqtt-responder-kitchen", "--serve", "translate=cat")
        until = time.monotonic() + SECONDS + 20
        callers = [threading.Thread(target=make_calls, args=(daemon, until, seed)) for seed in range(3)]
        for caller in callers:
            caller.start()
        time.sleep(SECONDS)
        for topic, text in (("alice/uppercase/response", "HELLO, LATE"), ("bob/reverse/response", "?")):
            run(["mosquitto_pub", "-p", str(broker.port), "-t", topic, "-m", text])
        with Browser() as browser:
            for name, scheme, width, height in (("light", "light", 1240, 1300), ("dark", "dark", 1240, 1300),
                                                ("phone", "light", 390, 844)):
                browser.look_like(width, height, scheme)
                browser.driver.get(daemon.url)
                browser.wait_for("#state", "Ready")
                browser.wait_for("#calls", "ok")
                browser.find("#text").clear()
                browser.find("#text").send_keys("they're here: grüße aus köln")
                browser.run("const select = document.querySelector('#target'); select.value = 'action title-case';"
                            "select.dispatchEvent(new Event('change', {bubbles: true}))")
                browser.find("#send").click()
                browser.wait_for("#answer .status", "200")
                browser.run("document.activeElement.blur()")
                file = FOLDER / f"page-{name}.png"
                browser.picture(file, None if name != "phone" else height)
                subprocess.run(["pngquant", "--force", "--ext", ".png", COLOURS, file], check=True)
                print(f"{file}: {file.stat().st_size} bytes")
        for caller in callers:
            caller.join()


main()
