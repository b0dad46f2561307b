"""The README's tables say what the code says."""

import re
import unittest

from harness import BUILD, REPOSITORY, run

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "ms": 1, "s": 1000}


def rows(heading):
    """The cells of the first table below `heading`."""
    table = README.split(f"\n{heading}\n")[1].split("\n| --- ")[1].split("\n\n")[0]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")]
            for line in table.splitlines()[1:]]


def limits():
    """Each constant of limits.hpp: plain numbers and bytes as they are, durations in ms."""
    values = {}
    header = (REPOSITORY / "src/base/limits.hpp").read_text()
    for name, expression in re.findall(r"^inline constexpr \S+ (\w+) =\s(.*?);", header, re.M | re.S):
        expression = re.sub(r"(\d+)ms\b", r"\1", expression.replace("'", ""))
        expression = re.sub(r"(\d+)s\b", r"\1 * 1000", expression)
        values[name] = eval(expression, {}, values)  # our own header
    return values


class Readme(unittest.TestCase):
    def test_every_limit_is_there_with_its_value(self):
        def number(text):
            value, _, unit = text.partition(" ")
            return int(value) * UNITS[unit]
        self.assertEqual({name: number(value) for name, value, _ in rows("## Limits")}, limits())

    def test_help_says_the_same_of_them(self):
        limits_of_help = run([BUILD / "mqtt_bridged", "--help"]).stdout.split("\nLimits:\n")[1]
        in_help = [re.split(" {2,}| (?=for )", line.strip(), maxsplit=2)
                   for line in limits_of_help.splitlines()]
        self.assertEqual(in_help, [[name, value, of.replace("`", "")]
                                   for name, value, of in rows("## Limits")])

    def test_every_problem_is_there_with_its_status(self):
        source = (REPOSITORY / "src/base/problem.cpp").read_text()
        problems = re.findall(r'\{\w+, "([a-z-]+)", (\d{3})', source)
        self.assertGreater(len(problems), 20)
        self.assertCountEqual([tuple(row[:2]) for row in rows("### Problems")], problems)

    def test_the_usage_of_the_client_is_what_its_help_says(self):
        usage = run([BUILD / "mqtt_client", "--help"]).stdout.split("Usage: ")[1].splitlines()[0]
        self.assertIn(f"\n{usage}\n", README)

    def test_every_file_that_a_document_names_exists(self):
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
            document = (REPOSITORY / name).read_text(encoding="utf-8")
            for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document):
                self.assertTrue((REPOSITORY / path).exists(), f"{name}: {path}")


if __name__ == "__main__":
    unittest.main()
