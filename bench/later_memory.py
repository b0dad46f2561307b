#!/usr/bin/python3
"""How much memory calls take that wait to be answered later, beside their texts.

    bench/later_memory.py [--build build/release] [--calls 100000] [--state]

The service sleeps: its session on the broker keeps the requests. With --state the calls are kept in a
state directory, too."""

import argparse
import json
import pathlib
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
ROUND = 200  # calls that are sent before their answers are read
TEXT = "a text of twenty-odd"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", default="build/release")
    arguments.add_argument("--calls", type=int, default=100_000)
    arguments.add_argument("--state", action="store_true")
    asked = arguments.parse_args()
    import os
    os.environ["MQTT_BRIDGE_BUILD"] = str(pathlib.Path(asked.build).resolve())
    from harness import Caller, World
    from test_later import Sleeper
    with World() as world, tempfile.TemporaryDirectory() as state:
        broker = world.broker(config="max_queued_messages 0")
        options = ("--state-dir", state) if asked.state else ()
        daemon = world.daemon(broker, *options)
        with Sleeper(broker, "alice/uppercase/request"):
            pass

        def resident(caller):
            for line in caller.get("/metrics").text.splitlines():
                if line.startswith("process_resident_memory_bytes "):
                    return float(line.split()[1])

        def waiting(caller):
            return json.loads(caller.get("/status").body)["later_calls"]["waiting"]

        def send(connection, first, count):
            requests = b"".join(
                b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
                b"Prefer: respond-async\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
                for text in (f"{number:07} {TEXT}".encode()
                             for number in range(first, first + count)))
            connection.sendall(requests)
            answers = b""
            while answers.count(b"waits_until") < count:
                answers += connection.recv(1 << 20)
            if answers.count(b"HTTP/1.1 202 ") != count:
                raise SystemExit(answers.decode()[-1000:])

        with Caller(daemon.port) as caller, \
                socket.create_connection(("127.0.0.1", daemon.port)) as connection:
            send(connection, 0, ROUND)  # so that what comes once has come
            before = resident(caller)
            began = time.monotonic()
            for first in range(ROUND, asked.calls + ROUND, ROUND):
                send(connection, first, ROUND)
            took = time.monotonic() - began
            after = resident(caller)
            text = len(f"{0:07} {TEXT}")
            each = (after - before) / asked.calls
            print(f"{waiting(caller)} calls wait; {each:.0f} bytes each, {each - text:.0f} beside "
                  f"their text of {text}; {asked.calls / took:.0f} calls a second"
                  f"{', kept on disk' if asked.state else ''}")


if __name__ == "__main__":
    main()
