"""The page at `/` in a real browser: it loads, it calls, it shows what happens, and everybody can use
it. test_page.py asks for it as programs do."""

import unittest

from browser import Browser, Keys, NeedsBrowser
from harness import SystemTest, World, eventually, run

TOKEN = "0123456789abcdef"
ROUTES = """
[[route]]
path = "/shout/{who}"
topic = "{who}/uppercase/request"
methods = ["POST", "GET"]

[[route]]
path = "/guarded/{who}"
topic = "{who}/uppercase/request"
token-file = "token"
"""


def token_file(world):
    file = world.folder / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


class Page(NeedsBrowser, SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        routes = world.folder / "routes.toml"
        routes.write_text(ROUTES.replace('"token"', f'"{token_file(world)}"'))
        cls.daemon = world.daemon(cls.broker, "--routes", routes)
        world.responder(cls.broker)
        cls.browser = world.enter_context(Browser())

    def setUp(self):
        super().setUp()
        self.browser.look_like()
        self.load(self.daemon)

    def load(self, daemon):
        self.browser.driver.get("about:blank")  # or Chromium may keep the form
        self.browser.driver.get(daemon.url)
        self.browser.run("sessionStorage.clear()")

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        super().tearDown()

    def wait_until_ready(self):
        self.browser.wait_for("#state", "Ready")

    def choose(self, what):
        self.browser.wait_for("#target", what)
        self.browser.run(
            "const select = document.querySelector('#target');"
            "select.selectedIndex = [...select.options].findIndex((each) => each.text === arguments[0]);"
            "select.dispatchEvent(new Event('change', {bubbles: true}))", what)

    def fill(self, selector, text):
        field = self.browser.find(selector)
        field.clear()
        field.send_keys(text)

    def call(self, text):
        self.fill("#text", text)
        self.browser.find("#send").click()

    def publish(self, topic, text):
        run(["mosquitto_pub", "-p", str(self.broker.port), "-t", topic, "-m", text])

    # What it shows --------------------------------------------------------------------------------

    def test_it_shows_the_link_and_who_is_there(self):
        self.wait_until_ready()
        self.assertIn(self.broker.url, self.browser.text("#broker"))
        self.assertIn("MQTT 5", self.browser.text("#broker"))
        self.assertIn("title-case", self.browser.wait_for("#responders", "mqtt-responder"))
        self.browser.wait_for("#plot-calls .now", "0")

    def test_a_call_shows_its_answer_how_it_was_matched_and_where_the_time_went(self):
        self.wait_until_ready()
        self.call("Grüße, world")
        self.browser.wait_for("#answer .payload", "GRÜSSE, WORLD")
        self.assertIn("200", self.browser.text("#answer .status"))
        self.assertIn("Correlation Data", self.browser.text("#answer .facts"))
        for part in ("publish", "PUBACK", "response"):
            self.assertIn(part, self.browser.text("#answer .where"))
        self.assertRegex(self.browser.text("#answer .where .ms"), r"\d ms")
        request_id = self.browser.text("#answer .facts dd:last-of-type")
        row = self.browser.wait_for("#calls tbody tr:first-child", request_id)
        for part in ("uppercase", "alice", "ok", "correlation"):
            self.assertIn(part, row)
        self.assertNotIn("world", self.browser.text("#calls").lower())

    def test_the_keyboard_is_enough(self):
        self.wait_until_ready()
        ids = []
        for _ in range(12):
            self.browser.driver.switch_to.active_element.send_keys(Keys.TAB)
            ids.append(self.browser.run("return document.activeElement.id || document.activeElement.tagName"))
        self.assertEqual(ids[:6], ["target", "netid", "timeout", "text", "send", "SUMMARY"])
        self.fill("#text", "from the keyboard")
        self.browser.find("#text").send_keys(Keys.CONTROL, Keys.ENTER)
        self.browser.wait_for("#answer .payload", "FROM THE KEYBOARD")

    def test_a_problem_is_explained(self):
        self.wait_until_ready()
        self.fill("#netid", "stranger")
        self.call("x")
        answer = self.browser.wait_for("#answer", "netid-not-served")
        self.assertIn("403", answer)
        self.assertIn("netid-not-served", self.browser.wait_for("#calls", "stranger"))
        self.fill("#netid", "")

    def test_a_route_is_called_with_its_variables(self):
        self.wait_until_ready()
        self.choose("/shout/{who}")
        self.fill("#variables [name=who]", "a b")
        self.call("hello")
        self.browser.wait_for("#answer .payload", "HELLO")
        self.browser.find("summary").click()
        self.assertIn("/shout/a%20b'", self.browser.text("#command"))
        self.browser.wait_for("#calls", "/shout/{who}")

    def test_a_route_with_a_token_of_its_own_asks_for_it(self):
        self.wait_until_ready()
        self.choose("/guarded/{who}")
        self.fill("#variables [name=who]", "alice")
        self.assertFalse(self.browser.find("#route-token").is_displayed())
        self.call("hello")
        self.browser.wait_for("#answer", "unauthorized")
        self.fill("#route-token", TOKEN)
        self.call("hello")
        self.browser.wait_for("#answer .payload", "HELLO")

    def test_the_command_does_the_same(self):
        self.wait_until_ready()
        self.fill("#text", "it's $HOME & \"more\"\n\\n")
        self.browser.find("summary").click()
        command = self.browser.text("#command")
        self.assertEqual(run(["sh", "-c", f"{command} -s"]).stdout, "IT'S $HOME & \"MORE\"\n\\N")

    def test_a_dropped_response_shows_without_its_text(self):
        self.wait_until_ready()
        self.publish("alice/reverse/response", "nobody asked for this")
        row = self.browser.wait_for("#dropped tbody", "alice/reverse/response")
        self.assertIn("unmatched", row)
        self.assertIn("21 B", row)
        self.assertNotIn("nobody", self.browser.text("body"))

    def test_the_plots_move(self):
        self.wait_until_ready()
        self.call("x")
        self.browser.wait_for("#plot-latency .now", "ms")
        self.browser.wait_for("#plot-latency .top", "ms")
        label = self.browser.find("#plot-calls svg").get_attribute("aria-label")
        self.assertRegex(label, r"Calls a second: calls \d+; at most [1-9]\d* in two minutes")
        self.fill("#netid", "stranger")
        self.call("x")
        self.browser.wait_for("#calls", "netid-not-served")
        eventually(lambda: self.browser.find_all("#plot-errors .bar"), "a bar for the error")

    # What happens ---------------------------------------------------------------------------------

    def test_a_broker_that_goes_and_comes_back_shows(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        self.load(daemon)
        self.wait_until_ready()
        broker.kill()
        self.browser.wait_for("#state", "Not ready")
        self.assertIn(broker.address, self.browser.wait_for("#notice", "broker"))
        broker.start_again()
        self.wait_until_ready()
        self.assertEqual(self.browser.text("#notice"), "")

    def test_a_daemon_that_stops_shows(self):
        daemon = self.world.daemon(self.broker)
        self.load(daemon)
        self.wait_until_ready()
        daemon.stop()
        self.browser.wait_for("#state", "No contact")
        self.browser.driver.get("about:blank")
        self.browser.complaints()  # of connections refused

    def test_it_asks_for_the_token_and_keeps_it_for_the_tab(self):
        daemon = self.world.daemon(self.broker, "--token-file", token_file(self.world), ready=False)
        self.load(daemon)
        self.browser.wait_for("#token-form", "asks for a token")
        self.assertEqual(self.browser.axe(), [])
        for token in ("wrong", TOKEN):
            self.fill("#token", token)
            self.browser.find("#token-form button").click()
            if token == "wrong":
                self.browser.wait_for("#notice", "not the bridge's token")
        self.wait_until_ready()
        self.call("with a token")
        self.browser.wait_for("#answer .payload", "WITH A TOKEN")
        self.browser.driver.refresh()
        self.wait_until_ready()
        self.assertNotIn(TOKEN, self.browser.run("return document.documentElement.outerHTML"))

    # For everybody --------------------------------------------------------------------------------

    def test_axe_finds_nothing_in_light_and_dark_on_a_screen_and_a_phone(self):
        self.publish("alice/reverse/response", "nobody asked for this")
        for scheme in ("light", "dark"):
            for width in (1240, 390):
                with self.subTest(scheme=scheme, width=width):
                    self.browser.look_like(width=width, scheme=scheme)
                    self.load(self.daemon)
                    self.wait_until_ready()
                    self.browser.find("summary").click()
                    self.call("x")
                    self.browser.wait_for("#answer .status", "200")
                    self.browser.wait_for("#calls", "ok")
                    self.browser.wait_for("#dropped", "unmatched")
                    self.assertEqual(self.browser.axe(), [])
                    self.fill("#netid", "stranger")
                    self.call("x")
                    self.browser.wait_for("#answer .status", "403")
                    self.assertEqual(self.browser.axe(), [])

    def test_axe_finds_nothing_where_there_is_nothing_to_show(self):
        daemon = self.world.daemon("mqtt://127.0.0.1:9", ready=False)
        for scheme in ("light", "dark"):
            self.browser.look_like(scheme=scheme)
            self.load(daemon)
            self.browser.wait_for("#state", "Not ready")
            self.browser.wait_for("#calls", "No call yet")
            self.assertEqual(self.browser.axe(), [])

    def test_nothing_is_wider_than_a_small_phone(self):
        self.browser.look_like(width=320)
        self.load(self.daemon)
        self.wait_until_ready()
        self.choose("/shout/{who}")
        self.fill("#variables [name=who]", "x" * 60)
        self.browser.find("summary").click()
        self.call("x" * 300)
        self.browser.wait_for("#answer .status", "200")
        self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 320)


if __name__ == "__main__":
    unittest.main()
