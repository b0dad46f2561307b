"""Which room of src/ may use which, and that only io/ and the programs touch the world."""

import re
import unittest

from harness import REPOSITORY

SRC = REPOSITORY / "src"
# Each room uses itself and those that it names here.
ROOMS = {
    "base": set(),
    "text": {"base"},
    "os": {"base"},
    "mqtt": {"base", "os"},
    "exchange": {"base", "text", "mqtt"},
    "route": {"base", "text", "mqtt", "exchange"},
    "page": set(),
    "http": {"base", "text", "os", "mqtt", "exchange", "route", "page"},
    "config": {"base", "text", "os", "mqtt", "exchange", "route", "http"},
    "client": {"base", "text", "os", "mqtt", "exchange", "http", "config", "route"},
    "responder": {"base", "text", "os", "mqtt", "exchange", "config"},
    "manuals": {"client", "config"},
    "daemon": {"base", "text", "os", "mqtt", "exchange", "route", "http", "config"},
}
# Headers of the standard library that bring threads, files, streams, randomness or the environment.
IMPURE = {"atomic", "condition_variable", "cstdio", "filesystem", "fstream", "future", "iostream",
          "mutex", "random", "shared_mutex", "thread"}
LIBRARIES = {"nlohmann/json.hpp", "arpa/inet.h", "netinet/in.h"}  # the last two for inet_pton()


def includes(path):
    return re.findall(r'^#include ([<"][^>"]+)[>"]', path.read_text(encoding="utf-8"), re.M)


def is_pure(path):
    return "io" not in path.parts and not path.name.endswith("main.cpp")


class Layers(unittest.TestCase):
    sources = sorted(path.relative_to(SRC) for path in SRC.rglob("*.?pp"))

    def test_each_room_uses_those_only_that_it_says(self):
        self.assertEqual(ROOMS.keys(), {path.parts[0] for path in self.sources})
        for path in self.sources:
            room = path.parts[0]
            for name in includes(SRC / path):
                if name.startswith('"'):
                    self.assertIn(name[1:].partition("/")[0], ROOMS[room] | {room},
                                  f"{path} includes {name}")

    def test_what_is_pure_uses_nothing_that_touches_the_world(self):
        pure = [path for path in self.sources if is_pure(path)]
        self.assertGreater(len(pure), 50)
        for path in pure:
            self.assertNotIn("::now()", (SRC / path).read_text(encoding="utf-8"), path)
            for name in includes(SRC / path):
                if name.startswith('"'):
                    self.assertNotIn("/io/", name, f"{path} includes {name}")
                    continue
                name = name[1:]
                is_standard = re.fullmatch(r"[a-z_]+", name) and name not in IMPURE
                self.assertTrue(is_standard or name in LIBRARIES or name.startswith("unicode/"),
                                f"{path} includes {name}")

    def test_nothing_includes_a_program(self):
        for path in self.sources:
            self.assertFalse([name for name in includes(SRC / path)
                              if re.search(r"/(direct_)?main\.", name)], path)


if __name__ == "__main__":
    unittest.main()
