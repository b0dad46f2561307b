"""What tests with a faulty broker share: a daemon with its scripted broker, and subtests after each
of which the daemon lives and answers."""

import contextlib
import json
import time

from harness import Caller, SystemTest, eventually
from scripted_broker import ScriptedBroker, user_property

RESPONSE_TOPIC = "alice/uppercase/response"

# Links that keep breaking make the daemon wait longer and longer once that lasts for 2 s. So a series
# of faults goes on with another daemon before that.
SECONDS_OF_ONE_DAEMON = 1.5


class Bridge:
    """A daemon and its scripted broker, which are replaced when they are worn out."""

    def __init__(self, world, protocol):
        self._world = world
        self._protocol = protocol
        self.broker = self.daemon = None

    def renew(self, ready=True, play=()):
        """A new daemon, whose broker plays this from the start."""
        self.retire()
        self.broker = self._world.enter_context(ScriptedBroker())
        for arguments in play:
            self.broker.play(*arguments)
        self._born = time.monotonic()
        self.daemon = self._world.daemon(self.broker, "--protocol", self._protocol, ready=ready)

    def renew_if_worn_out(self):
        if self.daemon is None or time.monotonic() > self._born + SECONDS_OF_ONE_DAEMON:
            self.renew()

    def retire(self):
        """Stops the daemon, which must have lived until now."""
        if self.daemon is None:
            return
        self.check_alive()
        code = self.daemon.stop()
        if code != 0:
            raise AssertionError(f"the daemon stopped with {code}\n{self.daemon.log()}")
        self._forget()

    def check_alive(self):
        if self.daemon.running():
            return
        dead = self.daemon
        self._forget()
        raise AssertionError(f"the daemon died with {dead.wait()}\n{dead.log()}")

    def _forget(self):
        self._world.processes.remove(self.daemon)  # its log is of no use any more
        self.broker.close()
        self.daemon = None

    def wait_for_link(self, after=0):
        """The connection on which the daemon is linked, which has been so more than `after` times
        and has not ended as far as its broker knows."""
        def linked():
            if not self.daemon.running():
                return True
            links = self.broker.links
            return len(links) > after and not links[-1].has_ended.is_set()
        eventually(linked, "the daemon is linked")
        self.check_alive()
        return self.broker.links[-1]

    def wait_until(self, condition, what):
        eventually(lambda: condition() or not self.daemon.running(), what)
        self.check_alive()

    def call(self, action="uppercase", text="abc", headers=None, timeout="20s"):
        with Caller(self.daemon.port) as caller:
            return caller.transform(action, text, headers, timeout=timeout)

    def wait_for_loss(self):
        """The first of losses(): the log may reach us later than the daemon's next connection."""
        self.wait_until(self.losses, "the daemon says that there was no link")
        return self.losses()[0]

    def losses(self):
        """What the daemon said of links that it lost or could not make."""
        return [line for line in list(self.daemon.lines) if "no link to" in line]


class FaultTest(SystemTest):
    protocol = "5"

    def setUp(self):
        super().setUp()
        self.bridge = Bridge(self.world, self.protocol)

    @contextlib.contextmanager
    def fault(self, **parameters):
        """A subtest at whose end the daemon lives, and answers the next call."""
        with self.subTest(**parameters):
            try:
                yield
                self.assert_next_call_succeeds(self.bridge)
            except Exception:
                if self.bridge.daemon is not None:
                    self.bridge.check_alive()  # says so first, when that is the reason
                raise

    def assert_next_call_succeeds(self, bridge):
        bridge.check_alive()
        answer = bridge.call()
        if answer.status == 503:  # the link was down for too long already
            bridge.daemon.wait_until_ready()
            answer = bridge.call()
        self.assertEqual((answer.status, answer.body), (200, b"ABC"), bridge.daemon.log())
        bridge.check_alive()

    def assert_problem(self, answer, status, slug, *words):
        self.assertEqual(answer.status, status, answer)
        problem = json.loads(answer.body)
        self.assertTrue(problem["type"].endswith(slug), problem)
        for word in words:
            self.assertIn(word, problem["detail"])

    def link(self):
        """The connection of a linked daemon, whose broker does as it should from now on."""
        self.bridge.renew_if_worn_out()
        self.bridge.broker.forget()
        return self.bridge.wait_for_link()


def status_and_error(status, error="no such word"):
    return user_property("status", status), user_property("error", error)
