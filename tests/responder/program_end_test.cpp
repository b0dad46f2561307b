#include "responder/program_end.hpp"

#include <csignal>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/responder.hpp"
#include "base/utf8.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using How = ProgramEnd::How;

/// The status and the error of the answer.
std::string failure(const ProgramEnd& end) {
  const auto found = failure_of(end, "prog", 1500ms);
  return found ? found->status + " " + found->error : "none";
}

TEST(ProgramEnd, IsAnAnswerWhereTheExitCodeIs0) {
  EXPECT_EQ(failure({.how = How::exited, .output = "x", .errors = "a warning"}), "none");
}

TEST(ProgramEnd, IsAnErrorThatTellsWhatTheProgramSaidOnStderr) {
  EXPECT_EQ(failure({.how = How::exited, .code = 3, .errors = " no such\n  city\n"}),
            "500 no such city");
  EXPECT_EQ(failure({.how = How::signalled, .code = SIGSEGV, .errors = "oh"}), "500 oh");
}

TEST(ProgramEnd, IsAnErrorThatTellsHowItEndedWhereItSaidNothing) {
  EXPECT_EQ(failure({.how = How::exited, .code = 3}), "500 prog exited with 3");
  EXPECT_EQ(failure({.how = How::exited, .code = 3, .errors = " \n"}), "500 prog exited with 3");
  EXPECT_EQ(failure({.how = How::signalled, .code = SIGKILL}), "500 prog was ended by SIGKILL");
  EXPECT_EQ(failure({.how = How::signalled, .code = 40}), "500 prog was ended by signal 40");
}

TEST(ProgramEnd, TellsWhyWeEndedItWhateverItSaid) {
  EXPECT_EQ(failure({.how = How::timed_out, .code = SIGTERM, .errors = "x"}),
            "504 prog took longer than 1500ms, and was ended");
  EXPECT_EQ(failure({.how = How::said_too_much, .errors = "x"}),
            "500 prog printed more than 4194304 bytes, and was ended");
  EXPECT_EQ(failure({.how = How::stopped, .errors = "x"}),
            "503 prog was ended because the responder stops");
  EXPECT_EQ(failure({.how = How::not_started, .errors = "Exec format error"}),
            "503 prog could not be started: Exec format error");
}

TEST(ProgramEnd, KeepsTheEndOfALongStderrFromAWholeCharacterOn) {
  constexpr std::size_t most = limits::serve_error_bytes;
  const std::string just_right(most, 'x');
  EXPECT_EQ(failure({.how = How::exited, .code = 1, .errors = just_right}), "500 " + just_right);
  EXPECT_EQ(failure({.how = How::exited, .code = 1, .errors = "y" + just_right}),
            "500 ... " + just_right);
  const std::string cut = "\u20AC" + std::string(most - 2, 'x');
  EXPECT_EQ(failure({.how = How::exited, .code = 1, .errors = cut}),
            "500 ... " + std::string(most - 2, 'x'));
}

TEST(ProgramEnd, SaysNothingOfWhatWasPrintedInTheLog) {
  EXPECT_EQ(
      end_in_words({.how = How::exited, .code = 3, .output = "o", .errors = "secret"}, "prog", 1s),
      "prog exited with 3");
}

TEST(OneLine, IsWhatMqttCanCarry) {
  struct Row {
    std::string_view text;
    std::string_view line;
  };
  constexpr Row rows[] = {
      {""sv, ""sv},
      {" \t\r\n "sv, ""sv},
      {"\n a  b\r\n\tc\n"sv, "a b c"sv},
      {"a\0b\x1b[31m\x7f"
       "c"sv,
       "a b [31m c"sv},
      {"a\u0085b\u2028c\u202Ed"sv, "a b c d"sv},
      {"na\u00EFve \U0001F600"sv, "na\u00EFve \U0001F600"sv},
      {"a\xFF\xC3"sv, "a\uFFFD\uFFFD"sv},
      {"\xEF\xBF\xBE \xEF\xB7\x90"sv, "\uFFFD \uFFFD"sv},  // U+FFFE, U+FDD0
      {"\xED\xA0\x80"sv, "\uFFFD\uFFFD\uFFFD"sv},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(in_one_line(row.text), row.line);
    EXPECT_TRUE(is_utf8(in_one_line(row.text)));
  }
}

TEST(EnvironmentOfAProgram, IsOursWithoutWhatIsSaidToUsAlone) {
  const EnvironmentVariables own{{"PATH", "/bin"},
                                 {"EMPTY", ""},
                                 {"NOTIFY_SOCKET", "/run/x"},
                                 {"WATCHDOG_USEC", "1"},
                                 {"MQTT_RESPONDER_SERVE", "a=b"},
                                 {"MQTT_BRIDGE_URL", "unix:x"},
                                 {"MQTT_NETID", "stale"}};
  EXPECT_THAT(environment_of_program(own, "al=ice/x/request", "al=ice", "x"),
              testing::UnorderedElementsAre("PATH=/bin", "EMPTY=", "MQTT_BRIDGE_URL=unix:x",
                                            "MQTT_TOPIC=al=ice/x/request", "MQTT_NETID=al=ice",
                                            "MQTT_ACTION=x"));
}

}  // namespace
}  // namespace mqtt_bridge
