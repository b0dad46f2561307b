"""mqtt_client --explain: each reason why no answer comes is named, with what to do about it."""

import contextlib
import http.server
import os
import pty
import subprocess
import threading
import unittest

from harness import BUILD, PATIENCE, SystemTest, World, environment, run, unused_port
from mqtt_peer import Holder, Peer


class Explain(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def explain(self, *arguments, port=None, netid="alice", action="uppercase", **env):
        return run([BUILD / "mqtt_client", "--explain", "--host", "127.0.0.1", "-p",
                    str(port or self.broker.port), "--timeout", "500ms", *arguments, netid, action,
                    "hello"], environment(**env))

    def daemon_with_route(self, broker):
        config = self.world.folder / "routes.toml"
        config.write_text('[[route]]\npath = "/lamp/{device}"\ntopic = "cmnd/{device}/POWER"\n'
                          'response-topic = "stat/{device}/RESULT"\n')
        return self.world.daemon(broker, "--routes", config)

    def assert_says(self, outcome, code, *patterns):
        self.assertEqual(outcome.code, code, outcome)
        self.assertEqual(outcome.stderr, "")
        for pattern in patterns:
            self.assertRegex(outcome.stdout, "(?m)" + pattern)

    def test_a_call_that_works_is_told_of_in_the_same_way(self):
        responder = self.world.responder(self.broker)
        daemon = self.world.daemon(self.broker, netid="alice")
        for arguments, through in ((("--daemon", daemon.url), "mqtt_bridged at " + daemon.url),
                                   (("--direct",), "the broker")):
            outcome = self.explain(*arguments)
            self.assert_says(
                outcome, 0, f'^ok    answer    "HELLO" through {through}, after ',
                "^ok    broker    mqtt://127.0.0.1:.* takes the connection, in MQTT 5$",
                "^note  topics    request on alice/uppercase/request, answer on "
                "alice/uppercase/response$",
                "^ok    broker    grants the subscription to alice/uppercase/response$",
                "^ok    responder uppercase is announced by ")
            self.assertNotIn("FAIL", outcome.stdout)
        responder.stop()

    def test_no_broker(self):
        with unused_port() as port:
            self.assert_says(self.explain("--direct", port=port), 4,
                             f"^FAIL  broker    mqtt://127.0.0.1:{port}: there is no broker",
                             "-> check --broker", "^FAIL  answer    none: there is no broker")

    def test_colours_are_for_a_terminal_that_wants_them(self):
        with unused_port() as port:
            for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
                terminal, theirs = pty.openpty()
                outcome = subprocess.run(
                    [BUILD / "mqtt_client", "--explain", "--direct", "--host", "127.0.0.1", "-p",
                     str(port), "alice", "uppercase", "hello"],
                    env=environment(**env), stdout=theirs, timeout=PATIENCE, check=False)
                os.close(theirs)
                shown = os.read(terminal, 65536).decode()
                os.close(terminal)
                self.assertEqual(outcome.returncode, 4)
                self.assertIn("there is no broker", shown)
                self.assertEqual("\x1b[31mFAIL" in shown, is_coloured, shown)
            self.assertNotIn("\x1b", self.explain("--direct", port=port).stdout)

    def test_nobody_answers(self):
        with Peer(self.broker, "carol/+/request"):
            self.assert_says(self.explain("--direct", netid="carol"), 3,
                             "^note  responder no mqtt_responder .* announce",
                             "-> see that a service is subscribed to carol/uppercase/request",
                             "^FAIL  messages  nothing came on carol/uppercase/response")

    def test_a_service_that_has_the_netid_as_its_client_id_is_found(self):
        # Our connection throws it off, so the broker sees no subscriber; it comes back in a second.
        with Holder(self.broker, "erin", pause=1):
            self.assert_says(self.explain("--direct", netid="erin"), 3,
                             "^FAIL  client id .*erin",
                             "-> give the service a client id of its own, other than the NetID")

    def test_what_came_instead_of_an_answer_is_shown(self):
        for payload, shown, why in (
                ("Result: HELLO", '"Result: HELLO"', "it has other text around the answer"),
                ('{"a":"HELLO"}', r'"{\"a\":\"HELLO\"}"', "it is JSON"),
                ("HALLO", '"HALLO"', "it is another text than uppercase makes of the message")):
            def answer(client, _, payload=payload):
                client.publish("dora/uppercase/response", payload, qos=1)
            with self.subTest(payload), Peer(self.broker, "dora/+/request", answer):
                outcome = self.explain("--direct", netid="dora")
                self.assertNotEqual(outcome.code, 0)
                self.assertIn(f"FAIL  messages  {shown} on dora/uppercase/response, without "
                              f"Correlation Data; {why}", outcome.stdout)
                self.assertIn('-> the service should send "HELLO" and nothing else', outcome.stdout)

    def test_a_daemon_that_does_not_serve_the_netid(self):
        daemon = self.world.daemon(self.broker)
        self.assert_says(self.explain("--daemon", daemon.url, netid="erin"), 1,
                         "^FAIL  daemon    .*does not serve the NetID erin", "^FAIL  answer    none")

    def test_a_daemon_that_is_not_there(self):
        with unused_port() as port:
            url = f"http://127.0.0.1:{port}"
            self.assert_says(self.explain("--daemon", url), 1,
                             f"^FAIL  daemon    no mqtt_bridged at {url}: Connection refused",
                             "-> start it, or name another place with --daemon")

    def test_a_route_shows_the_topics_of_its_path(self):
        daemon = self.daemon_with_route(self.broker)

        def answer(client, _):
            client.publish("stat/hall/RESULT", "ON", qos=1)
        with Peer(self.broker, "cmnd/+/POWER", answer):
            outcome = run([BUILD / "mqtt_client", "--explain", "--daemon", daemon.url, "--route",
                           "/lamp/hall", ""], environment())
        self.assert_says(outcome, 0, "^note  topics    of the route /lamp/{device}: request on "
                         "cmnd/hall/POWER, answer on stat/hall/RESULT$", '^ok    answer    "ON"')

    def test_no_password_goes_to_a_broker_that_a_daemon_names(self):
        other = self.world.broker()
        daemon = self.daemon_with_route(other)
        password = self.world.folder / "password"
        password.write_text("secret")
        outcome = run([BUILD / "mqtt_client", "--explain", "--daemon", daemon.url, "--username",
                       "ali", "--password-file", password, "--timeout", "500ms", "--route",
                       "/lamp/hall", ""], environment())
        self.assertIn(f"{other.url} takes the connection", outcome.stdout)
        self.assertIn("as explain-", "".join(other.lines))
        self.assertNotIn("u'ali'", "".join(other.lines))

    def test_a_server_that_is_no_mqtt_bridged(self):
        for status in ('{"routes":5,"broker":7}', '{"routes":{"first":[5]}}', "[]", "no JSON"):
            with self.subTest(status), serving(status) as url:
                outcome = run([BUILD / "mqtt_client", "--explain", "--daemon", url, "--route",
                               "/lamp/hall", ""], environment())
                self.assertEqual((outcome.code, outcome.stderr), (1, ""), outcome)
                self.assertRegex(outcome.stdout, "(?m)^FAIL  answer    none: ")


@contextlib.contextmanager
def serving(body):
    """A web server that answers GET with this and refuses POST."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(200)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(404)

        def reply(self, status):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


if __name__ == "__main__":
    unittest.main()
