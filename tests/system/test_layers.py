"""Programs use the shell, the shell uses the core, never the other way round; and the core is pure."""

import re
import unittest

from harness import REPOSITORY

CORE = sorted((REPOSITORY / "src/core").iterdir())
# Headers of the standard library that bring threads, files, streams, randomness or the environment.
IMPURE = {"atomic", "condition_variable", "cstdio", "filesystem", "fstream", "future", "iostream",
          "mutex", "random", "shared_mutex", "thread"}


def includes(path):
    return re.findall(r'^#include [<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.M)


class Layers(unittest.TestCase):
    def test_the_core_includes_itself_the_standard_library_icu_and_json_only(self):
        self.assertGreater(len(CORE), 20)
        for path in CORE:
            for name in includes(path):
                allowed = ((name.startswith(("core/", "unicode/")) or name == "nlohmann/json.hpp"
                            or re.fullmatch(r"[a-z_]+", name)) and name not in IMPURE)
                self.assertTrue(allowed, f"{path.name} includes {name}")

    def test_the_core_never_reads_a_clock(self):
        for path in CORE:
            self.assertNotIn("::now()", path.read_text(encoding="utf-8"), path.name)

    def test_the_shell_includes_no_program(self):
        programs = {path.name for path in (REPOSITORY / "src").glob("*.cpp")}
        for path in (REPOSITORY / "src/shell").iterdir():
            self.assertFalse(programs & set(includes(path)), path.name)


if __name__ == "__main__":
    unittest.main()
