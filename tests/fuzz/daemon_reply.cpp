// The input: what the daemon, or whatever listens in its place, sends to mqtt_client.
#include <algorithm>

#include "base/limits/call.hpp"
#include "client/reply_parser.hpp"
#include "client/verdict.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

/// All that is known after the last byte.
std::string printed(const ReplyParser& parser) {
  switch (parser.state()) {
    case ReplyParser::State::need_more:
      return "more";
    case ReplyParser::State::malformed:
      return "malformed " + std::string(parser.fault());
    case ReplyParser::State::complete:
      break;
  }
  const Reply& reply = parser.reply();
  return std::to_string(reply.status) + " " + std::to_string(static_cast<int>(reply.media)) + " " +
         reply.body;
}

ReplyParser read(std::string_view bytes, std::size_t piece) {
  ReplyParser parser;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    parser.feed(bytes.substr(at, piece));
  return parser;
}

void check_reply(const Reply& reply) {
  require(reply.status >= 200 && reply.status <= 599, "a reply is final");
  require(reply.body.size() <= limits::response_bytes, "a reply keeps within its limit");
  const Decision decision = decide(reply, "DAEMON");
  require((decision.next == Next::print_answer) == (decision.exit_code == ExitCode::answered) &&
              (decision.next == Next::print_answer) == decision.message.empty(),
          "what is no answer is told to the user");
  require(std::none_of(decision.message.begin(), decision.message.end(), is_control),
          "a message is one line");
}

}  // namespace

void fuzz(std::string_view input) {
  const ReplyParser whole = read(input, std::max<std::size_t>(input.size(), 1));
  for (const std::size_t piece : piece_sizes)
    require(printed(read(input, piece)) == printed(whole), "cutting changes nothing");
  require((whole.state() == ReplyParser::State::malformed) == !whole.fault().empty(),
          "a fault is named");
  if (whole.state() == ReplyParser::State::complete)
    check_reply(whole.reply());
}

}  // namespace mqtt_bridge
