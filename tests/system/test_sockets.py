"""The doors: who may open the unix socket, and sockets that somebody else has opened, as systemd
passes them (sd_listen_fds(3))."""

import concurrent.futures
import contextlib
import grp
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
import unittest

from harness import (BUILD, PATIENCE, Caller, Process, SystemTest, UnixConnection, World,
                     environment, eventually, read_answer, run)

TOKEN = "correct-horse"
CALL = (b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Length: 3\r\n\r\nabc")

# Asks for the descriptors at argv[1], puts them where sd_listen_fds(3) looks for them, and becomes
# the program in argv[3:], whose process id is that of LISTEN_PID if argv[2] says so.
PASS_SOCKETS = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as giver:
    giver.connect(sys.argv[1])
    given = socket.recv_fds(giver, 1, 64)[1]
for target, descriptor in enumerate(given, 3):
    if descriptor != target:
        os.dup2(descriptor, target)
    os.set_inheritable(target, True)
os.closerange(3 + len(given), 256)
os.environ["LISTEN_FDS"] = str(len(given))
os.environ["LISTEN_PID"] = str(os.getpid() if sys.argv[2] == "ours" else os.getppid())
os.execv(sys.argv[3], sys.argv[3:])
"""

CALL_UNIX = f"""
import socket, sys
with socket.socket(socket.AF_UNIX) as caller:
    caller.connect(sys.argv[1])
    caller.sendall({CALL!r})
    while received := caller.recv(4096):
        sys.stdout.buffer.write(received)
"""

is_root = os.geteuid() == 0


class PassingProcess(Process):
    """mqtt_bridged, started with `sockets` (or files) as systemd would start it."""

    def __init__(self, folder, sockets, *options, before=(), listen_pid="ours", **env):
        with socket.socket(socket.AF_UNIX) as giver:
            giver.settimeout(PATIENCE)
            path = os.path.join(tempfile.mkdtemp(dir=folder), "giver")
            giver.bind(path)
            giver.listen()
            super().__init__("mqtt_bridged", [
                *before, sys.executable, "-c", PASS_SOCKETS, path, listen_pid,
                BUILD / "mqtt_bridged", *options], environment(**env))
            taker, _ = giver.accept()
            with taker:
                socket.send_fds(taker, [b"x"], [each.fileno() for each in sockets])

    def doors(self):
        """Where it says that it listens, once it is about to be linked."""
        self.wait_for_line("linked to|no link to")
        return [line.partition("listening on ")[2] for line in self.lines if "listening on" in line]


class Sockets(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        world.responder(cls.broker)

    def assert_answered(self, where):
        with Caller(where) as caller:
            answer = caller.transform("uppercase", "abc")
        self.assertEqual((answer.status, answer.text), (200, "ABC"), answer)


class Descriptors(Sockets):
    def test_as_many_connections_are_open_at_once_as_the_hard_limit_allows(self):
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            "prlimit", "--nofile=64:512", BUILD / "mqtt_bridged", "--listen", "127.0.0.1:0",
            "--broker", self.broker.url, "--netid", "alice"]))
        port = int(daemon.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                caller = stack.enter_context(Caller(port))
                self.assertEqual(caller.get("/healthz").status, 200)


# Makes a system call fail with EPERM, as a filter of a container does, when its argument number argv[2]
# is argv[3] (any argument where that is -1), and becomes the program in argv[4:].
FORBID = """
import ctypes, os, struct, sys
number, argument, value = (int(each) for each in sys.argv[1:4])
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, EPERM = 0x7fff0000, 0x00050001
rows = [(LOAD, 0, 0, 0), (EQUAL, 0, 3, number), (LOAD, 0, 0, 16 + 8 * argument),
        (EQUAL, 0, 1, value), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]
if value == -1:
    rows = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, number), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rows), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0
os.execv(sys.argv[4], sys.argv[4:])
"""
# By machine: accept4(2) and setsockopt(2).
CALLS = {"x86_64": (288, 54), "aarch64": (242, 208)}
SO_ATTACH_FILTER = 26
TCP_NODELAY = 1


class ForbiddenCalls(Sockets):
    """What a filter of system calls may forbid must not keep the daemon busy, nor pass in silence."""

    def setUp(self):
        super().setUp()
        if os.uname().machine not in CALLS:
            self.skipTest("the numbers of the system calls are not known here")
        self.accept4, self.setsockopt = CALLS[os.uname().machine]

    def start(self, call, argument=0, value=-1):
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            sys.executable, "-c", FORBID, str(call), str(argument), str(value),
            BUILD / "mqtt_bridged", "--listen", "127.0.0.1:0", "--broker", self.broker.url,
            "--netid", "alice"]))
        port = int(daemon.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        daemon.wait_for_line("linked to")
        return daemon, port

    def test_an_error_of_accept_that_comes_again_and_again_does_not_keep_the_loop_busy(self):
        daemon, port = self.start(self.accept4)
        with socket.create_connection(("127.0.0.1", port), PATIENCE):
            daemon.wait_for_line(rf"cannot accept a connection on \S+:{port}: Operation not permitted")
            self.assertEqual(daemon.stop(), 0)  # which a loop that is busy never sees

    def test_connections_that_cannot_be_kept_out_on_the_way_down_are_told_of(self):
        daemon, port = self.start(self.setsockopt, 2, SO_ATTACH_FILTER)
        with Caller(port) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)
        self.assertEqual(daemon.stop(), 0)
        daemon.wait_for_line(rf"cannot keep new connections out of \S+:{port}")

    def test_a_connection_to_the_broker_without_tcp_nodelay_is_told_of(self):
        daemon, port = self.start(self.setsockopt, 2, TCP_NODELAY)
        daemon.wait_for_line("warn +TCP_NODELAY is not set on the broker's connection")
        with Caller(port) as caller:
            self.assertIn("\nmqtt_bridge_missing_workarounds 1\n", caller.get("/metrics").text)


class Localhost(Sockets):
    """The name is both loopback addresses, and Node, for one, tries ::1 first (and not always the
    other)."""

    def start(self, *options, before=()):
        return self.world.add_ours(Process("mqtt_bridged", [
            *before, BUILD / "mqtt_bridged", "--broker", self.broker.url, "--netid", "alice",
            *options]))

    def doors(self, daemon):
        daemon.wait_for_line("linked to|no link to")
        return [line.partition("listening on ")[2] for line in daemon.lines if "listening on" in line]

    def without_ipv6(self):
        if not is_root or not shutil.which("unshare"):
            self.skipTest("only root has a network of its own")
        return ("unshare", "-n", "sh", "-c",
                'ip link set lo up; echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6; exec "$@"', "sh")

    def test_it_is_served_on_both_addresses_and_one_port(self):
        if not socket.has_dualstack_ipv6():
            self.skipTest("there is no IPv6 here")
        first, second = self.doors(self.start("--listen", "localhost:0"))
        port = int(first.removeprefix("http://127.0.0.1:"))
        self.assertEqual(second, f"http://[::1]:{port}")
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, port), PATIENCE) as caller:
                caller.sendall(CALL)
                self.assertEqual(read_answer(caller).text, "ABC")

    def test_a_machine_without_ipv6_is_served_on_the_other_address(self):
        before = self.without_ipv6()
        for options, doors in (((), ["http://127.0.0.1:8426"]),
                               (("--listen", "localhost:8427"), ["http://127.0.0.1:8427"])):
            with self.subTest(options=options):
                daemon = self.start(*options, before=before)
                self.assertEqual(self.doors(daemon), doors)
                self.assertEqual(daemon.stop(), 0)

    def start_beside(self, taken):
        return run([BUILD / "mqtt_bridged", "--netid", "alice",
                    "--listen", f"localhost:{taken.getsockname()[1]}"])

    def test_a_port_that_another_has_on_either_address_ends_the_start(self):
        for address, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            with self.subTest(address=address), contextlib.ExitStack() as stack:
                for _ in range(5):  # another test may have the same port on the other address
                    try:
                        taken = stack.enter_context(socket.create_server((address, 0), family=family))
                    except OSError:
                        self.skipTest(f"there is no {address} here")
                    outcome = self.start_beside(taken)
                    self.assert_one_line(outcome, 2, str(taken.getsockname()[1]), "in use")
                    if address in outcome.stderr:
                        break
                else:
                    self.fail(f"{address} is not named: {outcome.stderr}")

    def test_a_health_check_of_it_finds_it(self):
        daemon = self.start("--listen", "localhost:0")
        port = self.doors(daemon)[0].rpartition(":")[2]
        outcome = run([BUILD / "mqtt_bridged", "--listen", f"localhost:{port}", "--check-health"])
        self.assertEqual((outcome.code, outcome.stdout), (0, "ready\n"), outcome)


class UnixSocket(Sockets):
    def setUp(self):
        super().setUp()
        self.world.folder.chmod(0o711)  # the socket's own mode is what counts

    def daemon(self, *options):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder))
        folder.chmod(0o711)
        path = folder / "bridge.sock"
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            BUILD / "mqtt_bridged", "--broker", self.broker.url, "--netid", "alice",
            "--listen", f"unix:{path}", *options]))
        daemon.wait_for_line("linked to")
        daemon.path = path
        return daemon

    @staticmethod
    def another_group():
        """The name of one that is not ours, and that we may give to a file of ours."""
        numbers = ([each.gr_gid for each in grp.getgrall()] if is_root else os.getgroups())
        for number in numbers:
            if number != os.getegid():
                return grp.getgrgid(number).gr_name
        raise unittest.SkipTest("there is no group to give the socket to")

    def test_its_mode_and_group_are_those_that_were_asked_for(self):
        group = self.another_group()
        ours = os.getegid()
        rows = (((), 0o660, ours),
                (("--socket-mode", "0600"), 0o600, ours),
                (("--socket-mode", "666"), 0o666, ours),
                (("--socket-group", group), 0o660, grp.getgrnam(group).gr_gid),
                (("--socket-mode", "0620", "--socket-group", group), 0o620,
                 grp.getgrnam(group).gr_gid))
        for options, mode, gid in rows:
            with self.subTest(options=options):
                daemon = self.daemon(*options)
                status = daemon.path.stat()
                self.assertTrue(stat.S_ISSOCK(status.st_mode))
                self.assertEqual(stat.S_IMODE(status.st_mode), mode)
                self.assertEqual((status.st_uid, status.st_gid), (os.geteuid(), gid))
                self.assertEqual(daemon.stop(), 0)
                self.assertFalse(daemon.path.exists())

    def test_a_group_that_there_is_not_ends_the_start(self):
        path = self.world.folder / "bridge.sock"
        outcome = run([BUILD / "mqtt_bridged", "--broker", self.broker.url, "--netid", "alice",
                       "--listen", f"unix:{path}", "--socket-group", "no-group-of-this-name"])
        self.assertEqual(outcome.code, 2, outcome)
        self.assertRegex(outcome.stderr,
                         r"mqtt_bridged: --socket-group: .*'no-group-of-this-name'\n\Z")
        self.assertFalse(path.exists(), "a socket that nobody serves was left behind")

    def test_a_mode_that_is_none_ends_the_start(self):
        for mode in ("rw", "0999", "01777", "-1", ""):
            with self.subTest(mode=mode):
                outcome = run([BUILD / "mqtt_bridged", "--netid", "alice", "--socket-mode", mode])
                self.assert_one_line(outcome, 2, "--socket-mode")

    def test_another_user_is_let_in_by_mode_by_group_and_by_name(self):
        if not is_root or shutil.which("setpriv") is None:
            self.skipTest("only root can be somebody else")
        somebody = pwd.getpwnam("nobody")
        group = grp.getgrgid(somebody.pw_gid).gr_name
        refused, forbidden, answered = "PermissionError", "forbidden-user", "\r\n\r\nABC"
        rows = (((), refused),
                (("--socket-group", group), answered),
                (("--socket-group", group, "--socket-mode", "0600"), refused),
                (("--socket-mode", "0666"), answered),
                (("--socket-mode", "0666", "--allow-user", "root"), forbidden),
                (("--socket-mode", "0666", "--allow-user", "root", "--allow-user", "nobody"),
                 answered),
                (("--socket-mode", "0666", "--allow-user", str(somebody.pw_uid)), answered),
                (("--allow-user", "nobody"), refused))
        for options, wanted in rows:
            with self.subTest(options=options):
                daemon = self.daemon(*options)
                outcome = run(["setpriv", f"--reuid={somebody.pw_uid}",
                               f"--regid={somebody.pw_gid}", "--clear-groups",
                               sys.executable, "-c", CALL_UNIX, daemon.path])
                self.assertIn(wanted, outcome.stdout + outcome.stderr)
                if wanted != refused:
                    daemon.wait_for_line(rf"request .* from=uid:{somebody.pw_uid}\b")
                else:
                    self.assertFalse([line for line in daemon.lines if "request " in line])
                self.assertEqual(daemon.stop(), 0)

    def test_those_who_may_not_call_learn_nothing_else(self):
        daemon = self.daemon("--allow-user", str(os.getuid() + 1))
        for target in ("/healthz", "/readyz", "/metrics", "/status", "/nowhere"):
            with self.subTest(target=target), Caller(daemon.path) as caller:
                answer = caller.get(target)
                self.assertEqual(answer.status, 403)
                self.assertIn("forbidden-user", answer.text)

    def test_a_user_that_there_is_not_ends_the_start_and_check_config(self):
        for more in ((), ("--check-config",)):
            with self.subTest(more=more):
                outcome = run([BUILD / "mqtt_bridged", "--netid", "alice", "--listen",
                               "127.0.0.1:0", "--allow-user", "no-user-of-this-name", *more])
                self.assertEqual(outcome.code, 2, outcome)
                self.assertRegex(outcome.stderr,
                                 r"mqtt_bridged: --allow-user: .*'no-user-of-this-name'\n\Z")


class SocketsOfOthers(Sockets):
    def test_one_of_another_kind_is_left_alone(self):
        path = self.world.folder / "somebodys.sock"
        for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            with self.subTest(kind=kind), socket.socket(socket.AF_UNIX, kind) as somebodys:
                somebodys.bind(str(path))
                outcome = run([BUILD / "mqtt_bridged", "--listen", f"unix:{path}", "--netid", "a"])
                self.assert_one_line(outcome, 2, str(path))
                self.assertTrue(path.is_socket())
                path.unlink()


class PassedSockets(Sockets):
    def tcp(self, address="127.0.0.1", family=socket.AF_INET, listens=True):
        made = self.world.enter_context(socket.socket(family))
        made.bind((address, 0))
        if listens:
            made.listen(128)
        return made, made.getsockname()[1]

    def unix(self):
        made = self.world.enter_context(socket.socket(socket.AF_UNIX))
        path = os.path.join(tempfile.mkdtemp(dir=self.world.folder), "passed.sock")
        made.bind(path)
        made.listen(128)
        return made, path

    def start(self, sockets, *options, **keywords):
        return self.world.add_ours(PassingProcess(
            self.world.folder, sockets, "--broker", self.broker.url, "--netid", "alice", *options,
            **keywords))

    def assert_ends(self, sockets, *words, options=()):
        """The start ends, by one line that has these words."""
        daemon = self.world.add(PassingProcess(
            self.world.folder, sockets, "--netid", "alice", *options))
        self.assertEqual(daemon.wait(), 2, daemon.log())
        self.assertEqual(len(daemon.lines), 1, daemon.log())
        for word in ("mqtt_bridged: ", *words):
            self.assertIn(word, daemon.lines[0])

    def test_both_kinds_are_served_and_no_default_is_opened(self):
        (first, first_port), (second, second_port), (third, path) = (
            self.tcp(), self.tcp(), self.unix())
        daemon = self.start([first, third, second], RUNTIME_DIRECTORY=str(self.world.folder))
        self.assertEqual(daemon.doors(), [f"http://127.0.0.1:{first_port}", f"unix:{path}",
                                          f"http://127.0.0.1:{second_port}"])
        for where in (first_port, second_port, path):
            self.assert_answered(where)
        self.assertFalse((self.world.folder / "bridge.sock").exists())
        self.assertEqual(daemon.stop(), 0)
        self.assertTrue(os.path.exists(path), "it is not ours to remove")

    def test_the_default_of_the_other_kind_is_opened(self):
        passed, port = self.tcp()
        daemon = self.start([passed], RUNTIME_DIRECTORY=str(self.world.folder))
        own = self.world.folder / "bridge.sock"
        self.assertEqual(daemon.doors(), [f"http://127.0.0.1:{port}", f"unix:{own}"])
        self.assert_answered(own)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(own.exists())

    def test_the_default_port_is_opened_beside_a_unix_socket(self):
        if not is_root or not shutil.which("ip") or not shutil.which("unshare"):
            self.skipTest("only root has a network of its own, where the default port is free")
        passed, path = self.unix()
        own_network = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
        daemon = self.start([passed], before=own_network)
        self.assertEqual(daemon.doors(), [f"unix:{path}", "http://127.0.0.1:8426",
                                          "http://[::1]:8426"])
        with Caller(path) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)

    def test_what_is_asked_for_is_opened_besides(self):
        passed, port = self.tcp()
        daemon = self.start([passed], "--listen", "127.0.0.1:0")
        doors = daemon.doors()
        self.assertEqual(len(doors), 2)
        self.assertEqual(doors[0], f"http://127.0.0.1:{port}")
        for door in doors:
            self.assert_answered(int(door.rpartition(":")[2]))

    def test_what_was_passed_to_another_process_is_not_taken(self):
        passed, port = self.tcp()
        daemon = self.start([passed], "--listen", "127.0.0.1:0", listen_pid="another")
        doors = daemon.doors()
        self.assertEqual(len(doors), 1)
        self.assertNotEqual(doors[0], f"http://127.0.0.1:{port}")

    def test_users_are_known_at_a_passed_unix_socket_too(self):
        passed, path = self.unix()
        self.start([passed], "--listen", "127.0.0.1:0", "--allow-user",
                   str(os.getuid() + 1)).wait_for_line("linked to")
        with Caller(path) as caller:
            self.assertIn("forbidden-user", caller.get("/healthz").text)

    def test_one_that_others_can_reach_needs_a_token_or_the_word(self):
        token_file = self.world.folder / "token"
        token_file.write_text(TOKEN)
        for address, family, shown in (("0.0.0.0", socket.AF_INET, "0.0.0.0"),
                                       ("::", socket.AF_INET6, "[::]")):
            with self.subTest(address=address):
                passed, port = self.tcp(address, family)
                self.assert_ends([passed], f"http://{shown}:{port}", "--token-file",
                                 "--allow-remote")
                daemon = self.start([passed], "--allow-remote")
                self.assertEqual(daemon.doors(), [f"http://{shown}:{port}"])
                self.assert_answered(port)
                self.assertEqual(daemon.stop(), 0)
                daemon = self.start([passed], "--token-file", token_file)
                daemon.wait_for_line("linked to")
                with Caller(port) as caller:
                    self.assertEqual(caller.get("/healthz").status, 401)

    def test_ipv6s_loopback_is_not_reached_by_others(self):
        try:
            passed, port = self.tcp("::1", socket.AF_INET6)
        except OSError:
            self.skipTest("there is no IPv6 here")
        self.assertEqual(self.start([passed]).doors(), [f"http://[::1]:{port}"])

    def test_one_that_others_can_reach_does_not_lose_its_token_by_a_reload(self):
        token_file, config = (self.world.folder / name for name in ("token", "bridged.toml"))
        token_file.write_text(TOKEN)
        config.write_text(f"token-file = {json.dumps(str(token_file))}\n")
        passed, port = self.tcp("0.0.0.0")
        daemon = self.start([passed], "--config", config)
        daemon.wait_for_line("linked to")
        config.write_text("")
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_for_line("configuration reloaded|the configuration stays as it was")
        with Caller(port) as caller:
            self.assertEqual(caller.get("/healthz").status, 401)

    def test_what_does_not_listen_ends_the_start(self):
        bound, _ = self.tcp(listens=False)
        datagram = self.world.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        ends = socket.socketpair()
        for end in ends:
            self.world.enter_context(end)
        file = self.world.enter_context(tempfile.TemporaryFile())
        listening, _ = self.tcp()
        for name, passed in (("bound", bound), ("datagram", datagram), ("connected", ends[0]),
                             ("file", file)):
            with self.subTest(name):
                self.assert_ends([passed], "descriptor 3")
                self.assert_ends([listening, passed], "descriptor 4")

    def test_who_connects_while_it_restarts_is_served_by_the_next_one(self):
        (tcp, port), (unix, path) = self.tcp(), self.unix()
        first = self.start([tcp, unix])
        first.wait_for_line("linked to")
        self.assert_answered(port)
        self.assertEqual(first.stop(), 0)
        with contextlib.ExitStack() as stack:
            callers = [stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
                       for _ in range(20)]
            by_path = UnixConnection(path)
            by_path.connect()
            callers.append(stack.enter_context(by_path.sock))
            for caller in callers:
                caller.sendall(CALL)
            self.start([tcp, unix])
            for caller in callers:
                answer = read_answer(caller)
                self.assertEqual((answer.status, answer.text), (200, "ABC"), answer)

    def test_restarts_under_load_refuse_nobody(self):
        """Callers that connect anew each time: whoever gets 503 may ask again, by its own words;
        none sees a connection refused or broken."""
        passed, port = self.tcp()
        done = threading.Event()
        answers = []

        def call_on():
            while not done.is_set():
                with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
                    caller.sendall(CALL)
                    answers.append(read_answer(caller))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(call_on) for _ in range(4)]
            try:
                for _ in range(5):
                    daemon = self.start([passed])
                    daemon.wait_for_line("linked to")
                    before = len(answers)
                    eventually(lambda: len(answers) >= before + 20
                               or any(each.done() for each in callers), "calls are answered")
                    self.assertEqual(daemon.stop(), 0)
                self.start([passed])
            finally:
                done.set()
            for caller in callers:
                caller.result(PATIENCE)
        self.assertEqual([answer for answer in answers if answer.status != 200], [])


if __name__ == "__main__":
    unittest.main()
