"""The commands that the documents show do what is shown. Each page is followed from top to bottom on a
machine of its own, as a reader would: blocks of code that have a file name are saved, what ends in
`&` keeps running, and every other command must print what stands below it (`...` is any text)."""

import doctest
import re
import shlex
import socket
import subprocess
import sys
import unittest

import private_machine
from harness import (BUILD, PATIENCE, REPOSITORY, Process, SystemTest, World, environment, eventually,
                     run)

# What the commands of a block may begin with for it to be followed.
PROGRAMS = {"curl", "mosquitto", "mqtt_bridged", "mqtt_client", "mqtt_responder", "printf", "python3"}
sys.path.insert(0, str(REPOSITORY / "docs/pictures"))
PORT = re.compile(r"mosquitto -p (\d+)")
SAME = doctest.OutputChecker()


def setUpModule():
    private_machine.enter()


def commands(block):
    """Pairs of a command and of what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        lines = part.splitlines()
        command = lines.pop(0)
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0).lstrip()
        yield re.sub(r" {2,}# .*", "", command), "\n".join(lines)


def steps(page):
    """What a reader does with it, in order: ("save", name, content) and ("run", [(command, output)])."""
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.M | re.S):
        if language == "console":
            found = list(commands(block))
            if all(re.match(r"[\w./-]+", each).group() in PROGRAMS for each, _ in found):
                yield "run", found
        elif named := re.match(r"(?:#|//) (\w+\.\w+):", block):
            yield "save", (named.group(1), block)


class Pages(SystemTest):
    def follow(self, name):
        """Returns how many commands were followed."""
        self.environment = environment(PATH=f"{BUILD}:/usr/sbin:/usr/bin:/bin",
                                       HOME=str(self.world.folder))
        for folder in ("config", "examples"):
            (self.world.folder / folder).symlink_to(REPOSITORY / folder)
        (self.world.folder / ".curlrc").write_text("no-progress-meter\n")  # as on a terminal
        count = 0
        for what, content in steps((REPOSITORY / name).read_text(encoding="utf-8")):
            if what == "save":
                (self.world.folder / content[0]).write_text(content[1], encoding="utf-8")
                continue
            for command, output in content:
                count += 1
                if command.endswith(" &"):
                    self.start(command.removesuffix(" &"))
                else:
                    self.assert_prints(command, output)
        return count

    def start(self, command):
        arguments = shlex.split(command)
        program = Process(arguments[0], ["/bin/sh", "-c", f"cd {self.world.folder} && exec {command}"],
                          self.environment)
        self.world.add(program)
        if port := PORT.search(command):
            def listens():
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", int(port.group(1)))) == 0
            eventually(listens, f"{command}\n{program.log()}")
        if arguments[0] == "mqtt_bridged":
            program.wait_for_line(r"linked to")
        if arguments[0] == "mqtt_responder":
            program.wait_for_line(r"\bready\b")

    def assert_prints(self, command, output):
        """At the latest when what was started before is up."""
        last = []

        def same():
            done = subprocess.run(["/bin/sh", "-c", command], cwd=self.world.folder, check=False,
                                  env=self.environment, capture_output=True, timeout=PATIENCE)
            last[:] = [(done.stdout + done.stderr).decode()]
            return SAME.check_output(f"{output}\n", f"{last[0].strip()}\n",
                                     doctest.ELLIPSIS) if output else done.returncode == 0
        try:
            eventually(same, command)
        except AssertionError:
            self.fail(f"{command}\nshould print\n{output}\nand prints\n{last[0]}")


# Each with the least number of commands.
PAGES = {"README.md": 7, "docs/http.md": 8, "docs/responder.md": 5, "examples/README.md": 4}


def test_of(name, least):
    def test(self):
        self.assertGreaterEqual(self.follow(name), least)
    return test


for page, count in PAGES.items():
    setattr(Pages, "test_" + re.sub(r"\W", "_", page), test_of(page, count))


class Configurations(unittest.TestCase):
    def test_the_routes_that_are_shown_are_right(self):
        with World() as world:
            file = world.folder / "shown.toml"
            for page in (REPOSITORY / "docs").glob("*.md"):
                for block in re.findall(r"^```toml\n(.*?)^```$", page.read_text(), re.M | re.S):
                    if "[[route]]" not in block:
                        continue  # of mqtt_client
                    file.write_text(block, encoding="utf-8")
                    checked = run([BUILD / "mqtt_bridged", "--config", file, "--check-config"])
                    self.assertEqual(checked.code, 0, f"{page.name}\n{block}{checked.stderr}")


class Recording(unittest.TestCase):
    def test_the_picture_of_a_terminal_shows_what_the_programs_do_now(self):
        import record_terminal
        picture = record_terminal.PICTURE.read_text(encoding="utf-8")
        now = record_terminal.drawn(record_terminal.record())
        self.assertEqual(record_terminal.text_of(picture), record_terminal.text_of(now),
                         "docs/pictures/record_terminal.py makes it anew")


if __name__ == "__main__":
    unittest.main()
