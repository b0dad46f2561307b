// Reads the answer of mqtt_bridged to mqtt_client, piece by piece. Not a general HTTP client: an
// answer that this daemon would never give (no Content-Length, a transfer coding, a folded line) is
// malformed. Owner serialises.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

enum class Media { text, json, problem, other };

struct Reply {
  int status = 0;
  Media media = Media::other;
  std::string body;
  bool is_last = false;  // of its connection
};

/// Reads one answer, however its bytes are cut. Holds at most limits::head_bytes of a head and
/// limits::response_bytes of a body. What follows the body is discarded (RFC 9112 6.3).
class ReplyParser {
 public:
  enum class State { need_more, complete, malformed };

  /// Once complete or malformed, further bytes change nothing.
  State feed(std::string_view bytes);

  State state() const { return state_; }
  /// REQUIRES: complete.
  const Reply& reply() const { return reply_; }
  /// One clause; empty unless malformed.
  std::string_view fault() const { return fault_; }

 private:
  State read_head();
  State read_body(std::string_view bytes);
  State malformed(std::string_view fault);

  State state_ = State::need_more;
  std::string head_;            // until its empty line came; interim heads are dropped
  std::size_t head_bytes_ = 0;  // of every head so far
  std::optional<std::size_t> body_bytes_;
  Reply reply_;
  std::string_view fault_;
};

}  // namespace mqtt_bridge
