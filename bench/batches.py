#!/usr/bin/env python3
"""What a call of a batch, and of mqtt_client --lines, costs beside one of 64 HTTP connections, and how
much memory many lines take.

    bench/batches.py BUILD [ROUNDS] [LINES]

Each round measures the three ways in turn, on one daemon; said are medians of the rounds and of their
ratios. Then LINES, 1,000,000 by default, as one batch and by mqtt_client.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import processes

BUILD = processes.BUILD = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
LINES = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
LINES_OF_A_ROUND = 20_000


def connections(daemon):
    out = subprocess.run(
        [BUILD / "bench/bench_load", "--to", str(daemon.port), "--connections", "64", "--seconds",
         "3", "--warm-up", "0"], stdout=subprocess.PIPE, text=True, check=True).stdout
    figures = json.loads(out.splitlines()[-1])
    assert not figures["failed"], figures
    return figures["calls"], figures["seconds"]


def check(results, count, expected):
    answered = 0
    with open(results, "rb") as file:
        for line in file:
            answered += expected in line
    assert answered == count, (answered, count)


def batch(daemon, folder, count):
    """Calls a second."""
    lines, results = folder / "lines", folder / "results"
    with open(lines, "w", encoding="ascii") as file:
        file.writelines(f'"text number {i}"\n' for i in range(count))
    began = time.perf_counter()
    with open(lines, "rb") as given:  # --data-binary would hold all of it in curl's memory
        subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--request", "POST", "--upload-file", "-",
             "--header", "Content-Type: application/x-ndjson", "--output", results,
             f"http://127.0.0.1:{daemon.port}/transform/uppercase"], stdin=given, check=True)
    took = time.perf_counter() - began
    check(results, count, b'"answer":"TEXT NUMBER ')
    return count / took


def client(daemon, broker, folder, count):
    """Calls a second, and the client's memory in KiB."""
    lines, results = folder / "lines", folder / "results"
    with open(lines, "w", encoding="ascii") as file:
        file.writelines(f"text number {i}\n" for i in range(count))
    began = time.perf_counter()
    with open(results, "wb") as out:
        running = subprocess.Popen(
            [BUILD / "mqtt_client", "--daemon", f"http://127.0.0.1:{daemon.port}", "--broker",
             f"mqtt://127.0.0.1:{broker.port}", "--lines", daemon.netid, "uppercase",
             lines], stdout=out)
        _, status, used = os.wait4(running.pid, 0)
    took = time.perf_counter() - began
    assert status == 0, status
    check(results, count, b"TEXT NUMBER ")
    return count / took, used.ru_maxrss


def main():
    with processes.World() as world:
        broker = world.broker("one")
        world.responder(broker)
        daemon = world.daemon(broker, "daemon")
        rates, cpu = [], []
        for _ in range(ROUNDS):
            used = [daemon.cpu()]
            calls, seconds = connections(daemon)
            used.append(daemon.cpu())
            of_batch = batch(daemon, world.folder, LINES_OF_A_ROUND)
            used.append(daemon.cpu())
            of_client, _ = client(daemon, broker, world.folder, LINES_OF_A_ROUND)
            used.append(daemon.cpu())
            rates.append((calls / seconds, of_batch, of_client))
            cpu.append([processes.cpu_between(*between) / each / 1000 for between, each in zip(
                zip(used, used[1:]), (calls, LINES_OF_A_ROUND, LINES_OF_A_ROUND))])
        for way, values, used in zip(("64 connections", "a batch", "mqtt_client --lines"),
                                     zip(*rates), zip(*cpu)):
            ratios = sorted(value / of_64 for value, (of_64, *_) in zip(values, rates))
            print(f"{way:19} {statistics.median(values):7.0f} calls a second, "
                  f"{statistics.median(used):.0f} us of the daemon's CPU a call, "
                  f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) of the first")
        daemon = world.daemon(broker, "another")
        batch(daemon, world.folder, 1000)
        before = daemon.memory("VmHWM")
        rate = batch(daemon, world.folder, LINES)
        more = daemon.memory("VmHWM") - before
        print(f"{LINES} lines: {rate:.0f} calls a second, {more / 1024:.1f} MiB more memory than with "
              "1,000")
        few = client(daemon, broker, world.folder, 1000)[1]
        rate, many = client(daemon, broker, world.folder, LINES)
        print(f"mqtt_client --lines: {rate:.0f} calls a second, {many / 1024:.1f} MiB, and "
              f"{few / 1024:.1f} MiB with 1,000")


if __name__ == "__main__":
    main()
