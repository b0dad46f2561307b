// The input: the limit in one byte, then what a peer sends; and the same as a body to be sent.
#include "http/chunked.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

struct Decoded {
  std::string outcome;
  std::size_t consumed = 0;
  std::string body;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

std::string printed(const std::variant<NeedMore, BodyComplete, BadBody>& outcome) {
  if (const auto* bad = std::get_if<BadBody>(&outcome))
    return std::string(describe(bad->problem).slug) + " " + std::string(bad->detail);
  return std::holds_alternative<NeedMore>(outcome) ? "more" : "complete";
}

Decoded decoded(std::string_view bytes, std::size_t piece, std::size_t max_body) {
  ChunkedBody chunked(max_body);
  Decoded result{"more", 0, ""};
  while (result.consumed < bytes.size() && result.outcome == "more") {
    const auto in = bytes.substr(result.consumed, piece);
    const auto progress = chunked.decode(in, result.body);
    result.consumed += progress.consumed;
    result.outcome = printed(progress.outcome);
    require(result.outcome != "more" || progress.consumed == in.size(),
            "all bytes are taken when more are needed");
    require(result.body.size() <= max_body, "a body keeps within its limit");
  }
  if (result.outcome != "more") {
    const auto progress = chunked.decode("0\r\n\r\n", result.body);
    require(progress.consumed == 0 && printed(progress.outcome) == result.outcome,
            "a body that has ended stays as it is");
  }
  return result;
}

std::string encoded(std::string_view body, std::size_t piece) {
  std::string text;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    const auto chunk = body.substr(0, piece);
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.begin(), size.end(), chunk.size(), 16).ptr;
    text.append(size.begin(), end).append(";x=\"y\"\r\n").append(chunk).append("\r\n");
  }
  return text + "0\r\nA: b\r\n\r\n";
}

}  // namespace

void fuzz(std::string_view input) {
  if (input.empty())
    return;
  const auto max_body = static_cast<std::size_t>(static_cast<unsigned char>(input.front()));
  const std::string_view bytes = input.substr(1);
  const Decoded whole = decoded(bytes, bytes.size(), max_body);
  for (const std::size_t piece : piece_sizes)
    require(decoded(bytes, piece, max_body) == whole, "cutting changes nothing");

  const std::string_view body = bytes.substr(0, max_body);
  const std::string sent = encoded(body, 1 + max_body / 3);
  require(decoded(sent + "GET", sent.size() + 3, body.size()) ==
              Decoded{"complete", sent.size(), std::string(body)},
          "a body arrives as it was sent");
  if (!body.empty()) {
    require(decoded(sent, sent.size(), body.size() - 1).outcome.starts_with("payload-too-large"),
            "a byte above the limit is too much");
  }
}

}  // namespace mqtt_bridge
