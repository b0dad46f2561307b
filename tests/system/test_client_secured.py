"""mqtt_client where a broker wants a password or TLS, and a daemon a token."""

import subprocess
import unittest

from harness import BUILD, SystemTest, World, environment, run
from test_tls import Authority


def call(*arguments, **env):
    return run([BUILD / "mqtt_client", *arguments, "alice", "uppercase", "abc"], environment(**env))


class Secured(SystemTest):
    """One broker with a password, one that wants certificates, one daemon with a token."""

    @classmethod
    def share(cls, world: World):
        world.folder.chmod(0o755)
        cls.password_file = world.folder / "password"
        cls.password_file.write_text("open sesame\n")
        accounts = world.folder / "accounts"
        subprocess.run(["mosquitto_passwd", "-b", "-c", accounts, "ali", "open sesame"], check=True)
        accounts.chmod(0o644)
        cls.with_password = world.broker(
            config=f"allow_anonymous false\npassword_file {accounts}\n")
        credentials = ("--username", "ali", "--password-file", cls.password_file)
        world.responder(cls.with_password, *credentials)

        authority = Authority(world.folder / "authority")
        cls.ca = authority.ca
        certificate, key = authority.sign("broker")
        cls.certificate, cls.key = authority.sign("client")
        cls.with_tls = world.broker(config="\n".join(
            ["user root", f"certfile {certificate}", f"keyfile {key}", f"cafile {cls.ca}",
             "require_certificate true"]))
        cls.tls_url = f"mqtts://localhost:{cls.with_tls.port}"
        cls.tls = ("--ca-file", cls.ca, "--cert-file", cls.certificate, "--key-file", cls.key)
        world.responder(cls.tls_url, *cls.tls)

        cls.token_file = world.folder / "token"
        cls.token_file.write_text("s3cret-token\n")
        cls.daemon = world.daemon(cls.with_password, *credentials, "--token-file", cls.token_file,
                                  "--open-health")

    def with_daemon(self, *arguments, **env):
        return call("--daemon", self.daemon.url, "--broker", self.with_password.url, *arguments,
                    **env)

    def test_a_password_gets_in_by_flag_and_by_variable(self):
        to_broker = ("--direct", "--broker", self.with_password.url)
        self.assert_answered(call(*to_broker, "--username", "ali", "--password-file",
                                  self.password_file), "ABC")
        self.assert_answered(call(
            "--direct", MQTT_CLIENT_BROKER=self.with_password.url, MQTT_CLIENT_USERNAME="ali",
            MQTT_CLIENT_PASSWORD_FILE=str(self.password_file)), "ABC")

    def test_without_it_the_broker_refuses(self):
        to_broker = ("--direct", "--broker", self.with_password.url)
        self.assert_one_line(call(*to_broker), 4, "Not authorized", self.with_password.url)
        self.assert_one_line(call(*to_broker, "--username", "ali"), 4, "Not authorized")

    def test_tls_with_a_client_certificate(self):
        self.assert_answered(call("--direct", "--broker", self.tls_url, *self.tls), "ABC")
        self.assert_one_line(call("--direct", "--broker", self.tls_url), 4, "no TLS connection")

    def test_a_file_that_is_not_there_is_named(self):
        missing = self.world.folder / "nothing"
        for arguments, option in (
                (("--direct", "--username", "a", "--password-file", missing), "--password-file"),
                (("--direct", "--broker", "mqtts://b", "--ca-file", missing), "--ca-file"),
                (("--token-file", missing), "--token-file")):
            self.assert_one_line(call(*arguments), 1, f"{option}: there is no file {missing}")

    def test_a_token_gets_in_by_flag_and_by_variable(self):
        self.assert_answered(self.with_daemon("--token-file", self.token_file), "ABC")
        self.assert_answered(self.with_daemon(MQTT_CLIENT_TOKEN_FILE=str(self.token_file)), "ABC")

    def test_without_the_token_the_remedy_is_named(self):
        self.assert_one_line(self.with_daemon(), 1, "wants a token", "--token-file")
        wrong = self.world.folder / "wrong"
        wrong.write_text("guess")
        self.assert_one_line(self.with_daemon("--token-file", wrong), 1,
                             "does not take the token of --token-file")
        wrong.write_text("two words")
        self.assert_one_line(self.with_daemon("--token-file", wrong), 1, str(wrong))

    def test_neither_the_token_nor_the_password_is_ever_said(self):
        for outcome in (self.with_daemon("-v", "--token-file", self.token_file),
                        call("-v", "--direct", "--broker", self.with_password.url, "--username",
                             "ali", "--password-file", self.password_file)):
            self.assertEqual(outcome.code, 0, outcome)
            self.assertNotRegex(outcome.stderr, "s3cret|sesame")

    def test_the_configuration_file_has_a_section_for_each_broker(self):
        home = self.world.folder / "home"
        folder = home / ".config" / "mqtt-bridge"
        folder.mkdir(parents=True)
        (folder / "pw").write_text("open sesame")
        (folder / "client.toml").write_text(
            f'timeout = "9s"\n'
            f'[password]\nbroker = "{self.with_password.url}"\nusername = "ali"\n'
            f'password-file = "pw"\ndirect = true\n'
            f'[tls]\nbroker = "{self.tls_url}"\ndirect = true\n'
            f'ca-file = "{self.ca}"\ncert-file = "{self.certificate}"\nkey-file = "{self.key}"\n'
            f'[daemon]\ndaemon = "{self.daemon.url}"\nbroker = "{self.with_password.url}"\n'
            f'token-file = "{self.token_file}"\n')
        for where in ({"HOME": str(home)},
                      {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(home / ".config")}):
            for section in ("password", "tls", "daemon"):
                self.assert_answered(call("--section", section, **where), "ABC")
            self.assert_answered(call(MQTT_CLIENT_SECTION="tls", **where), "ABC")
        self.assert_one_line(call("--section", "pasword", HOME=str(home)), 2,
                             "no section [pasword]; did you mean 'password'?")
        with open(folder / "client.toml", "a", encoding="utf-8") as file:
            file.write("brokr = 'x'\n")
        self.assert_one_line(call(HOME=str(home)), 2, "client.toml:", "did you mean 'broker'?")


if __name__ == "__main__":
    unittest.main()
