#!/usr/bin/python3
"""Runs the commands below and writes what a terminal shows of them to terminal.svg beside this file:

    sudo MQTT_BRIDGE_BUILD=build/release docs/pictures/record_terminal.py

A broker, mqtt_responder and mqtt_bridged run meanwhile, with a network of their own. The picture types
the commands at the speed of a person; their output is the real one. test_documents.py compares it with
that of the programs as they are."""

import html
import os
import pathlib
import pty
import re
import subprocess
import sys

PICTURE = pathlib.Path(__file__).resolve().with_name("terminal.svg")
REPOSITORY = PICTURE.parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/system"))

import harness  # noqa: E402
import private_machine  # noqa: E402

COMMANDS = (
    "mqtt_client alice uppercase 'straße'",
    "curl -d \"they're here\" localhost:8426/transform/title-case; echo",
    "mqtt_client alice greet Ada",
    "python3 examples/python/responder_5.py &",
    "mqtt_client alice greet Ada",
)
COLUMNS = 88
TYPING, PAUSE = 0.045, 0.9  # seconds for a character, and after a command
WIDTH, HEIGHT, EDGE = 8.43, 20, 16  # of a character, of a line, around all, in pixels
COLOURS = {1: "bold", 31: "red", 32: "green", 33: "yellow", 34: "blue", 36: "cyan", 2: "faint",
           90: "faint"}
STYLE = """
text { font: 14px/1 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d5d9e0;
  white-space: pre }
.prompt { fill: #7fd18b } .bold { font-weight: bold } .red { fill: #ff8f88 } .green { fill: #7fd18b }
.yellow { fill: #e8c46a } .blue { fill: #8ab4f8 } .cyan { fill: #7fd6d9 } .faint { fill: #9aa3b2 }
.line { animation: show 0.01s both } .cover { fill: #1b1f27; animation: type both }
@keyframes show { from { opacity: 0 } }
@keyframes type { from { transform: translateX(var(--typed)) } }
@media (prefers-reduced-motion: reduce) { .line { animation: none } .cover { display: none } }
"""


def shown(command, environment):
    """What it prints on a terminal."""
    keyboard, terminal = pty.openpty()
    program = subprocess.Popen(["/bin/sh", "-c", command.removesuffix(" &")], cwd=REPOSITORY,
                               env=environment, stdin=subprocess.DEVNULL, stdout=terminal,
                               stderr=terminal, start_new_session=True)
    os.close(terminal)
    if command.endswith(" &"):
        return "", program
    text = b""
    try:
        while part := os.read(keyboard, 4096):
            text += part
    except OSError:  # EIO: the program has ended
        program.wait()
    os.close(keyboard)
    return text.decode().replace("\r\n", "\n"), None


def record():
    """Pairs of a command and of its output."""
    environment = harness.environment(PATH=f"{harness.BUILD}:/usr/sbin:/usr/bin:/bin", TERM="xterm",
                                      COLUMNS=str(COLUMNS))
    with harness.World() as world:
        broker = world.broker(1883, "listener 1883 ::1")
        world.responder(broker)
        environment["HOME"] = str(world.folder)
        (world.folder / ".curlrc").write_text("no-progress-meter\n")
        world.add_ours(harness.Process("mqtt_bridged", [
            harness.BUILD / "mqtt_bridged", "--netid", "alice", "--action", "greet"])
                       ).wait_for_line("linked to")
        story = []
        for command in COMMANDS:
            subscribed = sum("SUBSCRIBE" in line for line in broker.lines)
            output, program = shown(command, environment)
            if program:
                world.callback(program.wait)
                world.callback(program.terminate)
                broker.wait_for_line("Received SUBSCRIBE", subscribed + 1)
            story.append((command, output))
        return story


def lines_of(text):
    """As a terminal wraps them: lists of (classes, text)."""
    for line in text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []:
        classes, parts, column = [], [], 0
        for escape, plain in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
            if not plain:
                codes = [int(code or 0) for code in escape.split(";")]
                classes = [] if 0 in codes else classes + [COLOURS[c] for c in codes if c in COLOURS]
            while plain:
                room = COLUMNS - column
                parts.append((" ".join(classes), plain[:room]))
                column += len(plain[:room])
                plain = plain[room:]
                if plain:
                    yield parts
                    parts, column = [], 0
        yield parts


def drawn(story):
    """The picture: all lines are there, and each appears in time."""
    rows, at, lines = [], 0.5, 0

    def add(parts):
        nonlocal lines
        y = EDGE + 36 + lines * HEIGHT
        spans = "".join(f'<tspan class="{kind}">{html.escape(text)}</tspan>' if kind
                        else html.escape(text) for kind, text in parts)
        rows.append(f'<text class="line" style="animation-delay: {at:.2f}s" x="{EDGE}" y="{y}">'
                    f"{spans}</text>")
        lines += 1
        return y

    for command, output in story:
        y = add([("prompt", "$ "), ("", command)])
        length, typing = len(command) * WIDTH, len(command) * TYPING
        rows.append(f'<rect class="cover" x="{EDGE + 2 * WIDTH + length:.1f}" y="{y - 15}" '
                    f'height="{HEIGHT}" width="{length:.1f}" style="--typed: {-length:.1f}px; '
                    f'animation-duration: {typing:.2f}s; animation-delay: {at:.2f}s; '
                    f'animation-timing-function: steps({len(command)})"/>')
        at += typing + 0.3
        for parts in lines_of(output):
            add(parts)
        at += PAUSE
    width, height = COLUMNS * WIDTH + 2 * EDGE, lines * HEIGHT + 2 * EDGE + 28
    buttons = "".join(f'<circle cx="{EDGE + 6 + 20 * n}" cy="{EDGE + 2}" r="6" fill="{colour}"/>'
                      for n, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
            f'viewBox="0 0 {width:.0f} {height}" role="img" aria-labelledby="title">\n'
            '<title id="title">A terminal: calls with mqtt_client and curl, a call that nothing '
            f"answers, and the same after a service was started</title>\n<style>{STYLE}</style>\n"
            f'<clipPath id="inside"><rect width="{width:.0f}" height="{height}" rx="10"/></clipPath>\n'
            f'<g clip-path="url(#inside)"><rect width="100%" height="100%" fill="#1b1f27"/>\n'
            f"{buttons}\n" + "\n".join(rows) + "\n</g></svg>\n")


def text_of(picture):
    """What is typed and printed, without the ends of its lines, numbers and ids."""
    lines = re.findall(r"<text [^>]*>(.*?)</text>", picture)
    plain = "".join(html.unescape(re.sub(r"<[^>]*>", "", line)) for line in lines)
    return re.sub(r"[0-9a-f]{8,}|\d+(\.\d+)?", "#", plain)


if __name__ == "__main__":
    private_machine.enter()
    PICTURE.write_text(drawn(record()), encoding="utf-8")
