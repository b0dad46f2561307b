"""The alerts and the dashboard of config/, in a real Prometheus that watches a real daemon."""

import json
import os
import re
import shutil
import signal
import subprocess
import unittest
import urllib.parse
import urllib.request

from harness import (PATIENCE, REPOSITORY, Caller, Process, SystemTest, World, environment, eventually,
                     unused_port)
from mqtt_peer import answer_with, responder, silent_service
from test_observability import Talker

RULES = REPOSITORY / "config/prometheus/mqtt-bridge.rules.yml"
DASHBOARD = REPOSITORY / "config/grafana/mqtt-bridge.json"
CONFIG = """
global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}
rule_files: [{rules}]
scrape_configs:
  - job_name: mqtt-bridge
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], env=environment(), capture_output=True, text=True,
                          timeout=PATIENCE, check=False)


def expressions():
    """Those of the dashboard, by title, with what Grafana puts in for its variables."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for variable, value in (("$job", ".+"), ("$instance", ".+"), ("$__rate_interval", "10s")):
                expression = expression.replace(variable, value)
            yield f"{panel['title']} {target['refId']}", expression
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"].replace("$job", ".+").replace("$instance", ".+")


class Files(unittest.TestCase):
    def test_the_alerts_are_rules_and_fire_when_they_should(self):
        for arguments in (("check", "rules", str(RULES)),
                          ("check", "config", str(REPOSITORY / "config/prometheus/prometheus.yml")),
                          ("check", "config", "--syntax-only",
                           str(REPOSITORY / "docker/prometheus.yml")),
                          ("test", "rules", str(REPOSITORY / "tests/prometheus/alerts_test.yml"))):
            with self.subTest(arguments):
                checked = promtool(*arguments)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_every_alert_is_tested(self):
        alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))
        self.assertGreater(len(alerts), 10)
        tests = (REPOSITORY / "tests/prometheus/alerts_test.yml").read_text(encoding="utf-8")
        self.assertEqual(alerts, set(re.findall(r"MqttBridge\w+", tests)))

    def test_the_dashboard_is_one_that_grafana_can_import(self):
        dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        self.assertNotIn("id", dashboard)  # which is that of one installation
        self.assertTrue(dashboard["uid"] and dashboard["title"] and dashboard["schemaVersion"])
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertLessEqual(place["x"] + place["w"], 24)
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            for target in panel.get("targets", ()):
                self.assertEqual(target["datasource"]["uid"], "${datasource}")


class Monitoring(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        routes = world.folder / "routes.toml"
        routes.write_text('[[route]]\npath = "/lamp"\ntopic = "lamp/uppercase/request"\n')
        cls.config = world.folder / "bridge.toml"
        cls.config.write_text(f'routes = ["{routes}"]\n')
        cls.daemon = world.daemon(cls.broker, "--config", str(cls.config))
        prometheus_config = world.folder / "prometheus.yml"
        prometheus_config.write_text(CONFIG.format(rules=RULES, port=cls.daemon.port))
        with unused_port() as port:
            cls.port = port
        program = shutil.which("prometheus") or "/usr/bin/prometheus"
        prometheus = world.add(Process("prometheus", [
            program, "--config.file", prometheus_config, "--storage.tsdb.path",
            world.folder / "prometheus", "--web.listen-address", f"127.0.0.1:{port}"]))
        prometheus.wait_for_line("Server is ready to receive web requests")

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            read = json.load(answer)
        self.assertEqual(read["status"], "success")
        return read["data"]

    def values(self, expression):
        return [sample["value"][1] for sample in self.ask("query", query=expression)["result"]]

    def use(self):
        """A call of each kind that the dashboard shows."""
        with Caller(self.daemon.port) as caller:
            with responder(self.broker, answer_with(lambda payload: payload.upper())):
                caller.transform("uppercase", "hello")
                caller.request("POST", "/lamp", b"hello")
            with silent_service(self.broker):
                caller.transform("lowercase", "HELLO", timeout="20ms")
            caller.transform("nothing", "hello")
        with Talker(self.broker, "nothing") as talker:
            talker.publish("alice/reverse/response", "for nobody")

    def test_every_panel_of_the_dashboard_shows_something(self):
        eventually(lambda: self.values('up{job="mqtt-bridge"}') == ["1"], "it is watched")
        quiet = {"Starts", "Broker lost"}
        empty = None

        def shows_all():
            nonlocal empty
            self.use()
            empty = {title for title, expression in expressions()
                     if not [value for value in self.values(expression) if value != "NaN"]} - quiet
            return not empty

        eventually(shows_all, "every panel shows something")
        self.assertFalse(empty)

    def test_an_alert_fires_for_a_configuration_that_is_not_taken(self):
        self.assertEqual({rule["name"] for group in self.ask("rules")["groups"]
                          for rule in group["rules"] if rule["health"] == "err"}, set())
        good = self.config.read_text(encoding="utf-8")
        self.config.write_text("nonsense = 1")
        os.kill(self.daemon.pid, signal.SIGHUP)
        eventually(lambda: [alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"]
                            if alert["labels"]["alertname"] == "MqttBridgeReloadFailed"],
                   "the alert is pending or fires")
        self.config.write_text(good)
        os.kill(self.daemon.pid, signal.SIGHUP)
        eventually(lambda: "MqttBridgeReloadFailed" not in {
            alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"]}, "it is over")


if __name__ == "__main__":
    unittest.main()
