"""The tables of docs/ say what the code says, and every link of a document leads somewhere."""

import re
import unittest

from harness import BUILD, REPOSITORY, run

DOCUMENTS = [path for path in (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"),
                               *REPOSITORY.glob("examples/**/*.md"), REPOSITORY / "bench/README.md")
             if path.exists()]
OF_TESTS = {"BRIDGE_BUILD", "BRIDGE_SERVICES"}  # variables that only tests read
UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "ms": 1, "s": 1000}


def page(name):
    return (REPOSITORY / "docs" / name).read_text(encoding="utf-8")


def rows(name):
    """The cells of the first table of a page."""
    table = page(name).split("\n| --- ")[1].split("\n\n")[0]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")]
            for line in table.splitlines()[1:]]


def limits():
    """Each constant of src/base/limits: plain numbers and bytes as they are, durations in ms."""
    values = {}
    # call.hpp first: others count with what it says.
    headers = sorted((REPOSITORY / "src/base/limits").iterdir(), key=lambda path: path.name != "call.hpp")
    text = "".join(path.read_text() for path in headers)
    for name, expression in re.findall(r"^inline constexpr \S+ (\w+) =\s(.*?);", text, re.M | re.S):
        expression = re.sub(r"(\d+)ms\b", r"\1", expression.replace("'", ""))
        expression = re.sub(r"(\d+)s\b", r"\1 * 1000", expression)
        expression = re.sub(r"(\d+)h\b", r"\1 * 3600000", expression)
        values[name] = eval(expression, {}, values)  # our own header
    return values


def prose(document):
    """Its text without what is code."""
    return re.sub(r"^(```+).*?^\1$|`[^`\n]*`", "", document.read_text(encoding="utf-8"),
                  flags=re.M | re.S)


def anchors(document):
    """Those that GitHub makes of the headings."""
    text = re.sub(r"^(```+).*?^\1$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
              for title in re.findall(r"^#{1,6} +(.*?)$", text, re.M)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


class Documents(unittest.TestCase):
    def test_every_limit_is_there_with_its_value(self):
        def number(text):
            value, _, unit = text.partition(" ")
            return int(value) * UNITS[unit]
        self.assertEqual({name: number(value) for name, value, _ in rows("limits.md")}, limits())

    def test_the_help_of_the_programs_says_the_same_of_them(self):
        documented = [[name, value, of.replace("`", "")] for name, value, of in rows("limits.md")]
        for program in ("mqtt_bridged", "mqtt_responder"):
            help_text = run([BUILD / program, "--help-limits"]).stdout
            in_help = re.sub(r"\n {3,}", " ", help_text.removeprefix("Limits:\n")).splitlines()
            self.assertEqual([re.split(" {2,}| (?=for )", line.strip(), maxsplit=2)
                              for line in in_help], documented)

    def test_every_problem_is_there_with_its_status(self):
        source = (REPOSITORY / "src/base/problem.cpp").read_text()
        problems = re.findall(r'\{\w+, "([a-z-]+)", (\d{3})', source)
        self.assertGreater(len(problems), 20)
        self.assertCountEqual([tuple(row[:2]) for row in rows("problems.md")], problems)

    def test_the_usage_of_the_client_is_what_its_help_says(self):
        usage = run([BUILD / "mqtt_client", "--help"]).stdout.split("Usage: ")[1].splitlines()[0]
        self.assertIn(f"\n{usage}\n", page("client.md"))

    def test_every_option_and_variable_that_a_document_names_exists(self):
        known = {"BRIDGE_URL"}  # of mqtt_client
        options = set()
        for program in ("mqtt_bridged", "mqtt_client", "mqtt_responder"):
            here = set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)",
                                  run([BUILD / program, "--help"]).stdout))
            options |= here
            known |= {f"{program[5:].upper().removesuffix('D')}_{each.upper().replace('-', '_')}"
                      for each in here}
        for document in DOCUMENTS:
            text = document.read_text(encoding="utf-8")
            for option in re.findall(r"`--([a-z][a-z-]+)", text):
                self.assertIn(option, options, document)
            for variable in re.findall(r"\bMQTT_((?:BRIDGE|RESPONDER)_[A-Z_]*[A-Z])", text):
                if variable not in OF_TESTS:
                    self.assertIn(variable, known, document)

    def test_every_key_of_a_route_is_there(self):
        source = (REPOSITORY / "src/route/route_keys.cpp").read_text()
        keys = set(re.findall(r'^ +(?:Key)?\{"([a-z-]+)",', source, re.M))
        self.assertGreater(len(keys), 15)
        table = page("routes.md").split("| key | meaning |\n| --- | --- |\n")[1].split("\n\n")[0]
        cells = [line.split("|")[1] for line in table.splitlines()]
        self.assertEqual(set(re.findall(r"`([a-z-]+)`", " ".join(cells))), keys)

    def test_every_rule_by_which_answers_are_found_is_there(self):
        source = (REPOSITORY / "src/exchange/content_matcher.cpp").read_text()
        rules = re.findall(r'case MatchedBy::\w+:\s+return "([a-z-]+)"', source)
        self.assertGreater(len(rules), 5)
        for rule in rules:
            self.assertIn(f"`{rule}`", page("matching.md"))

    def test_every_path_and_every_parameter_is_there(self):
        source = (REPOSITORY / "src/http/endpoints.hpp").read_text()
        paths = re.findall(r'Endpoint\{\w+,\s+"(/[^"]*)"', source)
        parameters = re.search(r"call_parameters\{(.*?)\}", source).group(1)
        self.assertGreater(len(paths), 4)
        for path in paths:
            self.assertRegex(page("http.md"), rf"`(GET|POST) {re.escape(path)}`")
        for parameter in re.findall(r'"(\w+)"', parameters):
            self.assertIn(f"| `{parameter}=", page("http.md"))

    def test_every_metric_that_a_document_names_exists(self):
        source = "".join(path.read_text() for path in (REPOSITORY / "src/daemon/io").glob("*.?pp"))
        for document in DOCUMENTS:
            for metric in re.findall(r"`mqtt_bridge_([a-z_]+)", document.read_text(encoding="utf-8")):
                self.assertIn(metric, source, document)

    def test_every_file_with_routes_is_listed(self):
        for file in (REPOSITORY / "config/routes").iterdir():
            self.assertIn(f"](../config/routes/{file.name})", page("routes.md"))

    def test_every_link_leads_to_a_file_and_to_a_heading_of_it(self):
        links = 0
        for document in DOCUMENTS:
            name = document.relative_to(REPOSITORY)
            for path, anchor in re.findall(r"\]\(\s*([^)#:\s]*)(?:#([^)\s]*))?\s*\)", prose(document)):
                links += 1
                target = (document.parent / path).resolve() if path else document
                self.assertTrue(target.exists(), f"{name}: {path}")
                if anchor and target.suffix == ".md":
                    self.assertIn(anchor, anchors(target), f"{name}: {path}#{anchor}")
        self.assertGreater(links, 50)


if __name__ == "__main__":
    unittest.main()
