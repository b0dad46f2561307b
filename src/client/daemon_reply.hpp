// The one HTTP exchange that mqtt_client has with mqtt_bridged, written by hand so that the client
// loads no library for it: the head of its fixed request, its answer read piece by piece, and what
// the client does about that answer. Not a general HTTP client: an answer that this daemon would
// never give (no Content-Length, a transfer coding, a folded line) is malformed.
// Values; ReplyParser: owner serialises.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/problem.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

/// How mqtt_client ends, by whichever way the answer came.
enum class ExitCode {
  answered = 0,
  failed = 1,
  usage = 2,
  no_answer = 3,  // in time
  broker_unreachable = 4,
};

/// The same, whichever way the call went.
ExitCode exit_code_of(Problem problem);

/// For a terminal: no control character of either set survives, nor one that breaks a line or turns
/// the direction of writing, nor, where the text is not UTF-8, any byte above 0x7f.
std::string on_one_line(std::string_view text);

/// One call as the command line names it. REQUIRES: why_not_netid(netid) says nothing, and
/// is_utf8(message).
struct ClientCall {
  Action action;
  std::string netid;
  std::string broker_host;
  std::uint16_t broker_port;
  std::string message;
  std::chrono::milliseconds timeout;  // what is left of it is what the daemon is told
};

/// Everything before the body, the empty line included. `host` is the Host field's value.
/// The broker goes as `host:port`, an IPv6 address in brackets, and everything percent-encoded.
std::string request_head(const ClientCall& call, std::string_view host,
                         std::chrono::milliseconds time_left);

enum class Media { text, problem, other };

struct Reply {
  int status = 0;
  Media media = Media::other;
  std::string body;
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

/// What mqtt_client needs of a problem (RFC 9457 3.1). A member that is absent, or not a string,
/// is empty; of a repeated one the last counts.
struct ProblemText {
  std::string slug;  // what follows the last '/' or ':' of `type`
  std::string detail;
  friend bool operator==(const ProblemText&, const ProblemText&) = default;
};

/// Nothing unless `json` is one well-formed JSON object (RFC 8259), in UTF-8, of at most 64 KiB and
/// with at most 16 levels.
std::optional<ProblemText> read_problem(std::string_view json);

enum class Next { print_answer, fall_back_direct, fail };

/// `message` is one printable line: why to fall back, or what to tell the user; empty with an
/// answer, which is the reply's body. `remedy`, a clause, says which option would make this daemon
/// serve the call; only where it falls back.
struct Decision {
  Next next;
  ExitCode exit_code;
  std::string message;
  std::string remedy = {};
};

/// `daemon` names where the reply came from, for the message. Falls back only where nothing can
/// have been published, and only because this daemon does not serve this broker or NetID.
Decision decide(const Reply& reply, std::string_view daemon);

}  // namespace mqtt_bridge
