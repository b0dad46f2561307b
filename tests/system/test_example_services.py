"""The services of examples/, each between the daemon and a broker, started as its first lines say."""

import concurrent.futures
import json
import re
import shutil
import subprocess
import unittest

import npm_packages
from harness import PATIENCE, REPOSITORY, Caller, Process, SystemTest, environment

EXAMPLES = REPOSITORY / "examples"
AT_ONCE = 32


def built(source, folder):
    """By the command that stands in it. The program."""
    (command,) = re.findall(r"^// +(c\+\+ .*)", source.read_text(), re.M)
    shutil.copy(source, folder)
    subprocess.run(command.replace("c++ ", "c++ -Wall -Wextra -Werror ", 1), cwd=folder, shell=True,
                   check=True)
    return folder / source.stem


class Services(SystemTest):
    def start(self, name):
        self.broker = self.world.broker()
        self.daemon = self.world.daemon(self.broker, "--action", "greet")
        source = EXAMPLES / name
        if source.suffix == ".py":
            command = ["/usr/bin/python3", source, "127.0.0.1", str(self.broker.port)]
        elif source.suffix == ".js":
            packages = npm_packages.install("examples", EXAMPLES / "node")
            command = ["node", npm_packages.module_in(packages, source), self.broker.url]
        else:
            command = [built(source, self.world.folder), self.broker.url]
        service = self.world.add(Process(name, command, environment()))
        self.broker.wait_for_line(r"\+/greet/request \(QoS 1\)")
        return service

    def greet(self, name, **query):
        with Caller(self.daemon.port) as caller:
            return caller.transform("greet", name, {"Accept": "application/json"}, **query)

    def assert_greets(self, rule):
        """One after the other, and at once; each caller gets the answer that was meant for it."""
        names = [f"Ada {n} \u00e4" for n in range(AT_ONCE)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            answers = [self.greet("Grace"), *pool.map(lambda name: self.greet(
                name, timeout=f"{PATIENCE}s"), names)]
        for name, answer in zip(["Grace", *names], answers):
            self.assertEqual(answer.status, 200, answer)
            said = json.loads(answer.body)
            self.assertEqual((said["response"], said["matched_by"]), (f"Hello, {name}!", rule))

    def assert_serves_3(self, name):
        self.start(name)
        self.assert_greets("turn")

    def assert_serves_5(self, name):
        self.start(name)
        self.assert_greets("correlation")
        answer = self.greet("")
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("whom shall I greet?", json.loads(answer.body)["detail"])

    def test_python_with_mqtt_3(self):
        self.assert_serves_3("python/responder_3.py")

    def test_python_with_mqtt_5(self):
        self.assert_serves_5("python/responder_5.py")

    def test_node_with_mqtt_3(self):
        self.assert_serves_3("node/responder_3.js")

    def test_node_with_mqtt_5(self):
        self.assert_serves_5("node/responder_5.js")

    def test_cpp_with_mqtt_3(self):
        self.assert_serves_3("cpp/responder_3.cpp")

    def test_cpp_with_mqtt_5(self):
        self.assert_serves_5("cpp/responder_5.cpp")

    def test_each_service_of_the_examples_has_its_test(self):
        for source in EXAMPLES.glob("*/responder_*"):
            language, version = source.parent.name, source.stem[-1]
            self.assertTrue(hasattr(self, f"test_{language}_with_mqtt_{version}"), source)


if __name__ == "__main__":
    unittest.main()
