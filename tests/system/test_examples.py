"""What docs/ show is right as it stands: the reverse proxy, between a browser and the daemon."""

import http.client
import re
import socket
import ssl
import subprocess
import unittest

import private_machine
from harness import (BUILD, PATIENCE, REPOSITORY, Process, SystemTest, World, eventually)
from test_tls import Authority

SECURITY = (REPOSITORY / "docs/security.md").read_text(encoding="utf-8")
NAME = "bridge.example.org"
SOCKET = "/run/mqtt-bridge/bridge.sock"
TOKEN = {"Authorization": "Bearer correct-horse"}


def block(language, word):
    """The one block of this language in docs/security.md that has the word."""
    (found,) = [each for each in re.findall(rf"```{language}\n(.*?)```", SECURITY, re.S) if word in each]
    return found


def setUpModule():
    private_machine.enter()


class Browser:
    """Speaks HTTPS to a port of 127.0.0.1 as if the name led there."""

    def __init__(self, port, authority):
        context = ssl.create_default_context(cafile=authority.ca)
        self._connection = http.client.HTTPSConnection(NAME, port, timeout=PATIENCE, context=context)
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._connection.sock = context.wrap_socket(plain, server_hostname=NAME)

    def post(self, target, body, headers):
        """http.client names the port in Host wherever it is not 443, as a browser does."""
        self._connection.request("POST", target, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()

    def close(self):
        self._connection.close()


class ReverseProxy(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)
        cls.authority = Authority(world.folder / "authority")
        certificate, key = cls.authority.sign("bridge", f"DNS:{NAME}")
        for path, source in (("/etc/ssl/certs/bridge.pem", certificate),
                             ("/etc/ssl/private/bridge.key", key)):
            with open(source, encoding="ascii") as text:
                private_machine.replace(path, text.read())
        token = world.folder / "token"
        token.write_text("correct-horse\n")
        private_machine.run("mkdir", "/run/mqtt-bridge")
        options = re.search(r"started with `(--listen\s[^`]*?) --token-file \.\.\.`", SECURITY).group(1)
        cls.daemon = world.add_ours(Process("mqtt_bridged", [
            BUILD / "mqtt_bridged", "--broker", cls.broker.url, *options.split(), "--token-file",
            token]))
        cls.daemon.wait_for_line(r"linked to")

    def nginx(self, port):
        """Debian's, with the page's block, but for the port."""
        example = block("nginx", "proxy_pass").replace("listen 443 ", f"listen {port} ")
        config = self.world.folder / "nginx.conf"
        config.write_text(f"daemon off; pid {self.world.folder}/nginx.pid; error_log stderr;\n"
                          "user root; events {}\n"
                          f"http {{ access_log off;\n{example}\n}}\n")
        checked = subprocess.run(["/usr/sbin/nginx", "-t", "-q", "-c", config], check=False,
                                 capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stderr.decode())
        nginx = self.world.add(Process("nginx", ["/usr/sbin/nginx", "-c", config]))

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        eventually(listens, f"nginx listens\n{nginx.log()}")

    def browser(self, port):
        browser = Browser(port, self.authority)
        self.addCleanup(browser.close)
        return browser

    def test_a_page_of_the_site_itself_may_call_on_every_port(self):
        for port in (443, 8443):
            with self.subTest(port=port):
                self.nginx(port)
                origin = f"https://{NAME}" + ("" if port == 443 else f":{port}")
                browser = self.browser(port)
                for headers in ({}, {"Origin": origin, "Sec-Fetch-Site": "same-origin"},
                                {"Origin": origin}):
                    self.assertEqual(browser.post("/transform/uppercase", "abc", TOKEN | headers),
                                     (200, "ABC"), headers)
                for foreign in ("https://evil.example", f"https://{NAME}:444", f"http://{NAME}:8080"):
                    status, _ = browser.post("/transform/uppercase", "abc",
                                             TOKEN | {"Origin": foreign})
                    self.assertEqual(status, 403, foreign)

    def test_the_token_and_the_limits_are_the_daemons(self):
        self.nginx(443)
        browser = self.browser(443)
        self.assertEqual(browser.post("/transform/uppercase", "abc", {})[0], 401)
        largest = "a" * (1024 * 1024)
        self.assertEqual(browser.post("/transform/uppercase?timeout=20s", largest, TOKEN),
                         (200, largest.upper()))


if __name__ == "__main__":
    unittest.main()
