"""Measures; see bench/run, which calls this."""

import argparse
import json
import pathlib
import subprocess

from processes import BUILD, PEERS, World, cpu_between

CONNECTIONS = (1, 8, 32, 64, 256, 1024)


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = []

    def add(self, scenario, **row):
        self.rows.append({"scenario": scenario, **row})
        print(json.dumps(self.rows[-1]), flush=True)


def load(process, to, connections, seconds, *more, warm_up=0.5):
    """Load on one bridge; its figures, with what its process used."""
    command = [BUILD / "bench/bench_load", "--to", str(to), "--connections", str(connections),
               "--seconds", str(seconds), "--warm-up", str(warm_up), *map(str, more)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        running.stdout.readline()  # "begin"
        before = process.cpu()
        line = running.stdout.readline()
        after = process.cpu()
    if running.returncode != 0:
        raise RuntimeError(f"{command} ended with {running.returncode}")
    figures = json.loads(line)
    calls = max(figures["calls"], 1)
    figures["cpu_us"] = cpu_between(before, after) / 1000 / calls
    figures["rss_kib"] = process.memory()
    threads = {}
    for thread, used in after.items():
        used = (used - before.get(thread, 0)) / 1000 / calls
        if used >= 0.05:
            threads[f"{thread[1]}/{thread[0] - process.pid}"] = round(used, 1)
    figures["threads_us"] = threads
    return figures


def limit(port, window, seconds):
    command = [BUILD / "bench/bench_limit", "--port", str(port), "--window", str(window),
               "--seconds", str(seconds), "--warm-up", "0.5"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def start_all(world, broker, name):
    """The bridges on one broker: {peer: (process, where it listens)}."""
    world.responder(broker)
    daemon = world.daemon(broker, f"this-{name}")
    node = world.http_peer(
        f"node-{name}",
        ["node", PEERS / "node/bridge.js", broker.port, "{port}", f"node-{name}"],
        env={"NODE_ENV": "production"})
    return {
        "this, TCP": (daemon, daemon.port),
        "this, unix": (daemon, daemon.path),
        "Node": (node, node.port),
    }


def compare(bench):
    options = bench.options
    with World() as world:
        brokers = {"stock": world.broker("stock")}
        peers = {name: start_all(world, broker, name) for name, broker in brokers.items()}
        for number in range(options.rounds):
            for name, broker in brokers.items():
                for connections in options.connections:
                    where = {"broker": name, "connections": connections, "round": number}
                    bench.add("calls", peer="limit", **where,
                              **limit(broker.port, connections, options.seconds))
                    for peer, (process, to) in peers[name].items():
                        bench.add("calls", peer=peer, **where,
                                  **load(process, to, connections, options.seconds))


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--raw", type=pathlib.Path)
    bench = Bench(parser.parse_args())
    compare(bench)
    if bench.options.raw:
        bench.options.raw.write_text(json.dumps(bench.rows, indent=0))


if __name__ == "__main__":
    main()
