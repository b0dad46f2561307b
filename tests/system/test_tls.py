"""TLS to the broker: the certificate is checked, its name too, and what is wrong is refused. The
certificates are made here, by openssl."""

import json
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import types
import unittest

from harness import BUILD, Caller, Process, SystemTest, World, eventually, run, unused_port
from scripted_broker import END, ScriptedBroker


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
WEAK = ("rsa:1024",)


def server_context(certificate, key, ciphers="DEFAULT"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    context.load_cert_chain(certificate, key)
    return context


class Authority:
    """A certificate authority in a folder of its own, and what it signs."""

    def __init__(self, folder, key=P256):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.ca = self._path("ca.crt")
        self._openssl("req", "-x509", "-newkey", *key,
                      "-nodes", "-days", "1", "-subj", "/CN=test authority",
                      "-keyout", self._path("ca.key"), "-out", self.ca)

    def _path(self, name):
        return str(self.folder / name)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def sign(self, name, subject_alternative_names="DNS:localhost", days="1", new_key=P256):
        """The paths of a certificate and of its key."""
        key, request, certificate = (self._path(f"{name}.{end}") for end in ("key", "csr", "crt"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={subject_alternative_names}\n")
        self._openssl("req", "-newkey", *new_key, "-nodes",
                      "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca,
                      "-CAkey", self._path("ca.key"), "-CAcreateserial", "-days", days,
                      "-extfile", str(extensions), "-out", certificate)
        return certificate, key


class Tls(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.ours = Authority(world.folder / "ours")
        cls.others = Authority(world.folder / "others")

    def tls_broker(self, certificate, key, *more):
        return self.world.broker(config="\n".join(
            ["user root",  # else one without rights, who cannot read the key
             f"certfile {certificate}", f"keyfile {key}", *more]) + "\n")

    def daemon(self, broker, *options, host="localhost", ready=True):
        return self.world.daemon(f"mqtts://{host}:{broker.port}", *options, ready=ready)

    def assert_refused(self, daemon, reason="no TLS connection"):
        """/readyz says why, a call too, and the log says it once, however often it is tried."""
        with Caller(daemon.port) as caller:
            def why():
                answer = caller.get("/readyz")
                self.assertEqual(answer.status, 503)
                return "no TLS connection" in answer.text and json.loads(answer.body)["detail"]
            said = eventually(why, "/readyz speaks of TLS")
            self.assertRegex(said, f"^no TLS connection: .*{reason}")
            call = caller.transform("uppercase", "abc", timeout="100ms")
            self.assertEqual(call.status, 503)
            detail = json.loads(call.body)["detail"]
        self.assertEqual(detail[:detail.index(" (request on ")], said)
        line = daemon.wait_for_line(f"no link to .*{reason}").string
        self.assertIn(said, line)
        self.assertRegex(line, r" warn +no link to mqtts://\S+: ")
        self.assertEqual([line], [one for one in daemon.lines if "no TLS connection" in one])

    def assert_trusts_nobody_but(self, authority, broker, reason, host="localhost"):
        self.assert_refused(
            self.daemon(broker, "--ca-file", authority.ca, host=host, ready=False), reason)

    def test_a_call_goes_through_when_the_certificate_is_right(self):
        broker = self.tls_broker(*self.ours.sign("broker"))
        self.world.responder(f"mqtts://localhost:{broker.port}", "--ca-file", self.ours.ca)
        daemon = self.daemon(broker, "--ca-file", self.ours.ca)
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "hello").text, "HELLO")

    def test_a_broker_that_closes_on_version_5_without_a_word_is_asked_for_3_1_1(self):
        with ScriptedBroker(server_context(*self.ours.sign("broker"))) as broker:
            for _ in range(100):
                broker.play("connack", lambda connect, good: b"" if connect.v5 else good,
                            lambda connection: connection.v5 and END(connection))
            daemon = self.daemon(broker, "--ca-file", self.ours.ca)
            with Caller(daemon.port) as caller:
                self.assertEqual(json.loads(caller.get("/status").body)["mqtt_version"], "3.1.1")
                self.assertEqual(caller.transform("uppercase", "hello").text, "HELLO")

    def test_another_authority_is_refused(self):
        broker = self.tls_broker(*self.others.sign("broker"))
        self.assert_trusts_nobody_but(self.ours, broker, "certificate cannot be trusted: ")

    def test_an_authority_that_the_system_does_not_know_is_refused(self):
        broker = self.tls_broker(*self.ours.sign("broker"))
        self.assert_refused(self.daemon(broker, ready=False), "certificate cannot be trusted: ")

    def test_another_name_is_refused(self):
        broker = self.tls_broker(*self.ours.sign("broker", "DNS:elsewhere.example"))
        self.assert_trusts_nobody_but(self.ours, broker, "certificate is not for 'localhost'")

    def test_an_expired_certificate_is_refused(self):
        # One that ends as it begins, so has ended already; openssl 3.4 and later sign no older one.
        broker = self.tls_broker(*self.ours.sign("broker", days="0"))
        self.assert_trusts_nobody_but(self.ours, broker, "cannot be trusted: .*expired")

    def test_a_key_that_is_too_weak_for_the_systems_policy_is_refused(self):
        if ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).security_level < 2:
            self.skipTest("the policy of this system takes such keys")
        weak = Authority(self.world.folder / "weak", WEAK)
        for authority, new_key, reason in ((self.ours, WEAK, "EE certificate key too weak"),
                                           (weak, P256, "CA certificate key too weak")):
            with self.subTest(reason), ScriptedBroker(server_context(
                    *authority.sign("weak", new_key=new_key), "DEFAULT@SECLEVEL=0")) as broker:
                self.assert_trusts_nobody_but(
                    authority, broker, f"certificate cannot be trusted: {reason}")

    def test_an_address_is_the_brokers_if_its_certificate_has_it(self):
        broker = self.tls_broker(*self.ours.sign("broker", "IP:127.0.0.1"))
        self.daemon(broker, "--ca-file", self.ours.ca, host="127.0.0.1")

    def test_an_address_that_is_not_in_the_certificate_is_refused(self):
        for names in ("DNS:localhost", "IP:127.0.0.2"):
            with self.subTest(names=names):
                broker = self.tls_broker(*self.ours.sign("broker", names))
                self.assert_trusts_nobody_but(
                    self.ours, broker, "certificate is not for '127.0.0.1'", host="127.0.0.1")

    def test_a_name_does_not_make_up_for_an_address(self):
        broker = self.tls_broker(*self.ours.sign("broker", "IP:127.0.0.1"))
        self.assert_trusts_nobody_but(self.ours, broker, "certificate is not for 'localhost'")

    def test_a_broker_that_speaks_plain_text_is_refused(self):
        broker = self.world.broker()
        self.assert_trusts_nobody_but(self.ours, broker, "does it speak TLS on this port")

    def test_a_port_that_answers_in_plain_text_is_refused(self):
        def greet():
            while True:
                try:
                    connected, _ = listener.accept()
                except OSError:
                    return
                with connected:
                    connected.sendall(b"220 mail.example ESMTP\r\n")
                    connected.recv(1024)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            greeter = threading.Thread(target=greet)
            greeter.start()
            try:
                port = listener.getsockname()[1]
                self.assert_trusts_nobody_but(
                    self.ours, types.SimpleNamespace(port=port), "does not speak TLS")
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                greeter.join()

    def openssl_server(self, *options):
        """A TLS server that takes what comes and never answers it."""
        certificate, key = self.ours.sign("server")
        with unused_port() as port:
            pass
        server = self.world.add(Process("openssl s_server", [
            "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate,
            "-key", key, *options]))
        server.wait_for_line("ACCEPT")
        server.port = port
        return server

    def test_a_broker_that_speaks_no_newer_tls_than_1_1_is_refused(self):
        old = ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        server = self.openssl_server(*old)
        # It is one that does speak 1.1, with whoever wants to.
        willing = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *old],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if not re.search(r"New, TLSv1\S*, Cipher is ECDHE", willing.stdout):
            self.skipTest("this OpenSSL speaks no TLS 1.1")
        self.assert_trusts_nobody_but(self.ours, server, "handshake failed: .*protocol version")
        server.stop()
        self.assertEqual(sum("BEGIN SSL SESSION" in line for line in server.lines), 1, server.log())

    def test_a_broker_that_misses_our_certificate_is_refused(self):
        with self.subTest("TLS 1.3, where it says so after the handshake"):
            broker = self.tls_broker(*self.ours.sign("broker"), f"cafile {self.ours.ca}",
                                     "require_certificate true")
            self.assert_trusts_nobody_but(
                self.ours, broker, "does it ask for a client certificate")
        with self.subTest("TLS 1.2, where it says so within"):
            server = self.openssl_server("-tls1_2", "-Verify", "1", "-verify_return_error")
            self.assert_trusts_nobody_but(self.ours, server, "the TLS handshake failed: ")

    def test_a_broker_that_does_not_trust_our_certificate_is_refused(self):
        broker = self.tls_broker(*self.ours.sign("broker"), f"cafile {self.ours.ca}",
                                 "require_certificate true")
        certificate, key = self.others.sign("stranger")
        daemon = self.daemon(broker, "--ca-file", self.ours.ca, "--cert-file", certificate,
                             "--key-file", key, ready=False)
        self.assert_refused(daemon, "does it ask for a client certificate, or for another one")

    def test_a_broker_that_comes_to_be_trusted_is_connected_to(self):
        certificate, key = self.ours.sign("broker", "DNS:elsewhere.example")
        broker = self.tls_broker(certificate, key)
        daemon = self.daemon(broker, "--ca-file", self.ours.ca, ready=False)
        self.assert_refused(daemon, "is not for 'localhost'")
        broker.stop()
        self.ours.sign("broker")  # in the same files
        broker.start_again()
        daemon.wait_until_ready()

    def test_a_client_certificate_is_shown_where_the_broker_asks_for_one(self):
        broker = self.tls_broker(*self.ours.sign("broker"), f"cafile {self.ours.ca}",
                                 "require_certificate true")
        certificate, key = self.ours.sign("client")
        self.daemon(broker, "--ca-file", self.ours.ca, "--cert-file", certificate,
                    "--key-file", key)

    def test_a_file_that_cannot_be_used_is_named_at_the_start_and_by_check_config(self):
        certificate, key = self.ours.sign("good")
        _, other_key = self.ours.sign("other")
        empty, text = (self.world.folder / name for name in ("empty.pem", "text.pem"))
        empty.touch()
        text.write_text("not a certificate\n")
        locked = self.world.folder / "locked.key"
        subprocess.run(["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:secret",
                        "-out", locked], check=True, capture_output=True)
        nothing, folder = "/nonexistent/it.pem", self.world.folder
        reasons = {nothing: f"there is no file {nothing}", empty: f"{empty} is empty",
                   folder: f"{folder} is a directory", locked: "a pass phrase protects it",
                   certificate: "there is none in the PEM format", other_key: "mismatch"}
        rows = [(bad, [bad, certificate, key]) for bad in (nothing, empty, folder, text, key)]
        rows += [(bad, [self.ours.ca, bad, key]) for bad in (nothing, empty, folder, text)]
        rows += [(bad, [self.ours.ca, certificate, bad])
                 for bad in (nothing, empty, folder, text, certificate, locked, other_key)]
        for bad, (ca_file, cert_file, key_file) in rows:
            for more in ((), ("--check-config",)):
                with self.subTest(bad=bad, more=more):
                    outcome = run([BUILD / "mqtt_bridged", "--broker", "mqtts://localhost",
                                   "--netid", "alice", "--listen", "127.0.0.1:0",
                                   "--ca-file", ca_file, "--cert-file", cert_file,
                                   "--key-file", key_file, *more])
                    self.assert_one_line(outcome, 2, str(bad), reasons.get(bad, ""))


if __name__ == "__main__":
    unittest.main()
