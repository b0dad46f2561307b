"""Man pages and completions, as the build writes them: man and mandoc find nothing to say, and real
shells complete with them."""

import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, PATIENCE, environment, run

MANUALS = BUILD / "manuals"
PAGES = {"mqtt_bridged": 8, "mqtt_responder": 8, "mqtt_client": 1}


def page(program):
    return MANUALS / f"{program}.{PAGES[program]}"


def options_of(program):
    """Those that --help names."""
    text = run([BUILD / program, "--help"]).stdout
    return set(re.findall(r"^  (?:-\w, |    )?(--[a-z-]+)", text, re.M))


def output_of(*command, **more):
    completed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False,
                               stdin=subprocess.DEVNULL, **more)
    return completed.stdout + completed.stderr


class ManPages(unittest.TestCase):
    def test_every_page_is_there(self):
        self.assertEqual({path.name for path in MANUALS.glob("*.[0-9]")},
                         {f"{program}.{section}" for program, section in PAGES.items()})

    def test_mandoc_finds_nothing(self):
        for program in PAGES:
            self.assertEqual(output_of("mandoc", "-T", "lint", "-W", "warning", page(program)), "")

    def test_man_finds_nothing(self):
        for program in PAGES:
            warnings = subprocess.run(
                ["man", "--warnings", "--encoding=UTF-8", "--local-file", page(program)],
                env=environment(MANWIDTH="80", LC_ALL="C.UTF-8", MANROFFSEQ=""), text=True,
                capture_output=True, timeout=PATIENCE, check=True)
            self.assertEqual(warnings.stderr, "")
            self.assertIn("SYNOPSIS", warnings.stdout)

    def test_a_page_has_every_option_as_it_is_typed(self):
        for program in PAGES:
            shown = output_of("mandoc", "-T", "ascii", page(program))
            shown = re.sub(r".\x08", "", shown)
            options = options_of(program)
            self.assertGreater(len(options), 15)
            for option in options:
                self.assertRegex(shown, rf"(?m)^ +(-\w, )?{option}\b")
            for line in shown.splitlines():
                self.assertLessEqual(len(line), 80)

    def test_the_packed_page_is_the_same(self):
        for program in PAGES:
            self.assertEqual(output_of("gzip", "-dc", f"{page(program)}.gz"),
                             page(program).read_text())


class Terminal:
    """A shell that reads from a terminal, as a person has it."""

    def __init__(self, *command):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(environment(TERM="vt100", LC_ALL="C.UTF-8", COLUMNS="200"))
            os.execvp(command[0], command)
        self.read = self.shown = ""  # since the last keys; shown: without what moves the cursor

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)

    def type(self, keys, pattern):
        """Until it shows what matches."""
        os.write(self.terminal, keys.encode())
        self.read = self.shown = ""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.shown):
            ready, _, _ = select.select([self.terminal], [], [], deadline - time.monotonic())
            assert ready, f"no {pattern!r} in {self.shown!r}"
            self.read += os.read(self.terminal, 65536).decode("utf-8", "replace")
            self.shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00\x08]", "", self.read)


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()  # fish writes there
        cls.addClassCleanup(cls.home.cleanup)

    def test_bash_completes_options_and_values(self):
        script = MANUALS / "bash/mqtt_bridged"
        with Terminal("bash", "--norc", "--noprofile", "-i") as shell:
            shell.type(f"PS1='> '; source {script}; echo loaded-$?\n", r"loaded-0\r")
            shell.type("mqtt_bridged --proto\t", r"--protocol ")
            shell.type("3\t", r"3\.1\.1")
            shell.type(" --log-level=w\t", r"--log-level=warn")
            shell.type(f" --config {BUILD}/manu\t", r"/manuals")
            shell.type(" --help-l\t", r"--help-limits")

    def test_zsh_completes_options_and_values(self):
        with Terminal("zsh", "-f", "-i") as shell:
            shell.type(f"PS1='> '; fpath=({MANUALS}/zsh $fpath); autoload -Uz compinit; "
                       "compinit -u -D; echo loaded-$?\n", r"loaded-0\r")
            shell.type("mqtt_bridged --proto\t", r"--protocol=")
            shell.type("3\t", r"3\.1\.1")
            shell.type(" --log-level=w\t", r"warn")
            shell.type(f" --config {BUILD}/manu\t", r"/manuals")
            shell.type(" --help-l\t", r"--help-limits")

    def fish(self, program, words):
        script = f"source {MANUALS}/fish/{program}.fish; complete --do-complete '{words}'"
        return [line.split("\t")[0] for line in output_of(
            "fish", "--no-config", "--command", script,
            env=environment(HOME=self.home.name, TERM="dumb")).splitlines()]

    def test_fish_completes_options_and_values(self):
        self.assertEqual(self.fish("mqtt_bridged", "mqtt_bridged --proto"), ["--protocol"])
        self.assertEqual(self.fish("mqtt_bridged", "mqtt_bridged --protocol 3"), ["3.1.1"])
        self.assertEqual(self.fish("mqtt_bridged", "mqtt_bridged --log-level=w"),
                         ["--log-level=warn"])
        self.assertEqual(self.fish("mqtt_bridged", f"mqtt_bridged --config {BUILD}/manu"),
                         [f"{BUILD}/manuals/"])

    def test_every_option_is_in_every_completion(self):
        for program in PAGES:
            options = options_of(program)
            bash = output_of("bash", "-c", f"source {MANUALS}/bash/{program}; "
                             f"COMP_WORDS=({program} --); COMP_CWORD=1; _{program}; "
                             "printf '%s\\n' \"${COMPREPLY[@]}\"").split()
            self.assertEqual(set(bash), options)
            self.assertEqual(set(self.fish(program, f"{program} --")), options)
            zsh = (MANUALS / f"zsh/_{program}").read_text()
            self.assertEqual(set(re.findall(r"^  '\*?(?:\([^)]*\))?(--[a-z-]+)", zsh, re.M)), options)

    def test_the_shells_find_no_fault_in_the_scripts(self):
        for program in PAGES:
            self.assertEqual(output_of("bash", "-n", MANUALS / f"bash/{program}"), "")
            self.assertEqual(output_of("zsh", "-n", MANUALS / f"zsh/_{program}"), "")
            self.assertEqual(output_of("fish", "-n", MANUALS / f"fish/{program}.fish"), "")
            if shutil.which("shellcheck"):
                self.assertEqual(output_of("shellcheck", "--shell=bash", "--exclude=SC2034",
                                           MANUALS / f"bash/{program}"), "")


if __name__ == "__main__":
    unittest.main()
