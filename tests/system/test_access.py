"""Who may call: Host, Origin, Sec-Fetch-Site and the bearer token, each alone and against the
others, over TCP and over the unix socket. What is refused is refused in a certain order (the
stranger before his token, the token before a multipart body), says nothing that a page of another
site could read, and never comes to MQTT: each row calls under a NetID of its own, which the
broker's log then has or has not."""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import sys
import typing
import unittest

from harness import BUILD, PATIENCE, Process, SystemTest, World, run, send_raw

TOKEN = "correct-horse"
BEARER = f"Bearer {TOKEN}"

OK = (200, None)
FOREIGN = (403, "forbidden-origin")
NO_TOKEN = (401, "unauthorized")
NO_TEXT = (415, "unsupported-media-type")
NO_METHOD = (405, "method-not-allowed")

FORM = "multipart/form-data; boundary=x"
HOME = "localhost:8426"
PAGE = "http://localhost:8426"  # one that this bridge would serve under that Host
EVIL = "http://evil.example"


class Row(typing.NamedTuple):
    """A request and what it gets; what is None is not sent."""
    wanted: tuple
    host: str = HOME
    origin: str | None = None
    site: str | None = None  # Sec-Fetch-Site
    type: str | None = None
    token: str | None = None  # Authorization
    daemon: str = "plain"  # or "token", "hosts"
    door: str = "tcp"  # or "unix"
    method: str = "POST"
    target: str | None = None  # none: a call under a NetID of the row's own
    more: tuple = ()


def rows(*each, **common):
    """A row for each (wanted, value), the value in the field that `common` has as `of`."""
    field = common.pop("of")
    return [Row(wanted, **{**common, field: value}) for wanted, value in each]


HOSTS = rows(
    (OK, "localhost"), (OK, "LocalHost"), (OK, HOME), (OK, "localhost:"), (OK, "localhost."),
    (OK, "a.localhost"), (OK, "a.b.LOCALHOST:1"), (OK, "127.0.0.1"), (OK, "127.255.255.254:65535"),
    (OK, "127.0.0.1."), (OK, "[::1]"), (OK, "[0:0:0:0:0:0:0:1]:80"), (OK, "[::0.0.0.1]"),
    (FOREIGN, ""), (FOREIGN, "evil.example"), (FOREIGN, "evil.example:8426"),
    (FOREIGN, "localhost.evil.example"), (FOREIGN, "evillocalhost"), (FOREIGN, ".localhost"),
    (FOREIGN, "a..localhost"), (FOREIGN, "localhost.."), (FOREIGN, "localhos"),
    (FOREIGN, "127.0.0.1.evil.example"), (FOREIGN, "127.1"), (FOREIGN, "2130706433"),
    (FOREIGN, "0x7f.0.0.1"), (FOREIGN, "0177.0.0.1"), (FOREIGN, "127.0.0.256"),
    (FOREIGN, "0.0.0.0"), (FOREIGN, "126.255.255.255"), (FOREIGN, "128.0.0.1"),
    (FOREIGN, "192.168.0.1"), (FOREIGN, "[::]"), (FOREIGN, "[::2]"),
    (FOREIGN, "[::ffff:127.0.0.1]"),
    (FOREIGN, "local%68ost"), (FOREIGN, "bridge.example"), of="host")

CONFIGURED_HOSTS = rows(
    (OK, "bridge.example"), (OK, "BRIDGE.example:443"), (OK, "bridge.example."), (OK, "[fd00::1]"),
    (OK, "[FD00:0::0:1]:80"), (OK, "localhost"), (FOREIGN, "a.bridge.example"),
    (FOREIGN, "xbridge.example"), (FOREIGN, "bridge.example.evil.example"), (FOREIGN, "[fd00::2]"),
    (FOREIGN, ""), (FOREIGN, "evil.example"), of="host", daemon="hosts")

ORIGINS = rows(
    (OK, PAGE), (OK, "https://localhost:8426"), (OK, "HTTP://LOCALHOST:8426"),
    (FOREIGN, "http://localhost"), (FOREIGN, "http://localhost:3000"), (FOREIGN, "null"),
    (FOREIGN, ""), (FOREIGN, "http://127.0.0.1:8426"), (FOREIGN, "http://a.localhost:8426"),
    (FOREIGN, EVIL), (FOREIGN, "http://evil.example:8426"), (FOREIGN, PAGE + ".evil.example"),
    (FOREIGN, PAGE + "/"), (FOREIGN, f"{PAGE} {EVIL}"), (FOREIGN, f"{PAGE}, {EVIL}"),
    (FOREIGN, "http://me@localhost:8426"), (FOREIGN, HOME), (FOREIGN, "//" + HOME),
    (FOREIGN, "ftp://localhost:8426"), (FOREIGN, "ws://localhost:8426"), (FOREIGN, "file://"),
    (FOREIGN, "chrome-extension://abcdefgh"), (FOREIGN, "*"), of="origin")

ORIGINS_AND_HOSTS = [
    Row(OK, "localhost", "http://localhost"),
    Row(OK, "localhost", "https://localhost"),
    Row(OK, "localhost", "http://localhost:80"),
    Row(OK, "localhost:80", "http://localhost"),
    Row(OK, "localhost", "https://localhost:443"),
    Row(FOREIGN, "localhost", "http://localhost:443"),
    Row(FOREIGN, "localhost:443", "http://localhost"),
    Row(FOREIGN, "localhost", PAGE),
    Row(OK, "127.0.0.1:8426", "http://127.0.0.1:8426"),
    Row(FOREIGN, "127.0.0.1:8426", PAGE),
    Row(OK, "[::1]:8426", "http://[::1]:8426"),
    Row(OK, "[::1]:8426", "http://[0:0:0:0:0:0:0:1]:8426"),
    Row(FOREIGN, "[::1]:8426", PAGE),
    Row(FOREIGN, "evil.example", EVIL),  # DNS rebinding
    Row(FOREIGN, "evil.example", PAGE),
    Row(OK, "bridge.example", "https://bridge.example", daemon="hosts"),
    Row(OK, "bridge.example:8426", "http://bridge.example:8426", daemon="hosts"),
    Row(FOREIGN, "bridge.example", "http://bridge.example:8426", daemon="hosts"),
    Row(FOREIGN, "bridge.example", "http://localhost", daemon="hosts"),
    Row(FOREIGN, "localhost", "http://bridge.example", daemon="hosts"),
    Row(FOREIGN, "bridge.example", "null", daemon="hosts"),
]

SITES = rows(
    (OK, "none"), (OK, "same-origin"), (FOREIGN, "same-site"), (FOREIGN, "cross-site"),
    (FOREIGN, ""), (FOREIGN, "Same-Origin"), (FOREIGN, "none, none"), (FOREIGN, "\"none\""),
    (FOREIGN, "anything"), of="site") + [
    Row(OK, origin=PAGE, site="same-origin"),
    Row(FOREIGN, origin=PAGE, site="cross-site"),
    Row(FOREIGN, origin=EVIL, site="same-origin"),
    Row(FOREIGN, "evil.example", site="same-origin"),
    Row(FOREIGN, "evil.example", EVIL, "same-origin"),
    Row(FOREIGN, "evil.example", site="none"),
]

OVER_THE_SOCKET = [row._replace(door="unix") for row in [
    *rows((OK, "localhost"), (OK, "evil.example"), (OK, "evil.example:1"), (OK, ""),
          (OK, "192.168.0.1"), of="host"),
    *rows((OK, "none"), (OK, "same-origin"), (FOREIGN, "same-site"), (FOREIGN, "cross-site"),
          of="site"),
    *rows((OK, PAGE), (FOREIGN, EVIL), (FOREIGN, "null"), (FOREIGN, "http://localhost"),
          of="origin"),
    Row(OK, "evil.example", EVIL),
    Row(FOREIGN, "", EVIL),
    Row(NO_TEXT, type=FORM),
    Row(FOREIGN, origin=EVIL, type=FORM),
    *rows((NO_TOKEN, None), (NO_TOKEN, "Bearer wrong"), (OK, BEARER), of="token", daemon="token"),
    Row(FOREIGN, origin=EVIL, token=BEARER, daemon="token"),
]]

TOKENS = rows(
    (OK, BEARER), (OK, f"bearer {TOKEN}"), (OK, f"BEARER   {TOKEN}"), (OK, f"{BEARER} "),
    (NO_TOKEN, None), (NO_TOKEN, ""), (NO_TOKEN, "Bearer"), (NO_TOKEN, "Bearer wrong"),
    (NO_TOKEN, TOKEN), (NO_TOKEN, f"Bearer{TOKEN}"), (NO_TOKEN, f"{BEARER}x"),
    (NO_TOKEN, BEARER[:-1]), (NO_TOKEN, f"Bearer {TOKEN.upper()}"), (NO_TOKEN, f"{BEARER}="),
    (NO_TOKEN, f"Bearer \"{TOKEN}\""), (NO_TOKEN, f"{BEARER}, Bearer x"), (NO_TOKEN, f"{BEARER} x"),
    (NO_TOKEN, f"Basic {TOKEN}"), (NO_TOKEN, "Basic Y29ycmVjdC1ob3JzZQ=="),
    (NO_TOKEN, f"Token {TOKEN}"), (NO_TOKEN, "Bearer correct%2Dhorse"),
    (NO_TOKEN, "Bearer " + "x" * 9000),
    of="token", daemon="token") + [
    Row(OK, token="Bearer whatever"),  # where none is asked for
    Row(NO_TOKEN, daemon="token", type=FORM),
    Row(NO_TEXT, daemon="token", type=FORM, token=BEARER),
    Row(FOREIGN, "evil.example", daemon="token", token=BEARER),
    Row(FOREIGN, "evil.example", daemon="token"),
    Row(FOREIGN, daemon="token", origin=EVIL, token=BEARER, type=FORM),
    Row(FOREIGN, daemon="token", site="cross-site", token=BEARER),
    Row(OK, daemon="token", origin=PAGE, site="same-origin", token=BEARER),
    Row(NO_TOKEN, daemon="token", origin=PAGE, site="same-origin"),
    Row(NO_TOKEN, daemon="token", method="GET", target="/healthz"),
    Row(NO_TOKEN, daemon="token", method="GET", target="/readyz"),
    Row(NO_TOKEN, daemon="token", method="GET", target="/nowhere"),
    Row(NO_TOKEN, daemon="token", target="/transform/rot13"),
    Row(NO_TOKEN, daemon="token", method="PUT", target="/transform/uppercase"),
    Row(OK, daemon="token", method="GET", target="/readyz", token=BEARER),
]

TYPES = rows(
    (OK, None), (OK, "text/plain"), (OK, "text/plain; charset=utf-8"), (OK, ""),
    (OK, "application/x-www-form-urlencoded"), (OK, "application/json"),
    (OK, "text/plain; a=multipart/form-data"), (OK, "x-multipart/form-data"),
    (NO_TEXT, FORM), (NO_TEXT, "multipart/form-data"), (NO_TEXT, "Multipart/Mixed; boundary=x"),
    (NO_TEXT, "multipart/x"), of="type") + [
    Row(FOREIGN, "evil.example", type=FORM),
    Row(FOREIGN, site="cross-site", type=FORM),
]

# What a page of another site can make a browser send.
ATTACKS = [
    Row(FOREIGN, origin=EVIL, site="cross-site", type="text/plain;charset=UTF-8"),  # fetch()
    Row(FOREIGN, origin="null", site="cross-site", type="application/x-www-form-urlencoded"),
    Row(FOREIGN, origin=EVIL, type=FORM),
    Row(FOREIGN, site="cross-site", method="GET", target="/healthz"),  # an image
    Row(FOREIGN, site="same-site", method="GET", target="/readyz"),  # one of another local port
    Row(FOREIGN, origin="http://localhost:3000", site="same-site"),
    Row(FOREIGN, origin=EVIL, method="OPTIONS",
        more=("Access-Control-Request-Method: POST",
              "Access-Control-Request-Headers: authorization")),
    Row(NO_METHOD, origin=PAGE, method="OPTIONS", more=("Access-Control-Request-Method: POST",)),
    Row(FOREIGN, origin=EVIL, method="OPTIONS",
        more=("Access-Control-Request-Private-Network: true",)),
    Row(FOREIGN, origin=EVIL, method="GET", target="/healthz",
        more=("Connection: Upgrade", "Upgrade: websocket")),
    Row(FOREIGN, "evil.example", method="GET", target="/healthz"),
    Row(FOREIGN, "evil.example", more=("X-Forwarded-Host: localhost", "Forwarded: host=localhost")),
    Row(FOREIGN, origin=EVIL, more=("Referer: " + PAGE + "/",)),
    Row(FOREIGN, origin=EVIL, more=("X-HTTP-Method-Override: GET",)),
    Row(FOREIGN, origin=EVIL, more=("Content-Encoding: gzip",)),
    Row(FOREIGN, origin=EVIL, more=("Expect: 100-continue",)),
    Row(OK, site="none", method="GET", target="/healthz"),  # typed by the user
]


def mixed():
    """Everything against everything; what wins is what is asked first."""
    for door, daemon, host, origin, site, type_, token in itertools.product(
            ("tcp", "unix"), ("plain", "token"), (HOME, "evil.example"), (None, PAGE, EVIL, "null"),
            (None, "same-origin", "cross-site"), (None, FORM), (None, BEARER, "Bearer wrong")):
        is_foreign = (
            (host != HOME and door == "tcp") or site == "cross-site"
            or origin not in (None, f"http://{host}"))
        if is_foreign:
            wanted = FOREIGN
        elif daemon == "token" and token != BEARER:
            wanted = NO_TOKEN
        else:
            wanted = NO_TEXT if type_ else OK
        yield Row(wanted, host, origin, site, type_, token, daemon, door)


class Access(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        token_file = world.folder / "token"
        token_file.write_text(TOKEN + "\n")
        options = {"plain": (),
                   "token": ("--token-file", token_file),
                   "hosts": ("--host", "bridge.example", "--host", "fd00::1")}
        cls.daemons = {name: world.daemon(cls.broker, "--netids", "*", *more, ready=False)
                       for name, more in options.items()}
        for daemon in cls.daemons.values():
            daemon.wait_until_ready({"Authorization": BEARER})
        world.responder(cls.broker)

    @staticmethod
    def request_of(row, netid):
        target = row.target or f"/transform/uppercase?netid={netid}"
        fields = {"Origin": row.origin, "Sec-Fetch-Site": row.site, "Content-Type": row.type,
                  "Authorization": row.token}
        lines = [f"{row.method} {target} HTTP/1.1", f"Host: {row.host}", *row.more,
                 *(f"{name}: {value}" for name, value in fields.items() if value is not None),
                 "Content-Length: 3", "", "abc"]
        return "\r\n".join(lines).encode()

    def assert_answer(self, answer, row):
        status, slug = row.wanted
        self.assertEqual(answer.status, status, answer)
        if slug:
            self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
            self.assertEqual(json.loads(answer.body)["type"].rpartition("/")[2], slug)
        elif row.target is None:
            self.assertEqual(answer.body, b"ABC")
        self.assertEqual(answer.headers.get_all("X-Content-Type-Options"), ["nosniff"])
        self.assertEqual(answer.headers.get_all("Cache-Control"), ["no-store"])
        self.assertEqual(answer.headers.get_all("WWW-Authenticate"),
                         ["Bearer"] if status == 401 else None)
        self.assertEqual([name for name in answer.headers
                          if name.lower().startswith("access-control-")], [])

    def check(self, table, name):
        for number, row in enumerate(table):
            with self.subTest(number=number, **row._asdict()):
                daemon = self.daemons[row.daemon]
                where = daemon.port if row.door == "tcp" else daemon.socket_path
                answer = send_raw(where, self.request_of(row, f"{name}-{number}"))
                self.assert_answer(answer, row)
        self.assert_published(table, name)

    def assert_published(self, table, name):
        """The calls that were answered came to the broker (perhaps twice), and no others."""
        self.broker.settle()
        topic = re.compile(rf"Received PUBLISH from .*'({name}-\d+)/uppercase/request'")
        published = {found.group(1) for found in map(topic.search, self.broker.lines) if found}
        answered = {f"{name}-{number}" for number, row in enumerate(table)
                    if row.wanted == OK and row.target is None}
        self.assertEqual(published, answered)

    def test_a_host_is_of_this_machine_or_refused(self):
        self.check(HOSTS, "host")

    def test_a_host_that_was_configured_is_ours_too(self):
        self.check(CONFIGURED_HOSTS, "configured")

    def test_an_origin_is_that_of_the_host_or_refused(self):
        self.check(ORIGINS, "origin")
        self.check(ORIGINS_AND_HOSTS, "pair")

    def test_what_the_browser_says_of_the_site_is_believed(self):
        self.check(SITES, "site")

    def test_over_the_unix_socket_the_host_is_free_and_a_page_is_still_foreign(self):
        self.check(OVER_THE_SOCKET, "socket")

    def test_a_token_is_this_one_or_refused(self):
        self.check(TOKENS, "token")

    def test_any_content_type_but_multipart_is_text(self):
        self.check(TYPES, "type")

    def test_a_page_of_another_site_gets_nowhere(self):
        self.check(ATTACKS, "attack")

    def test_a_stranger_is_refused_before_his_token_and_that_before_his_content(self):
        self.check(list(mixed()), "mixed")

    def test_no_token_comes_to_a_log(self):
        daemon = self.daemons["token"]
        send_raw(daemon.port, self.request_of(Row(OK, token=BEARER), "logged"))
        self.assertEqual([line for line in daemon.lines if TOKEN in line], [])


class OpenHealth(SystemTest):
    """Kubernetes, load balancers and Prometheus have no token of callers."""

    OPEN = (b"GET /healthz", b"HEAD /healthz", b"OPTIONS /healthz", b"GET /readyz", b"GET /metrics",
            b"OPTIONS /", b"OPTIONS *")
    CLOSED = (b"GET /status", b"POST /transform/uppercase", b"GET /nowhere", b"GET /healthz/",
              b"GET /healthz%2F", b"GET /Healthz", b"POST /")
    PAGE = b"GET /"  # which tells nothing

    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.token_file = world.folder / "token"
        cls.token_file.write_text(TOKEN + "\n")
        cls.config = world.folder / "bridged.toml"
        cls.config.write_text("open-health = true\n")
        cls.daemon = world.daemon(cls.broker, "--token-file", cls.token_file, "--config", cls.config)

    def status(self, request, *fields, daemon=None):
        lines = (request + b" HTTP/1.1", b"Host: localhost", *fields, b"Content-Length: 0",
                 b"Connection: close", b"", b"")
        with socket.create_connection(("127.0.0.1", (daemon or self.daemon).port), PATIENCE) as caller:
            caller.sendall(b"\r\n".join(lines))
            return int(caller.makefile("rb").read().split()[1])

    def test_health_and_metrics_need_no_token_and_the_rest_does(self):
        for request in self.OPEN:
            with self.subTest(request=request):
                self.assertEqual(self.status(request), 200)
        for request in self.CLOSED:
            with self.subTest(request=request):
                self.assertEqual(self.status(request), 401)
        self.assertEqual(self.status(self.PAGE), 200)

    def test_without_the_option_they_need_it(self):
        daemon = self.world.daemon(self.broker, "--token-file", self.token_file, ready=False)
        for request in self.OPEN + self.CLOSED:
            with self.subTest(request=request):
                self.assertEqual(self.status(request, daemon=daemon), 401)
        self.assertEqual(self.status(self.PAGE, daemon=daemon), 200)

    def test_a_page_of_another_site_is_refused_there_too(self):
        for request in self.OPEN:
            with self.subTest(request=request):
                self.assertEqual(self.status(request, b"Origin: http://evil.example"), 403)

    def test_a_reload_closes_and_opens_them(self):
        daemon = self.world.daemon(self.broker, "--token-file", self.token_file, "--config",
                                   self.config)
        for value, status in (("false", 401), ("true", 200)):
            self.config.write_text(f"open-health = {value}\n")
            count = sum("configuration reloaded" in line for line in daemon.lines)
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.wait_for_line("configuration reloaded", count + 1)
            self.assertEqual(self.status(b"GET /metrics", daemon=daemon), status)


# Calls the address argv[1] by the Host argv[3] and the Origin argv[4], if there is one.
CALL_FROM_WITHIN = """
import socket, sys
address, port, host, *origin = sys.argv[1:]
with socket.create_connection((address, int(port))) as caller:
    fields = "".join(f"Origin: {each}\\r\\n" for each in origin)
    caller.sendall(f"GET /healthz HTTP/1.1\\r\\nHost: {host}\\r\\n{fields}"
                   "Connection: close\\r\\n\\r\\n".encode())
    print(caller.recv(4096).split()[1].decode())
"""


class OwnAddress(SystemTest):
    """Health checks come by the address of this machine that they were told, such as a pod's."""

    @classmethod
    def share(cls, world: World):
        if os.geteuid() != 0 or not shutil.which("nsenter"):
            raise unittest.SkipTest("only root has a network of its own")
        addresses = ("192.0.2.1/32", "192.0.2.2/32", "fd00::5/128")
        prepare = "ip link set lo up; " + "".join(f"ip addr add {each} dev lo nodad; "
                                                  for each in addresses)
        cls.daemon = world.add_ours(Process("mqtt_bridged", [
            "unshare", "-n", "sh", "-c", prepare + 'exec "$@"', "sh", BUILD / "mqtt_bridged",
            "--broker", "mqtt://127.0.0.1:1", "--allow-remote",
            "--listen", "0.0.0.0:8426", "--listen", "[::]:8426"]))
        cls.daemon.wait_for_line("no link to")

    def status(self, address, host, *origin):
        outcome = run(["nsenter", "-t", str(self.daemon.pid), "-n", sys.executable, "-c",
                       CALL_FROM_WITHIN, address, "8426", host, *origin])
        self.assertEqual(outcome.code, 0, outcome)
        return int(outcome.stdout)

    def test_a_host_is_the_address_that_the_connection_came_to_or_refused(self):
        for address, host, status in (
                ("192.0.2.1", "192.0.2.1", 200), ("192.0.2.1", "192.0.2.1:8426", 200),
                ("192.0.2.1", "192.0.2.2:8426", 403), ("192.0.2.2", "192.0.2.2", 200),
                ("fd00::5", "[fd00::5]:8426", 200), ("fd00::5", "[FD00:0::5]", 200),
                ("fd00::5", "[fd00::6]", 403), ("fd00::5", "192.0.2.1", 403),
                ("192.0.2.1", "rebound.example", 403), ("127.0.0.1", "192.0.2.1", 403),
                ("127.0.0.1", "0.0.0.0", 403)):
            with self.subTest(address=address, host=host):
                self.assertEqual(self.status(address, host), status)

    def test_a_page_of_another_site_is_refused_there_too(self):
        self.assertEqual(self.status("192.0.2.1", "192.0.2.1:8426", "http://evil.example"), 403)
        self.assertEqual(self.status("192.0.2.1", "192.0.2.1:8426", "http://192.0.2.1:3000"), 403)
        self.assertEqual(self.status("192.0.2.1", "192.0.2.1:8426", "http://192.0.2.1:8426"), 200)


if __name__ == "__main__":
    unittest.main()
