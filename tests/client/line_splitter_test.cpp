#include "client/line_splitter.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

/// The lines, each in brackets; one that is too long with an exclamation mark.
std::string lines_of(std::string_view text, std::size_t piece, std::size_t most = 8) {
  LineSplitter splitter(most);
  std::string lines;
  const auto take_all = [&] {
    while (const auto line = splitter.next())
      lines += "[" + line->text + (line->is_too_long ? "!" : "") + "]";
  };
  for (std::size_t at = 0; at < text.size(); at += piece) {
    splitter.feed(text.substr(at, piece));
    take_all();
  }
  splitter.end();
  take_all();
  return lines;
}

TEST(LineSplitter, CutsAtEachLineFeedHoweverThePiecesCome) {
  const std::vector<std::pair<std::string_view, std::string>> rows{
      {"", ""},
      {"a", "[a]"},
      {"a\n", "[a]"},
      {"a\nb", "[a][b]"},
      {"a\n\nb\n", "[a][][b]"},
      {"\n", "[]"},
      {"a\r\nb\r\n", "[a][b]"},
      {"a\rb\r\r\n", "[a\rb\r]"},
      {"a\r", "[a]"},
      {"12345678\n12345678\r\n", "[12345678][12345678]"},
  };
  for (const auto& [text, lines] : rows) {
    for (std::size_t piece = 1; piece <= text.size() + 1; ++piece)
      EXPECT_EQ(lines_of(text, piece), lines) << piece;
  }
}

TEST(LineSplitter, CutsALineThatIsTooLongAndGoesOnWithTheNext) {
  for (std::size_t piece = 1; piece < 24; ++piece) {
    const std::string lines = lines_of("123456789\nok\n1234567890123\nok\n", piece);
    EXPECT_EQ(lines, "[123456789!][ok][123456789!][ok]") << piece;
  }
}

}  // namespace
}  // namespace mqtt_bridge
