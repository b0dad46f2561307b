#!/usr/bin/env python3
"""What a call of a batch costs beside one of 64 HTTP connections, and how much memory a long batch
takes.

    bench/batches.py BUILD [ROUNDS] [LINES]

Each round measures both ways in turn, on one daemon; said are medians of the rounds and of their
ratios. Then one batch of LINES, 1,000,000 by default.
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
LINES = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
LINES_OF_A_ROUND = 20_000


def connections(daemon):
    out = subprocess.run(
        [BUILD / "bench/bench_load", "--to", str(daemon.port), "--connections", "64", "--seconds",
         "3", "--warm-up", "0"], stdout=subprocess.PIPE, text=True, check=True).stdout
    figures = json.loads(out.splitlines()[-1])
    assert not figures["failed"], figures
    return figures["calls"], figures["seconds"]


def batch(daemon, folder, count):
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
    answered = 0
    with open(results, "rb") as file:
        for line in file:
            answered += b'"answer":"TEXT NUMBER ' in line
    assert answered == count, (answered, count)
    return count / took


def main():
    with processes.World() as world:
        broker = world.broker("one")
        world.responder(broker)
        daemon = world.daemon(broker, "daemon")
        rates, cpu = [], []
        for _ in range(ROUNDS):
            before = daemon.cpu()
            calls, seconds = connections(daemon)
            between = daemon.cpu()
            rates.append((calls / seconds, batch(daemon, world.folder, LINES_OF_A_ROUND)))
            cpu.append((processes.cpu_between(before, between) / calls / 1000,
                        processes.cpu_between(between, daemon.cpu()) / LINES_OF_A_ROUND / 1000))
        for way, values, used in zip(("64 connections", "a batch"), zip(*rates), zip(*cpu)):
            print(f"{way:16} {statistics.median(values):7.0f} calls a second, "
                  f"{statistics.median(used):.0f} us of the daemon's CPU a call")
        print(f"ratio            {statistics.median(b / a for a, b in rates):7.2f}")
        daemon = world.daemon(broker, "another")
        batch(daemon, world.folder, 1000)
        before = daemon.memory("VmHWM")
        rate = batch(daemon, world.folder, LINES)
        more = daemon.memory("VmHWM") - before
        print(f"{LINES} lines: {rate:.0f} calls a second, {more / 1024:.1f} MiB more memory than with "
              "1,000")


if __name__ == "__main__":
    main()
