"""TLS to the broker: the certificate is checked, its name too, and what is wrong is refused. The
certificates are made here, by openssl."""

import pathlib
import subprocess
import unittest

from harness import BUILD, Caller, SystemTest, World, eventually, run


class Authority:
    """A certificate authority in a folder of its own, and what it signs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.ca = self._path("ca.crt")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "1", "-subj", "/CN=test authority",
                      "-keyout", self._path("ca.key"), "-out", self.ca)

    def _path(self, name):
        return str(self.folder / name)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def sign(self, name, subject_alternative_names="DNS:localhost", days="1"):
        """The paths of a certificate and of its key."""
        key, request, certificate = (self._path(f"{name}.{end}") for end in ("key", "csr", "crt"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={subject_alternative_names}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
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

    def assert_refused(self, daemon):
        with Caller(daemon.port) as caller:
            def why():
                answer = caller.get("/readyz")
                self.assertEqual(answer.status, 503)
                return "no TLS connection" in answer.text
            eventually(why, "/readyz speaks of TLS")

    def test_a_call_goes_through_when_the_certificate_is_right(self):
        broker = self.tls_broker(*self.ours.sign("broker"))
        self.world.responder(f"mqtts://localhost:{broker.port}", "--ca-file", self.ours.ca)
        daemon = self.daemon(broker, "--ca-file", self.ours.ca)
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "hello").text, "HELLO")

    def test_another_authority_is_refused(self):
        broker = self.tls_broker(*self.others.sign("broker"))
        self.assert_refused(self.daemon(broker, "--ca-file", self.ours.ca, ready=False))

    def test_another_name_is_refused(self):
        broker = self.tls_broker(*self.ours.sign("broker", "DNS:elsewhere.example"))
        self.assert_refused(self.daemon(broker, "--ca-file", self.ours.ca, ready=False))

    def test_an_expired_certificate_is_refused(self):
        broker = self.tls_broker(*self.ours.sign("broker", days="-1"))
        self.assert_refused(self.daemon(broker, "--ca-file", self.ours.ca, ready=False))

    def test_a_broker_that_speaks_plain_text_is_refused(self):
        broker = self.world.broker()
        self.assert_refused(self.daemon(broker, "--ca-file", self.ours.ca, ready=False))

    def test_a_client_certificate_is_shown_where_the_broker_asks_for_one(self):
        broker = self.tls_broker(*self.ours.sign("broker"), f"cafile {self.ours.ca}",
                                 "require_certificate true")
        certificate, key = self.ours.sign("client")
        self.daemon(broker, "--ca-file", self.ours.ca, "--cert-file", certificate,
                    "--key-file", key)

    def test_a_missing_file_is_named_at_the_start(self):
        outcome = run([BUILD / "mqtt_bridged", "--broker", "mqtts://localhost", "--netid", "alice",
                       "--ca-file", "/nonexistent/ca.crt"])
        self.assert_one_line(outcome, 2, "/nonexistent/ca.crt")


if __name__ == "__main__":
    unittest.main()
