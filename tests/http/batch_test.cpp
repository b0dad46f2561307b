#include "http/batch.hpp"

#include <string>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/batch.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration timeout = 4s;
constexpr Duration quick = timeout / 4;
constexpr Duration middling = timeout / 3;
constexpr Duration too_slow = timeout / 2;

std::string numbered_text(const BatchItem& item) {
  if (const auto* const line = std::get_if<BatchLine>(&item))
    return std::to_string(line->number) + ":" + line->message;
  return std::to_string(std::get<BadLine>(item).number) + ":bad";
}

class Batches : public testing::Test {
 protected:
  /// What next() gives until it gives nothing.
  std::vector<std::string> begun() {
    std::vector<std::string> lines;
    while (const auto item = batch_.next())
      lines.push_back(numbered_text(*item));
    return lines;
  }
  /// With the window open.
  void open() {
    for (std::size_t i = 1; i < limits::batch_window; ++i) {
      batch_.take("\"x\"\n");
      ASSERT_TRUE(batch_.next());
      batch_.ended(1, quick);
      ASSERT_FALSE(batch_.next());
    }
    ASSERT_EQ(batch_.window(), limits::batch_window);
    before_ = batch_.next_number() - 1;
  }
  std::string numbered(std::uint64_t number, const std::string& rest) const {
    return std::to_string(before_ + number) + ":" + rest;
  }

  Batch batch_{timeout};
  std::uint64_t before_ = 0;  // lines
};

TEST_F(Batches, TakeLinesApartHoweverTheyCome) {
  open();
  std::vector<std::string> lines;
  for (const char* const piece :
       {"\"o", "ne\"\n\"t", "wo", "\"", "\n", "\n", "\"four\"\r\n \t\r\n"}) {
    batch_.take(piece);
    for (const auto& line : begun())
      lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre(numbered(1, "one"), numbered(2, "two"), numbered(4, "four")));
  batch_.take("\"six\"");
  EXPECT_THAT(begun(), IsEmpty());
  batch_.end_of_body();
  EXPECT_THAT(begun(), ElementsAre(numbered(6, "six")));
}

TEST_F(Batches, AreDoneOnceEveryLineHasEnded) {
  batch_.take("\"one\"\n\n");
  EXPECT_FALSE(batch_.is_done());
  EXPECT_THAT(begun(), ElementsAre("1:one"));
  batch_.end_of_body();
  EXPECT_FALSE(batch_.is_done());
  batch_.ended(3, quick);
  EXPECT_THAT(begun(), IsEmpty());
  EXPECT_TRUE(batch_.is_done());
}

TEST_F(Batches, OfNothingAreDone) {
  batch_.end_of_body();
  EXPECT_THAT(begun(), IsEmpty());
  EXPECT_TRUE(batch_.is_done());
}

TEST_F(Batches, BeginWithOneLineAndGoOnAsAnswersComeQuickly) {
  batch_.take("\"1\"\n\"2\"\n\"3\"\n\"4\"\n\"5\"\n\"6\"\n");
  EXPECT_THAT(begun(), ElementsAre("1:1"));
  batch_.ended(1, quick);
  EXPECT_THAT(begun(), ElementsAre("2:2", "3:3"));
  batch_.ended(1, middling);
  EXPECT_THAT(begun(), ElementsAre("4:4"));
  batch_.ended(1, too_slow);
  EXPECT_EQ(batch_.window(), 1U);
  EXPECT_THAT(begun(), IsEmpty());
  batch_.ended(1, too_slow);
  EXPECT_EQ(batch_.window(), 1U);
  EXPECT_THAT(begun(), ElementsAre("5:5"));
}

TEST_F(Batches, HaveNoMoreThanTheWindowAtOneTime) {
  open();
  std::string lines;
  for (std::size_t i = 0; i <= limits::batch_window; ++i)
    lines += "\"x\"\n";
  batch_.take(lines);
  EXPECT_EQ(begun().size(), limits::batch_window);
  batch_.ended(1, quick);
  EXPECT_EQ(batch_.window(), limits::batch_window);
  EXPECT_EQ(begun().size(), 1U);
}

TEST_F(Batches, OfLongMessagesHaveFewerOfThem) {
  open();
  const auto line = [](std::size_t size) { return "\"" + std::string(size, 'x') + "\"\n"; };
  batch_.take(line(limits::batch_bytes - 1) + "\"y\"\n\"z\"\n");
  EXPECT_EQ(begun().size(), 2U);
  EXPECT_EQ(batch_.next_number(), before_ + 3);
  batch_.ended(1, quick);
  EXPECT_EQ(begun().size(), 1U);
}

TEST_F(Batches, GoOnBehindALineThatIsTooLong) {
  open();
  batch_.take("\"" + std::string(limits::batch_line_bytes - 1, 'x'));
  EXPECT_THAT(begun(), IsEmpty());
  EXPECT_EQ(batch_.held(), limits::batch_line_bytes);
  batch_.take("y");
  EXPECT_THAT(begun(), ElementsAre(numbered(1, "bad")));
  EXPECT_EQ(batch_.held(), 0U);
  batch_.take(std::string(limits::batch_line_bytes, 'x'));
  EXPECT_EQ(batch_.held(), 0U);
  batch_.take("xx\"\n\"next\"\n");
  EXPECT_THAT(begun(), ElementsAre(numbered(2, "next")));
}

TEST_F(Batches, RefuseALineThatComesTooLongInOnePiece) {
  open();
  batch_.take("\"" + std::string(limits::batch_line_bytes - 1, 'x') + "\"\n\"next\"\n");
  EXPECT_THAT(begun(), ElementsAre(numbered(1, "bad"), numbered(2, "next")));
}

TEST_F(Batches, GiveALineThatCouldNotBeBegunAgainOnceAnotherHasEnded) {
  open();
  batch_.take("\"one\"\n\"two\"\n\"three\"\n");
  const auto one = batch_.next();
  auto two = batch_.next();
  ASSERT_TRUE(one && two);
  batch_.put_back(std::get<BatchLine>(*two));
  EXPECT_EQ(batch_.next_number(), before_ + 2);
  EXPECT_THAT(begun(), IsEmpty());
  EXPECT_FALSE(batch_.wants_body());
  batch_.ended(3, quick);
  EXPECT_THAT(begun(), ElementsAre(numbered(2, "two"), numbered(3, "three")));
}

TEST_F(Batches, WantMoreOfTheBodyOnceThereIsNoLineLeft) {
  EXPECT_TRUE(batch_.wants_body());
  batch_.take("\"one\"\n\"two\"\n\"th");
  EXPECT_FALSE(batch_.wants_body());
  EXPECT_THAT(begun(), ElementsAre("1:one"));
  EXPECT_FALSE(batch_.wants_body());
  batch_.ended(3, quick);
  EXPECT_THAT(begun(), ElementsAre("2:two"));
  EXPECT_TRUE(batch_.wants_body());
  batch_.end_of_body();
  EXPECT_FALSE(batch_.wants_body());
}

TEST_F(Batches, ThatAreStoppedBeginNoFurtherLine) {
  batch_.take("\"one\"\n\"two\"\n");
  EXPECT_THAT(begun(), ElementsAre("1:one"));
  batch_.stop();
  EXPECT_FALSE(batch_.is_done());
  batch_.ended(3, quick);
  EXPECT_THAT(begun(), IsEmpty());
  EXPECT_TRUE(batch_.is_done());
  EXPECT_FALSE(batch_.wants_body());
  EXPECT_EQ(batch_.next_number(), 2U);
  EXPECT_EQ(batch_.held(), 0U);
}

}  // namespace
}  // namespace mqtt_bridge
