"""Measures: everything side by side, on the same broker and the same responder, interleaved, so that
what else the machine does falls on all alike. bench/run installs and builds what it needs, and then
calls this.

Writes results.md, pictures (SVG), and the figures of every round as JSON.
"""

import argparse
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

import plots
import report
from machine import about_this_machine
from processes import (BENCH, BUILD, PEERS, PYTHON, Late, World, cpu_between, eventually,
                       is_ready)

CONNECTIONS = (1, 8, 32, 64, 256, 1024)
BROKERS = {"stock": "", "set_tcp_nodelay": "set_tcp_nodelay true"}
CALLS_AT_ONCE = (1, 10, 100, 1000, 3000, 10000)
SLOWNESS = 10  # seconds that the slow responder takes: all calls are in before the first is answered
PAYLOADS = (0, 16, 256, 1024, 4096, 16384, 65536, 262144, 1048576)
NETIDS = (1, 10, 100, 1000, 10000)


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = []

    def add(self, scenario, **row):
        self.rows.append({"scenario": scenario, **row})
        shown = {key: value for key, value in row.items() if not isinstance(value, (dict, list))}
        print(scenario, " ".join(f"{key}={value}" for key, value in shown.items()), flush=True)


def load(process, to, connections, seconds, *more, warm_up=0.5, others=None):
    """Load on one bridge; its figures, with what its process used, and what `others`, such as the
    broker, used for each call meanwhile. With --slice the figures of each."""
    others = others or {}
    command = [BUILD / "bench/bench_load", "--to", str(to), "--connections", str(connections),
               "--seconds", str(seconds), "--warm-up", str(warm_up), *map(str, more)]
    slices = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        running.stdout.readline()  # "begin"
        before = process.cpu()
        others_before = {name: other.cpu() for name, other in others.items()}
        for line in running.stdout:
            after = process.cpu()
            others_after = {name: other.cpu() for name, other in others.items()}
            figures = json.loads(line)
            calls = max(figures["calls"], 1)
            figures["cpu_us"] = cpu_between(before, after) / 1000 / calls
            figures["rss_kib"] = process.memory()
            for name in others:
                figures[f"{name}_us"] = (
                    cpu_between(others_before[name], others_after[name]) / 1000 / calls)
            figures["threads_us"] = by_thread(process.pid, before, after, calls)
            slices.append(figures)
            before = after
    if running.returncode != 0 or not slices:
        raise RuntimeError(f"{command} ended with {running.returncode}")
    return slices if "--slice" in more else slices[-1]


def by_thread(pid, before, after, calls):
    used = {}
    for (thread, name), ns in after.items():
        us = (ns - before.get((thread, name), 0)) / 1000 / calls
        if us >= 0.05:
            used[f"{name}/{thread - pid}"] = round(us, 1)
    return used


def limit(port, window, seconds, *more):
    command = [BUILD / "bench/bench_limit", "--port", str(port), "--window", str(window),
               "--seconds", str(seconds), "--warm-up", "0.5", *map(str, more)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


# The peers --------------------------------------------------------------------------------------

def floor_command(broker, name):
    return [BUILD / "bench/bench_floor", "--port", broker.port, "--listen", "{port}",
            "--netid", f"floor-{name}"]


def start_floor(world, broker, name):
    return world.http_peer(f"floor-{name}", floor_command(broker, name))


def start_node(world, broker, name):
    return world.http_peer(
        f"node-{name}",
        ["node", PEERS / "node/bridge.js", broker.port, "{port}", f"node-{name}"],
        env={"NODE_ENV": "production"})


def start_node_red(world, broker, name):
    netid = f"node-red-{name}"
    folder = world.folder / netid
    folder.mkdir()
    flow = shutil.copy(PEERS / "node-red/flow.json", folder)
    return world.http_peer(
        netid,
        ["node", PEERS / "node-red/node_modules/node-red/red.js", "--userDir", folder,
         "--settings", PEERS / "node-red/settings.js"],
        env={"NODE_ENV": "production", "HTTP_PORT": "{port}", "MQTT_PORT": str(broker.port),
             "NETID": netid, "RESPONSES": f"{netid}/+/response", "CLIENT_ID": f"{netid}-bridge",
             "FLOW_FILE": flow})


def start_python(world, broker, name):
    return world.http_peer(
        f"python-{name}",
        [PYTHON, PEERS / "python/bridge.py", broker.port, "{port}", f"python-{name}"])


PEER_STARTS = {"floor": start_floor, "Node": start_node, "Node-RED": start_node_red,
               "Python": start_python}


class Side:
    """One broker, its responder, and all bridges on it."""

    def __init__(self, world, name, peers):
        broker_name = name.replace("_", "-")
        self.broker = world.broker(broker_name, BROKERS[name])
        self.responder = world.responder(self.broker)
        self.daemon = world.daemon(self.broker, f"this-{broker_name}")
        self.others = {peer: PEER_STARTS[peer](world, self.broker, broker_name) for peer in peers}

    def bridges(self):
        """Each way in, and the process behind it."""
        yield "this, TCP", self.daemon, self.daemon.port
        yield "this, unix", self.daemon, self.daemon.path
        for name, process in self.others.items():
            yield name, process, process.port

    def others_at_work(self):
        return {"broker": self.broker, "responder": self.responder}

    def processes(self):
        return {"this": self.daemon, **self.others}

    def commands(self):
        port, netid = str(self.broker.port), self.daemon.name
        client = [BUILD / "mqtt_client", "--host", "127.0.0.1", "-p", port]
        call = [netid, "uppercase", "hello"]
        topic = "command/uppercase"  # nobody else's
        return {
            "mqtt_client, unix": [*client, "--daemon", f"unix:{self.daemon.path}", *call],
            "mqtt_client, TCP": [
                *client, "--daemon", f"http://127.0.0.1:{self.daemon.port}", *call],
            "mqtt_client --direct": [*client, "--direct", "command", "uppercase", "hello"],
            "mosquitto_rr": ["mosquitto_rr", "-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1",
                             "-t", f"{topic}/request", "-e", f"{topic}/response", "-m", "hello"],
            "Python CLI": [PYTHON, PEERS / "python/call.py", port, "command", "uppercase", "hello"],
        }


# The scenarios: each is a function of the bench and of the two sides -----------------------------

def calls(bench, sides):
    """Throughput, latency, CPU time and memory, by connections."""
    options = bench.options
    for number in range(options.rounds):
        for name, side in sides.items():
            for connections in options.connections:
                where = {"broker": name, "connections": connections, "round": number}
                bench.add("calls", peer="limit", **where,
                          **limit(side.broker.port, connections, options.seconds))
                for peer, process, to in side.bridges():
                    bench.add("calls", peer=peer, **where,
                              **load(process, to, connections, options.seconds,
                                     others=side.others_at_work()))


def stalls(bench, sides):
    """The same for a minute at a time: does anything ever stall? The limit, which has nothing in it
    that could, tells what of it is the machine's."""
    side = sides["stock"]
    for connections in (count for count in bench.options.connections if count <= 256):
        bench.add("stalls", peer="limit", connections=connections,
                  **limit(side.broker.port, connections, bench.options.minute))
        bench.add("stalls", peer="this, TCP", connections=connections,
                  **load(side.daemon, side.daemon.port, connections, bench.options.minute))


def commands(bench, sides):
    """Whole-process wall time of one call from the command line."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    for number in range(bench.options.rounds):
        for name, side in sides.items():
            commands = list(side.commands().items())
            took = {command: [] for command, _ in commands}
            for _ in range(bench.options.commands):
                for command, arguments in random.sample(commands, len(commands)):
                    took[command].append(run_command(arguments, quiet))
            for command, runs in took.items():
                bench.add("commands", peer=command, broker=name, round=number,
                          p50=statistics.median(wall for wall, _ in runs),
                          max=max(wall for wall, _ in runs),
                          cpu_ms=statistics.median(cpu for _, cpu in runs))
    os.close(quiet)


def run_command(arguments, quiet):
    """Milliseconds of wall and of CPU time, from its start to its end."""
    arguments = [os.fspath(part) for part in arguments]
    began = time.perf_counter()
    pid = os.posix_spawnp(arguments[0], arguments, os.environ,
                          file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    if status != 0:
        raise RuntimeError(f"{arguments} ended with {status}")
    return wall * 1000, (used.ru_utime + used.ru_stime) * 1000


def idle(bench, sides):
    """What each bridge uses while nobody calls."""
    processes = sides["stock"].processes()
    before = {name: process.cpu() for name, process in processes.items()}
    began = time.monotonic()
    time.sleep(bench.options.minute)
    passed = time.monotonic() - began
    for name, process in processes.items():
        used = cpu_between(before[name], process.cpu()) / 1e9
        bench.add("idle", peer=name, percent=100 * used / passed, seconds=passed,
                  rss_kib=process.memory())


def start(bench, sides):
    """From the start of the process to ready, and to the answer to a first call."""
    broker = sides["stock"].broker
    for number in range(max(bench.options.rounds, 3)):
        for again in range(4):
            with World() as world:
                began = time.monotonic()
                daemon = world.start_daemon(broker, "this-starts")
                eventually(lambda: is_ready(daemon.port), "the daemon is ready", 0.0005)
                ready = time.monotonic() - began
                bench.add("start", peer="this", round=number, again=again, ready_ms=ready * 1000)
        for name in bench.options.peers:
            start_peer = PEER_STARTS[name]
            with World() as world:
                began = time.monotonic()
                start_peer(world, broker, "starts")
                bench.add("start", peer=name, round=number, again=0,
                          ready_ms=(time.monotonic() - began) * 1000)


def in_flight(bench, _):
    """Calls made at once that all wait for a slow service: are they answered, and what do they
    hold?"""
    for count in CALLS_AT_ONCE:
        with World() as world:
            # By default it drops what is beyond 1,000 messages for one client, which says nothing of
            # a bridge.
            broker = world.broker("slow", "max_queued_messages 0")
            slow = world.start("slow-responder", [
                BUILD / "bench/bench_slow_responder", "--port", broker.port, "--delay", SLOWNESS])
            slow.wait_for("ready")
            daemon = world.daemon(broker, "this")
            before = daemon.memory()
            figures = load(daemon, daemon.port, count, 1, "--calls", 1, "--timeout", 60,
                           "--query", "?timeout=60s", warm_up=0)
            peak = daemon.memory("VmHWM")
            bench.add("in flight", peer="this, TCP", calls_at_once=count, before_kib=before,
                      peak_kib=peak, kib_each=(peak - before) / count,
                      over_ms=figures["max"] - SLOWNESS * 1000, **figures)


def payload(bench, sides):
    """Cost by the size of the text."""
    side = sides["stock"]
    seconds = min(bench.options.seconds, 1)
    for number in range(bench.options.growth_rounds):
        for size in PAYLOADS:
            where = {"payload": size, "round": number}
            bench.add("payload", peer="limit", **where,
                      **limit(side.broker.port, 1, seconds, "--payload", size))
            for peer, process, to in side.bridges():
                # The others stall for 88 ms whatever the size is; Node stands for them.
                if peer.startswith("this") or peer == "floor" or (peer == "Node" and size > 0):
                    bench.add("payload", peer=peer, **where,
                              **load(process, to, 1, seconds, "--payload", size))


def netids(bench, _):
    """Cost by the NetIDs that one daemon serves, each by name; and of all, with "*"."""
    seconds = min(bench.options.seconds, 1)
    late = set()
    for number in range(bench.options.growth_rounds):
        for count in (*NETIDS, "*"):
            if count in late:
                continue
            with World() as world:
                broker = world.broker("many")
                world.responder(broker)
                config = world.folder / "netids.toml"
                served = count if count != "*" else NETIDS[-1]
                names = ['"*"'] if count == "*" else [f'"n{i}"' for i in range(served)]
                config.write_text(f"netids = [{', '.join(names)}]\n")
                began = time.monotonic()
                daemon = world.start_daemon(broker, "this", "--config", config)
                try:
                    eventually(lambda: is_ready(daemon.port), "the daemon is ready", 0.002, 30)
                except Late:
                    late.add(count)
                    bench.add("netids", peer="this, TCP", netids=count, round=number, late=True)
                    continue
                ready = time.monotonic() - began
                figures = load(daemon, daemon.port, 8, seconds, "--netids", served)
                bench.add("netids", peer="this, TCP", netids=count, round=number,
                          ready_ms=ready * 1000, **figures)


def instructions(bench, _):
    """Instructions a call outside the kernel: they do not depend on what else the machine does."""
    for connections in (1, 64):
        with World() as world:
            broker = world.broker("counted")
            world.responder(broker)
            for peer, start_peer in {"floor": count_floor, "this, TCP": count_daemon}.items():
                counts = [count(start_peer(world, broker, f"{connections}-{calls}"), connections,
                                calls) for calls in COUNTED_CALLS]
                each = (counts[1] - counts[0]) / (COUNTED_CALLS[1] - COUNTED_CALLS[0])
                bench.add("instructions", peer=peer, connections=connections, round=0,
                          instructions=each)


# Callgrind counts; the difference of two runs is without the start and the end.
COUNTED_CALLS = (2000, 6000)
CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file={out}", "--log-file={log}")


def count_with(world, name):
    return [part.format(out=os.devnull, log=world.folder / f"{name}.count") for part in CALLGRIND]


def count_floor(world, broker, name):
    floor = world.http_peer(f"floor-{name}",
                            [*count_with(world, f"floor-{name}"), *floor_command(broker, name)])
    floor.count_path = world.folder / f"floor-{name}.count"
    return floor


def count_daemon(world, broker, name):
    daemon = world.daemon(broker, f"this-{name}", under=count_with(world, f"this-{name}"))
    daemon.count_path = world.folder / f"this-{name}.count"
    return daemon


def count(process, connections, calls):
    """All that it did, this load included, once it has ended."""
    command = [BUILD / "bench/bench_load", "--to", str(process.port), "--connections",
               str(connections), "--calls", str(calls // connections), "--timeout", "60"]
    figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True,
                                        text=True).stdout.splitlines()[-1])
    if figures["failed"]:
        raise RuntimeError(f"{figures['failed']} calls of {process.name} failed")
    process.stop()
    return int(re.search(r"Collected : (\d+)", process.count_path.read_text())[1])


def soak(bench, sides):
    """Steady load: does memory grow, does p99 drift?"""
    side = sides["stock"]
    for number, figures in enumerate(load(side.daemon, side.daemon.port, 32, bench.options.soak,
                                          "--slice", bench.options.soak / 60, warm_up=2)):
        bench.add("soak", peer="this, TCP", slice=number, **figures)


SCENARIOS = {scenario.__name__.replace("_", "-"): scenario for scenario in (
    calls, stalls, commands, idle, start, in_flight, payload, netids, instructions, soak)}


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="bench/run", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help=f"all by default: {', '.join(SCENARIOS)}")
    parser.add_argument("--quick", action="store_true",
                        help="a few minutes instead of most of an hour: one short round, fewer "
                             "connections")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2,
                        help="how long each measurement takes (%(default)s)")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--brokers", nargs="+", choices=BROKERS, default=list(BROKERS))
    parser.add_argument("--peers", nargs="*", choices=PEER_STARTS, default=list(PEER_STARTS),
                        help="what to compare with (all)")
    parser.add_argument("--soak", type=float, default=300, help="seconds of it (%(default)s)")
    parser.add_argument("--results", type=pathlib.Path,
                        help="the folder to write to: bench/results, or build/bench when not "
                             "everything is measured")
    parser.add_argument("--report", action="store_true",
                        help="measure nothing; write the report of the figures that are there")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if not options.results:
        is_all = options.report or not (options.scenarios or options.quick or
                                        len(options.peers) < len(PEER_STARTS))
        options.results = BENCH / "results" if is_all else BENCH.parent / "build/bench"
    options.minute, options.commands, options.growth_rounds = 60, 20, 3
    if options.quick:
        options.rounds, options.seconds, options.connections = 1, 0.5, (1, 8, 64)
        options.minute, options.commands, options.growth_rounds, options.soak = 3, 5, 1, 6
    return options


def measure(options):
    bench = Bench(options)
    machine = about_this_machine()
    # 10,000 connections need as many descriptors; the programs started from here inherit this.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with World() as world:
        sides = {name: Side(world, name, options.peers) for name in dict.fromkeys(["stock", *options.brokers])}
        chosen = {name: side for name, side in sides.items() if name in options.brokers}
        for name in options.scenarios or SCENARIOS:
            scenario = SCENARIOS[name]
            print(f"\n== {name}: {scenario.__doc__}", flush=True)
            scenario(bench, chosen if scenario in (calls, commands) else sides)
            save(options.results / "figures.json", {  # now: the run can be cut short
                "machine": machine,
                "options": {"rounds": options.rounds, "seconds": options.seconds},
                "rows": bench.rows})


def save(path, results):
    """One row a line, so that a later run can be compared."""
    rows = ",\n".join(json.dumps(rounded(row)) for row in results["rows"])
    machine = json.dumps(results["machine"], indent=1)
    path.write_text(f'{{"machine": {machine},\n"options": {json.dumps(results["options"])},\n'
                    f'"rows": [\n{rows}\n]}}\n')


def rounded(row):
    return {key: float(f"{value:.5g}") if isinstance(value, float) else value
            for key, value in row.items() if key != "failure" or value}


def main():
    options = parse_arguments()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))  # and so stop what was started
    options.results.mkdir(parents=True, exist_ok=True)
    raw = options.results / "figures.json"
    if not options.report:
        measure(options)
    results = json.loads(raw.read_text())
    pictures = plots.draw(results["rows"], options.results)
    (options.results / "results.md").write_text(report.write(results, pictures))
    print(f"\nWritten: {options.results}/results.md, and there: {', '.join(pictures)}")


if __name__ == "__main__":
    main()
