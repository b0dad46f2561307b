"""The tables, in Markdown, and for each number to reach whether it was."""

import statistics

PEERS = ("limit", "floor", "this, TCP", "this, unix", "Node", "Node-RED", "Python")
BROKERS = {"stock": "mosquitto as it comes", "set_tcp_nodelay": "mosquitto with `set_tcp_nodelay true`"}


def of(rows, scenario, **where):
    return [row for row in rows if row["scenario"] == scenario
            and all(row.get(key) == value for key, value in where.items())]


def number(value):
    """Three digits, no exponent."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_spread(values, unit=""):
    """The median, and from the least to the most."""
    values = list(values)
    if not values:
        return "-"
    if len(values) == 1:
        return number(values[0]) + unit
    return f"{number(statistics.median(values))}{unit} ({number(min(values))}–{number(max(values))})"


def table(head, lines):
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for line in lines:
        yield "| " + " | ".join(str(cell) for cell in line) + " |"
    yield ""


def each(rows, field):
    return [row[field] for row in rows if field in row]


def most(rows, field):
    return number(max(each(rows, field))) if rows else "-"


# The tables -----------------------------------------------------------------------------------

def write_calls(rows):
    for broker, title in BROKERS.items():
        if not of(rows, "calls", broker=broker):
            continue
        yield f"## Calls, {title}\n"
        counts = sorted({row["connections"] for row in of(rows, "calls", broker=broker)})
        lines = []
        for count in counts:
            for peer in PEERS:
                cell = of(rows, "calls", broker=broker, connections=count, peer=peer)
                if not cell:
                    continue
                cpu = with_spread(each(cell, "cpu_us")) if peer != "limit" else "-"
                memory = number(max(each(cell, "rss_kib")) / 1024) if peer != "limit" else "-"
                lines.append([
                    f"{count:,}", peer, with_spread(each(cell, "per_second")),
                    with_spread(each(cell, "p50")), with_spread(each(cell, "p99")),
                    with_spread(each(cell, "p999")), most(cell, "max"), cpu, memory,
                    sum(each(cell, "failed")) or ""])
        yield from table(
            ["connections", "what", "calls/s", "p50, ms", "p99, ms", "p99.9, ms", "slowest, ms",
             "CPU, µs a call", "resident, MiB", "failed"], lines)


def write_floor(rows):
    """Each figure as a multiple of the floor's in the same round."""
    for broker, title in BROKERS.items():
        counts = sorted({row["connections"] for row in of(rows, "calls", broker=broker,
                                                          peer="floor")})
        lines = []
        for count in counts:
            for peer in PEERS[2:]:
                where = {"broker": broker, "connections": count}
                if of(rows, "calls", peer=peer, **where):
                    lines.append([f"{count:,}", peer, *(
                        with_spread(ratios(rows, field, peer, "floor", **where))
                        for field in ("per_second", "p50", "p99", "p999", "cpu_us"))])
        if lines:
            yield f"## Against the floor, {title}\n"
            yield ("`bench_floor` parses HTTP and writes MQTT in one loop, with no library and no "
                   "safety: a bridge cannot cost less. Each figure is a multiple of the floor's.\n")
            yield from table(["connections", "what", "calls/s", "p50", "p99", "p99.9", "CPU a call"],
                             lines)
    counted = of(rows, "instructions")
    if counted:
        yield "## Instructions a call, outside the kernel\n"
        yield from table(
            ["connections", "floor", "this, TCP", "multiple"],
            [[count, *(f"{statistics.median(each(of(counted, 'instructions', peer=peer, connections=count), 'instructions')):,.0f}"
                       for peer in ("floor", "this, TCP")),
              with_spread(ratios(rows, "instructions", "this, TCP", "floor",
                                 scenario="instructions", connections=count))]
             for count in sorted({row["connections"] for row in counted})])


def write_shares(rows):
    """All of it shares the cores: what the others use is not there for the bridge."""
    lines = []
    for peer in PEERS[1:]:
        cell = [row for row in of(rows, "calls", broker="stock", connections=64, peer=peer)
                if "broker_us" in row]
        if cell:
            threads = {}
            for row in cell:
                for thread, used in row["threads_us"].items():
                    threads.setdefault(thread.split("/")[0], []).append(used)
            load = [1e6 * row["own_cpu"] / max(row["calls"], 1) for row in cell]
            lines.append([peer, with_spread(each(cell, "cpu_us")),
                          with_spread(each(cell, "broker_us")),
                          with_spread(each(cell, "responder_us")), with_spread(load),
                          ", ".join(f"{name} {number(statistics.median(used))}"
                                    for name, used in threads.items())
                          if peer.startswith("this") else ""])
    if lines:
        yield "## Where the CPU time of a call goes: 64 connections, mosquitto as it comes, µs\n"
        yield from table(["what", "bridge", "broker", "responder", "load generator",
                          "the bridge's threads"], lines)


def write_stalls(rows):
    if not of(rows, "stalls"):
        return
    yield "## A minute at a time, mosquitto as it comes\n"
    yield from table(
        ["connections", "what", "calls", "p50, ms", "p99, ms", "p99.9, ms", "slowest, ms",
         "p99 / p50", "failed"],
        [[row["connections"], row["peer"], f"{row['calls']:,}", number(row["p50"]), number(row["p99"]),
          number(row["p999"]), number(row["max"]), number(row["p99"] / row["p50"]),
          row["failed"] or ""] for row in of(rows, "stalls")])


def write_commands(rows):
    lines = []
    for broker in BROKERS:
        for peer in dict.fromkeys(row["peer"] for row in of(rows, "commands", broker=broker)):
            cell = of(rows, "commands", broker=broker, peer=peer)
            lines.append([broker, f"`{peer}`" if peer.startswith("m") else peer,
                          with_spread(each(cell, "p50")), most(cell, "max"),
                          with_spread(each(cell, "cpu_ms"))])
    if lines:
        yield "## One call from the command line, the whole process\n"
        yield from table(["broker", "command", "wall, ms", "slowest, ms", "CPU, ms"], lines)


def write_idle_and_start(rows):
    if of(rows, "idle"):
        yield "## Idle\n"
        yield from table(
            ["what", "of a core, %", "resident, MiB"],
            [[row["peer"], f"{row['percent']:.3f}", number(row["rss_kib"] / 1024)]
             for row in of(rows, "idle")])
    peers = list(dict.fromkeys(row["peer"] for row in of(rows, "start")))
    if peers:
        yield "## From start to ready\n"
        yield ("For the daemon that is `/readyz`: connected and subscribed; for the others, which "
               "have no such thing, the answer to a first call.\n")
        yield from table(
            ["what", "ms"],
            [[peer, with_spread(each(of(rows, "start", peer=peer), "ready_ms"))]
             for peer in peers])


def write_growth(rows):
    if of(rows, "in flight"):
        yield "## Calls in flight, each answered after 10 s\n"
        yield from table(
            ["at once", "answered", "failed", "slowest, ms over 10 s", "resident before, MiB",
             "at most, MiB", "KiB each"],
            [[f"{row['calls_at_once']:,}", f"{row['calls']:,}", row["failed"] or "",
              number(row["over_ms"]), number(row["before_kib"] / 1024),
              number(row["peak_kib"] / 1024), number(row["kib_each"])]
             for row in of(rows, "in flight")])
    if of(rows, "payload"):
        yield "## Size of the text, one connection\n"
        sizes = sorted({row["payload"] for row in of(rows, "payload")})
        lines = []
        for size in sizes:
            def cell(peer, field):
                return with_spread(each(of(rows, "payload", payload=size, peer=peer), field))
            lines.append([f"{size:,}", cell("limit", "p50"), cell("floor", "p50"),
                          cell("this, TCP", "p50"), cell("this, unix", "p50"), cell("Node", "p50"),
                          cell("this, TCP", "cpu_us"), cell("Node", "cpu_us")])
        yield from table(["bytes", "limit, p50, ms", "floor", "this, TCP", "this, unix", "Node",
                          "this, CPU, µs a call", "Node, CPU"], lines)
    if of(rows, "netids"):
        yield "## NetIDs served, 8 connections\n"
        lines = []
        for count in dict.fromkeys(row["netids"] for row in of(rows, "netids")):
            cell = of(rows, "netids", netids=count)
            if any(row.get("late") for row in cell):
                lines.append([f"{count:,}", "not within 30 s", *[""] * 5])
                continue
            lines.append(["any (`*`)" if count == "*" else f"{count:,}",
                          with_spread(each(cell, "ready_ms")), with_spread(each(cell, "per_second")),
                          with_spread(each(cell, "p50")), with_spread(each(cell, "p99")),
                          number(max(each(cell, "rss_kib")) / 1024), sum(each(cell, "failed")) or ""])
        yield from table(["NetIDs", "ready after, ms", "calls/s", "p50, ms", "p99, ms",
                          "resident, MiB", "failed"], lines)
    soak = of(rows, "soak")
    if soak:
        third = max(len(soak) // 3, 1)
        yield f"## Soak: 32 connections for {sum(each(soak, 'seconds')):,.0f} s\n"
        lines = []
        for name, part in (("first third", soak[:third]), ("last third", soak[-third:])):
            lines.append([name, f"{sum(each(part, 'calls')):,}", with_spread(each(part, "p50")),
                          with_spread(each(part, "p99")), most(part, "max"),
                          with_spread(kib / 1024 for kib in each(part, "rss_kib")),
                          sum(each(part, "failed")) or ""])
        yield from table(["when", "calls", "p50, ms", "p99, ms", "slowest, ms", "resident, MiB",
                          "failed"], lines)


# The numbers to reach: each within one round, then the median over the rounds ---------------------

def ratios(rows, field, peer, other, scenario="calls", **where):
    found = []
    for row in of(rows, scenario, peer=peer, **where):
        for against in of(rows, scenario, peer=other, round=row["round"], **where):
            if against[field] > 0:
                found.append(row[field] / against[field])
    return found


def verdict(what, values, limit, at_least=False, unit=""):
    values = list(values)
    if not values:
        return None
    middle = statistics.median(values)
    reached = middle >= limit if at_least else middle <= limit
    aim = f"at {'least' if at_least else 'most'} {limit:g}{unit}"
    return [what, aim, with_spread(values, unit), "yes" if reached else "**no**"]


def verdicts(rows):
    stock = {"broker": "stock"}
    one, eight, many = ({**stock, "connections": count} for count in (1, 8, 64))
    this = "this, TCP"
    yield verdict("1 connection: p50, against the limit's", ratios(rows, "p50", this, "limit", **one),
                  2.5, unit="×")
    yield verdict("1 connection: Node's p50, against this", ratios(rows, "p50", "Node", this, **one),
                  100, at_least=True, unit="×")
    for where, other, least in ((eight, "Node", 5), (many, "Node", 1.5), (many, "Node-RED", 5),
                                (many, "Python", 5)):
        yield verdict(f"{where['connections']} connections: calls per second, against {other}'s",
                      ratios(rows, "per_second", this, other, **where), least, at_least=True,
                      unit="×")
    yield verdict("1 connection: p50, against the floor's",
                  ratios(rows, "p50", this, "floor", **one), 1.35, unit="×")
    yield verdict("64 connections: calls per second, against the floor's",
                  ratios(rows, "per_second", this, "floor", **many), 0.85, at_least=True, unit="×")
    yield verdict("64 connections: CPU time a call, against the floor's",
                  ratios(rows, "cpu_us", this, "floor", **many), 2.5, unit="×")
    yield verdict("256 connections: p99.9, against the floor's",
                  ratios(rows, "p999", this, "floor", **{**stock, "connections": 256}), 1.3,
                  unit="×")
    yield verdict("64 connections: CPU time a call, against Node's",
                  ratios(rows, "cpu_us", this, "Node", **many), 1, unit="×")
    for row in of(rows, "stalls", peer=this):
        count = row["connections"]
        what = f"{count} connection{'s' if count > 1 else ''} for a minute"
        yield verdict(f"{what}: p99, against p50", [row["p99"] / row["p50"]], 4, unit="×")
        for field, title, most_ms in (("p999", "p99.9", 50), ("max", "the slowest", 250)):
            limits = each(of(rows, "stalls", peer="limit", connections=count), field)
            beside = f" (the limit's: {number(limits[0])} ms)" if limits else ""
            yield verdict(f"{what}: {title}{beside}", [row[field]], most_ms, unit=" ms")
    for row in of(rows, "in flight", calls_at_once=10000):
        yield verdict("10,000 calls in flight: not answered", [row["failed"]], 0)
        yield verdict("10,000 calls in flight: memory of each", [row["kib_each"]], 40, unit=" KiB")
    for client, limit in (("mqtt_client, unix", 0.6), ("mqtt_client, TCP", 0.6),
                          ("mqtt_client --direct", 1.2)):
        for broker, title in (("stock", ""), ("set_tcp_nodelay", ", with `set_tcp_nodelay`")):
            yield verdict(f"{client}: wall time, against mosquitto_rr's{title}",
                          ratios(rows, "p50", client, "mosquitto_rr", scenario="commands",
                                 broker=broker), limit, unit="×")
    yield verdict("idle, of a core", each(of(rows, "idle", peer="this"), "percent"), 0.1, unit="%")
    yield verdict("from start to ready", each(of(rows, "start", peer="this"), "ready_ms"), 50,
                  unit=" ms")


def write(results, pictures):
    machine, rows = results["machine"], results["rows"]
    kind = "virtual machine" if machine["virtual"] else "machine"
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        "# Results of bench/run", "",
        f"Made on {machine['date']} by `bench/run`, on a {kind} with {machine['cores']} cores "
        f"({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']}, "
        f"Linux {machine['kernel']}. {versions}.", "",
        f"Everything runs side by side, on the same broker and the same `mqtt_responder`, and takes "
        f"turns, {results['options']['seconds']:g} s each, for {results['options']['rounds']} "
        "rounds. What is shown is the median of the rounds, with the least and the most of them in "
        "brackets; \"slowest\" is of all of them. All of it, load generator included, shares the "
        "cores. The load is so many kept-alive connections that each send the next call when they "
        "have the answer to the last one, and every answer is checked. Calls have a text of some 10 "
        "bytes. CPU time is that of the bridge's own process, memory its resident set.", "",
    ]
    lines += [line for name in pictures for line in (f"![{name[:-4]}]({name})", "")]
    found = [line for line in verdicts(rows) if line]
    if found:
        lines += ["## What we want to reach", ""]
        lines += table(["what; with mosquitto as it comes, unless it says otherwise", "aim", "measured", "reached"], found)
    for part in (write_calls, write_floor, write_shares, write_stalls, write_commands, write_idle_and_start,
                 write_growth):
        lines += part(rows)
    while not lines[-1]:
        lines.pop()
    return "\n".join(line.rstrip("\n") if line.endswith("\n") else line
                     for line in spaced(lines)) + "\n"


def spaced(lines):
    """A blank line after each line that asks for one by its end."""
    for line in lines:
        yield line
        if line.endswith("\n"):
            yield ""
