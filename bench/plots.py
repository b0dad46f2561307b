"""The pictures: SVG, small, on a white ground of their own so that they can be read in the dark."""

import re
import statistics

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (after use())

COLOURS = {
    "limit": "#000000",
    "floor": "#7f7f7f",
    "this, TCP": "#d62728",
    "this, unix": "#ff9896",
    "Node": "#1f77b4",
    "Node-RED": "#9467bd",
    "Python": "#2ca02c",
}
LABELS = {"limit": "the limit: raw MQTT", "floor": "the floor: no library, no safety",
          "this, TCP": "mqtt_bridged, TCP",
          "this, unix": "mqtt_bridged, unix socket", "Node": "Node: fastify + mqtt.js",
          "Python": "Python: aiohttp + Paho"}
MARKS = {"limit": "x", "floor": "+", "this, TCP": "o", "this, unix": ".", "Node": "s", "Node-RED": "^",
         "Python": "v"}

matplotlib.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "mqtt-bridge", "font.family": "sans-serif",
    "font.size": 9, "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.5,
    "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.4,
    "lines.markersize": 4, "figure.facecolor": "white", "axes.facecolor": "white",
})


def median_by(rows, key, value):
    """{key: median over the rounds}, in order."""
    values = {}
    for row in rows:
        values.setdefault(row[key], []).append(row[value])
    return {at: statistics.median(of) for at, of in sorted(values.items())}


def of(rows, scenario, **where):
    return [row for row in rows if row["scenario"] == scenario
            and all(row.get(key) == value for key, value in where.items())]


def draw_line(axes, rows, key, value, peer, scale=1):
    points = median_by(rows, key, value)
    if points:
        axes.plot(list(points), [point * scale for point in points.values()],
                  marker=MARKS.get(peer, "o"), color=COLOURS.get(peer), label=LABELS.get(peer, peer),
                  zorder=3 if peer.startswith("this") else 2)


def label_plainly(axis, ticks, write=None):
    axis.set_major_locator(matplotlib.ticker.FixedLocator(ticks))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(write or plain))


def plain(number, _=None):
    return f"{number:,.0f}" if number >= 1 else f"{number:g}"


def in_bytes(number, _=None):
    for size, unit in ((2 ** 20, " MiB"), (2 ** 10, " KiB")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def save(figure, folder, name, bottom=0.0):
    """`bottom`: the part of the picture that is left free for a legend."""
    figure.tight_layout(rect=(0, bottom, 1, 1))
    figure.savefig(folder / name, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    # Matplotlib ends some lines with a blank, and knows where things are to a millionth.
    text = "\n".join(line.rstrip() for line in (folder / name).read_text().splitlines())
    text = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)
    (folder / name).write_text(text + "\n")
    return name


def draw_calls(rows, folder):
    brokers = list(dict.fromkeys(row["broker"] for row in of(rows, "calls")))
    figure, grid = pyplot.subplots(len(brokers), 3, figsize=(10, 3 * len(brokers) + 0.5),
                                   squeeze=False)
    for line, broker in zip(grid, brokers):
        for axes, (value, title) in zip(line, (
                ("per_second", "calls per second"), ("p50", "median, ms"), ("p99", "p99, ms"))):
            connections = sorted({row["connections"] for row in of(rows, "calls")})
            for peer in COLOURS:
                draw_line(axes, of(rows, "calls", broker=broker, peer=peer), "connections", value,
                          peer)
            axes.set_xscale("log")
            axes.set_yscale("log")
            label_plainly(axes.xaxis, connections)
            axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(plain))
            axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
            axes.set_title(f"{title}; {'stock mosquitto' if broker == 'stock' else broker}",
                           fontsize=9)
            axes.set_xlabel("connections")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, frameon=False, fontsize=8)
    return save(figure, folder, "calls.svg", bottom=0.07)


def draw_in_flight(axes, rows):
    rows = of(rows, "in flight")
    draw_line(axes[0], rows, "calls_at_once", "peak_kib", "this, TCP", 1 / 1024)
    axes[0].set_title("calls in flight: resident memory, MiB", fontsize=9)
    draw_line(axes[1], rows, "calls_at_once", "over_ms", "this, TCP")
    axes[1].set_title("... the slowest answer, ms over the service's 10 s", fontsize=9)
    for each in axes:
        each.set_xscale("log")
        label_plainly(each.xaxis, sorted({row["calls_at_once"] for row in rows}))
        each.set_ylim(bottom=0)


def draw_payload(axes, rows):
    for peer in ("limit", "floor", "this, TCP", "this, unix", "Node"):
        draw_line(axes[0], of(rows, "payload", peer=peer), "payload", "p50", peer)
        if peer != "limit":
            draw_line(axes[1], of(rows, "payload", peer=peer), "payload", "cpu_us", peer)
    axes[0].set_title("bytes of text: median, ms", fontsize=9)
    axes[1].set_title("... CPU time of the bridge, µs a call", fontsize=9)
    for each in axes:
        each.set_xscale("symlog", base=2, linthresh=16)
        each.set_yscale("log")
        label_plainly(each.xaxis, [0, 256, 4096, 65536, 1048576], in_bytes)
        each.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(plain))
        each.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        each.legend(frameon=False, fontsize=7)


def draw_netids(axes, rows):
    rows = [row for row in of(rows, "netids") if row["netids"] != "*" and "late" not in row]
    for value in ("p50", "p99"):
        points = median_by(rows, "netids", value)
        axes[0].plot(list(points), list(points.values()), marker="o", label=value,
                     color=COLOURS["this, TCP" if value == "p50" else "this, unix"])
    axes[0].set_title("NetIDs served: latency at 8 connections, ms", fontsize=9)
    axes[0].legend(frameon=False, fontsize=7)
    draw_line(axes[1], rows, "netids", "rss_kib", "this, TCP", 1 / 1024)
    axes[1].set_title("... resident memory, MiB", fontsize=9)
    for each in axes:
        each.set_xscale("log")
        label_plainly(each.xaxis, sorted({row["netids"] for row in rows}))
        each.set_ylim(bottom=0)


def draw_soak(axes, rows):
    rows = of(rows, "soak")
    passed, at = 0, []
    for row in rows:
        passed += row["seconds"]
        at.append(passed)
    for value, colour in (("p50", COLOURS["this, TCP"]), ("p99", COLOURS["this, unix"])):
        axes[0].plot(at, [row[value] for row in rows], label=value, color=colour)
    axes[0].set_title("soak at 32 connections: latency, ms", fontsize=9)
    axes[0].legend(frameon=False, fontsize=7)
    axes[1].plot(at, [row["rss_kib"] / 1024 for row in rows], color=COLOURS["this, TCP"])
    axes[1].set_title("... resident memory, MiB", fontsize=9)
    for each in axes:
        each.set_ylim(bottom=0)
        each.set_xlabel("seconds")


def draw_growth(rows, folder):
    parts = {"in flight": draw_in_flight, "payload": draw_payload, "netids": draw_netids,
             "soak": draw_soak}
    parts = {name: part for name, part in parts.items() if of(rows, name)}
    if not parts:
        return []
    figure, grid = pyplot.subplots(len(parts), 2, figsize=(10, 2.7 * len(parts)), squeeze=False)
    for axes, draw_part in zip(grid, parts.values()):
        draw_part(axes, rows)
    return [save(figure, folder, "growth.svg")]


def draw(rows, folder):
    """The names of the pictures."""
    pictures = [draw_calls(rows, folder)] if of(rows, "calls") else []
    return pictures + draw_growth(rows, folder)
