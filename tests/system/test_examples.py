"""The files of examples/ that put something before or around the daemon: reverse proxies, and Kubernetes.
nginx and Caddy are Debian's own, between a browser and the daemon. There is no Traefik in Debian or
npm: its file is compared with the types of Traefik's own resources in Kubernetes, which have the same
keys. Kubernetes' objects are checked against the types and the schemas that are generated from its
API, and their daemon is started and probed as kubelet does."""

import http.client
import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import unittest

import yaml

import npm_packages
import private_machine
from harness import (BUILD, PATIENCE, REPOSITORY, Caller, Process, SystemTest, World, environment,
                     eventually)
from test_tls import Authority

EXAMPLES = REPOSITORY / "examples"
NAME = "bridge.example.org"
SOCKET = "/run/mqtt-bridge/bridge.sock"
TOKEN = {"Authorization": "Bearer correct-horse"}
TYPES = {"Deployment": "kubernetes-models/apps/v1", "Service": "kubernetes-models/v1",
         "PodDisruptionBudget": "kubernetes-models/policy/v1",
         "NetworkPolicy": "kubernetes-models/networking.k8s.io/v1",
         "IngressRoute": "@kubernetes-models/traefik/traefik.io/v1alpha1"}


def setUpModule():
    global packages
    packages = npm_packages.install("kubernetes", REPOSITORY / "tests/system/kubernetes")
    private_machine.enter()


def options_in(file):
    """Those of the command in its first lines that starts the daemon, but for the token."""
    command = re.search(r"^# +mqtt_bridged (.*?[^\\])\n", file.read_text(), re.M | re.S).group(1)
    options = shlex.split(re.sub(r"\\\n# +", "", command))
    at = options.index("--token-file")
    return options[:at] + options[at + 2:]


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
        cls.token = world.folder / "token"
        cls.token.write_text("correct-horse\n")
        private_machine.run("mkdir", "/run/mqtt-bridge")

    def daemon(self, file):
        """As the example's first lines start it."""
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            BUILD / "mqtt_bridged", "--broker", self.broker.url, *options_in(file), "--token-file",
            self.token]))
        daemon.wait_for_line(r"linked to")
        return daemon

    def proxy(self, port, *command, env=None):
        proxy = self.world.add(Process(os.path.basename(command[0]), command, env))

        def listens():
            with socket.socket() as probe:
                return proxy.running() and probe.connect_ex(("127.0.0.1", port)) == 0
        eventually(listens, f"{command[0]} listens\n{proxy.log()}")

    def nginx(self, port):
        """Debian's, with the example, but for the port."""
        example = (EXAMPLES / "nginx/mqtt-bridge.conf").read_text()
        config = self.world.folder / f"nginx-{port}.conf"
        config.write_text(f"daemon off; pid {self.world.folder}/nginx-{port}.pid; error_log stderr;\n"
                          "user root; events {}\n"
                          f"http {{ access_log off;\n{example.replace('443 ssl', f'{port} ssl')}\n}}\n")
        self.assert_runs("/usr/sbin/nginx", "-t", "-q", "-c", config)
        self.proxy(port, "/usr/sbin/nginx", "-c", config)

    def caddy(self, port):
        """Debian's, with the example, but for the port, and with a certificate that is there already."""
        example = EXAMPLES / "caddy/Caddyfile"
        env = environment(HOME=str(self.world.folder))
        self.assert_runs("/usr/bin/caddy", "validate", "--adapter", "caddyfile", "--config", example,
                         env=env)
        config = self.world.folder / f"Caddyfile-{port}"
        config.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + re.sub(
            rf"^{NAME} {{$", f"{NAME}:{port} {{\n\ttls /etc/ssl/certs/bridge.pem "
            "/etc/ssl/private/bridge.key", example.read_text(), flags=re.M))
        self.proxy(port, "/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", config, env=env)

    def assert_runs(self, *command, env=None):
        done = subprocess.run(command, check=False, capture_output=True, env=env)
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def browser(self, port):
        browser = Browser(port, self.authority)
        self.addCleanup(browser.close)
        return browser

    def assert_pages_of_the_site_may_call(self, proxy):
        for port in (443, 8443):
            with self.subTest(port=port):
                proxy(port)
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

    def assert_token_and_limits_are_the_daemons(self, proxy):
        proxy(443)
        browser = self.browser(443)
        self.assertEqual(browser.post("/transform/uppercase", "abc", {})[0], 401)
        largest = "a" * (1024 * 1024)
        self.assertEqual(browser.post("/transform/uppercase?timeout=20s", largest, TOKEN),
                         (200, largest.upper()))

    def test_nginx(self):
        self.daemon(EXAMPLES / "nginx/mqtt-bridge.conf")
        self.assert_pages_of_the_site_may_call(self.nginx)

    def test_nginx_hands_on_the_token_and_the_largest_text(self):
        self.daemon(EXAMPLES / "nginx/mqtt-bridge.conf")
        self.assert_token_and_limits_are_the_daemons(self.nginx)

    def test_caddy(self):
        self.daemon(EXAMPLES / "caddy/Caddyfile")
        self.assert_pages_of_the_site_may_call(self.caddy)

    def test_caddy_hands_on_the_token_and_the_largest_text(self):
        self.daemon(EXAMPLES / "caddy/Caddyfile")
        self.assert_token_and_limits_are_the_daemons(self.caddy)

    def test_the_daemon_behind_traefik_answers_what_traefik_sends(self):
        """Traefik keeps the Host of the caller, and says who that was in X-Forwarded fields."""
        file = EXAMPLES / "traefik/dynamic.yaml"
        self.daemon(file)
        (service,) = yaml.safe_load(file.read_text())["http"]["services"].values()
        (server,) = service["loadBalancer"]["servers"]
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)", server["url"]).group(1))
        with Caller(port) as caller:
            answer = caller.transform("uppercase", "abc", TOKEN | {
                "Host": NAME, "Origin": f"https://{NAME}", "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": NAME, "X-Forwarded-Port": "443"})
            self.assertEqual((answer.status, answer.text), (200, "ABC"))


def typed(objects):
    """A program in TypeScript that is wrong if a key of an object is unknown or of another type."""
    imports = "".join(f'import type {{ I{kind} }} from "{TYPES[kind]}";\n'
                      for kind in sorted({each["kind"] for each in objects}))
    return imports + "".join(f"const o{n}: I{each['kind']} = {json.dumps(each)};\n"
                             for n, each in enumerate(objects))


def validated(objects):
    """A program that fails if an object is not what the schema of its kind says."""
    return "".join(f'import {{ {each["kind"]} as K{n} }} from "{TYPES[each["kind"]]}";\n'
                   f"new K{n}({json.dumps(each)}).validate();\n" for n, each in enumerate(objects))


class Kubernetes(SystemTest):
    MANIFEST = EXAMPLES / "kubernetes/mqtt-bridge.yaml"

    def faults(self, objects):
        """What the two programs say."""
        (packages / "check.ts").write_text(typed(objects))
        (packages / "check.mjs").write_text(validated(objects))
        outputs = []
        for command in (["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module",
                         "nodenext", "--moduleResolution", "nodenext", "check.ts"],
                        ["node", "check.mjs"]):
            done = subprocess.run(command, cwd=packages, check=False, capture_output=True)
            outputs.append((done.stdout + done.stderr).decode())
        return "".join(outputs)

    def manifest(self):
        return list(yaml.safe_load_all(self.MANIFEST.read_text()))

    def test_the_manifest_is_what_kubernetes_takes(self):
        self.assertEqual(self.faults(self.manifest()), "")

    def several(self):
        """Those of the kustomization, which only lists them."""
        folder = EXAMPLES / "kubernetes/scale"
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        self.assertEqual(set(kustomization), {"apiVersion", "kind", "resources"})
        self.assertEqual({"kustomization.yaml", *kustomization["resources"]},
                         {each.name for each in folder.iterdir()})
        return {each["kind"]: each for name in kustomization["resources"]
                for each in yaml.safe_load_all((folder / name).read_text())}

    def test_the_manifests_of_several_daemons_are_what_kubernetes_takes(self):
        objects = self.several()
        self.assertEqual(set(objects), {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"})
        self.assertEqual(self.faults(list(objects.values())), "")

    def test_the_manifests_of_several_daemons_mean_the_same_pods_and_ports(self):
        objects = self.several()
        deployment, service = objects["Deployment"], objects["Service"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"],
                         objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                         objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]):
            self.assertEqual(selector, labels)
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (port,) = container["ports"]
        (let_in,) = objects["NetworkPolicy"]["spec"]["ingress"][0]["ports"]
        self.assertEqual(port["containerPort"], let_in["port"])
        self.assertEqual(service["spec"]["ports"][0]["targetPort"], port["name"])
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertEqual(container[name]["httpGet"]["port"], port["name"])

    def test_the_daemons_of_the_manifests_are_a_group(self):
        (container,) = self.several()["Deployment"]["spec"]["template"]["spec"]["containers"]
        env = {each["name"]: each.get("value") for each in container["env"]}
        self.assertIsNone(env["MQTT_BRIDGE_CLIENT_ID"], "each pod has its own name")
        broker = self.world.broker()
        self.world.responder(broker)
        token = self.world.folder / "token"
        token.write_text("correct-horse\n")
        env |= {"MQTT_BRIDGE_BROKER": broker.url, "MQTT_BRIDGE_TOKEN_FILE": str(token)}
        for name, address in (("mqtt-bridge-1", "127.0.0.2"), ("mqtt-bridge-2", "127.0.0.3")):
            daemon = self.world.add_ours(Process("mqtt_bridged", [BUILD / "mqtt_bridged"], environment(
                **env | {"MQTT_BRIDGE_CLIENT_ID": name, "MQTT_BRIDGE_LISTEN": f"{address}:8426"})))
            daemon.wait_for_line(r"linked to")
            connection = http.client.HTTPConnection(address, 8426, timeout=PATIENCE)

            def is_ready(connection=connection):
                connection.request("GET", "/readyz", headers={"Host": "mqtt-bridge:8426"})
                answer = connection.getresponse()
                answer.read()
                return answer.status == 200
            eventually(is_ready, "it is ready")
            connection.request("POST", "/transform/uppercase", "abc",
                               TOKEN | {"Host": "mqtt-bridge:8426"})
            self.assertEqual(connection.getresponse().read(), b"ABC")
            connection.close()

    def test_a_mistake_in_it_would_be_seen(self):
        deployment, _ = self.manifest()
        deployment["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
        deployment["spec"]["replicas"] = "one"
        faults = self.faults([deployment])
        self.assertIn("livenesProbe", faults)
        self.assertIn("replicas must be integer", faults)

    def test_traefiks_file_has_keys_of_traefik(self):
        config = yaml.safe_load((EXAMPLES / "traefik/dynamic.yaml").read_text())["http"]
        ((name, router),) = config["routers"].items()
        self.assertEqual(router.pop("service"), *config["services"])
        service = {"name": name, "port": 8426} | config["services"][name]["loadBalancer"]
        self.assertEqual([list(server) for server in service.pop("servers")], [["url"]])
        route = {"match": router.pop("rule"), "kind": "Rule", "services": [service]}
        self.assertEqual("", self.faults([{
            "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": {"name": name},
            "spec": {"routes": [route], **router}}]))

    def test_the_daemon_of_the_manifest_runs_and_passes_its_probes(self):
        deployment, service = self.manifest()
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        env = {each["name"]: each["value"] for each in container["env"]}
        broker = self.world.broker()
        self.world.responder(broker)
        token = self.world.folder / "token"
        token.write_text("correct-horse\n")
        (mount,) = container["volumeMounts"]
        self.assertEqual(env["MQTT_BRIDGE_TOKEN_FILE"], f"{mount['mountPath']}/token")
        env |= {"MQTT_BRIDGE_BROKER": broker.url, "MQTT_BRIDGE_TOKEN_FILE": str(token)}
        daemon = self.world.add_ours(Process("mqtt_bridged", [BUILD / "mqtt_bridged"],
                                             environment(**env)))
        daemon.wait_for_line(r"linked to")
        (port,) = [each["containerPort"] for each in container["ports"]]
        with Caller(port) as caller:
            for probe in ("livenessProbe", "readinessProbe"):
                path = container[probe]["httpGet"]["path"]
                eventually(lambda path=path: caller.get(path).status == 200, path)
            host = f"{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
            answer = caller.transform("uppercase", "abc", TOKEN | {"Host": host})
            self.assertEqual((answer.status, answer.text), (200, "ABC"))
            self.assertEqual(caller.transform("uppercase", "abc", {"Host": host}).status, 401)


if __name__ == "__main__":
    unittest.main()
