#!/usr/bin/env python3
"""What a call of a route costs beside one of /transform, and what many routes cost.

    bench/routes.py BUILD [ROUNDS]

Each round measures every way in turn, on one broker; said are medians of the rounds and their ratio
to /transform's.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

import processes

BUILD = processes.BUILD = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
SECONDS = 3
KEYED = """
[[route]]
path = "/by-topic"
topic = "topic/request/{id}"
response-topic = "topic/response/{id}"

[[route]]
path = "/by-id"
topic = "id/request"
response-topic = "id/response"
id = "/ID"

[[route]]
path = "/inbox"
topic = "inbox/request"
"""
# The way: its path, whether its text is JSON, what its service listens to, and whether that sends
# Correlation Data back.
WAYS = {
    "/transform": ("/transform/uppercase", False, "+/uppercase/request", "yes"),
    "by topic": ("/by-topic", False, "topic/request/+", "no"),
    "by topic, with Correlation Data": ("/by-topic", False, "topic/request/+", "yes"),
    "by id in JSON": ("/by-id", True, "id/request", "no"),
    "by id in JSON, with Correlation Data": ("/by-id", True, "id/request", "yes"),
    "inbox": ("/inbox", False, "inbox/request", "yes"),
}


def many(count):
    return "".join(f'[[route]]\npath = "/many/{i}/{{x}}/y"\ntopic = "many/{i}/{{x}}"\n'
                   f'response-topic = "many/{i}/{{x}}/answer"\nid = "/id"\n' for i in range(count))


def load(port, path, is_json, connections=64):
    command = [BUILD / "bench/bench_load", "--to", str(port), "--connections", str(connections),
               "--seconds", str(SECONDS), "--warm-up", "1", "--path", path]
    if is_json:
        command += ["--json", "yes"]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    figures = json.loads(out.splitlines()[-1])
    assert not figures["failed"], figures
    return figures["calls"] / figures["seconds"]


def main():
    with processes.World() as world:
        broker = world.broker("one")
        daemons = {}
        for name, text in {"few": KEYED, "many": KEYED + many(1000)}.items():
            file = world.folder / f"{name}.toml"
            file.write_text(text)
            daemons[name] = world.daemon(broker, name, "--routes", file)
        rates = {way: [] for way in WAYS}
        rates_of_many = {"/transform": [], "by id in JSON": []}
        for number in range(ROUNDS):
            for way, (path, is_json, topics, correlates) in WAYS.items():
                service = world.start(f"service {number} {way}".replace("/", ""), [
                    BUILD / "bench/bench_slow_responder", "--port", broker.port, "--delay", "0",
                    "--filter", topics, "--correlates", correlates])
                service.wait_for("ready")
                rates[way].append(load(daemons["few"].port, path, is_json))
                if way in rates_of_many:
                    rates_of_many[way].append(load(daemons["many"].port, path, is_json))
                service.stop()
        base = statistics.median(rates["/transform"])
        for way, values in rates.items():
            median = statistics.median(values)
            print(f"{way:40} {median:7.0f} calls a second, {median / base:5.2f}")
        for way, values in rates_of_many.items():
            ratio = statistics.median(b / a for a, b in zip(rates[way], values))
            print(f"{way} with 1,000 routes beside without: {ratio:5.2f}")
        took = {}
        for count in (1, 1000):
            file = world.folder / "loaded.toml"
            file.write_text(many(count))
            took[count] = statistics.median(check(file) for _ in range(ROUNDS))
        print(f"1,000 routes load in {(took[1000] - took[1]) * 1000:.1f} ms more than one")


def check(file):
    began = time.perf_counter()
    subprocess.run([BUILD / "mqtt_bridged", "--routes", file, "--check-config"],
                   stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
