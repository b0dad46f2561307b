#include "client/io/daemon_call.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "client/io/daemon_connect.hpp"
#include "os/io/secrets.hpp"

namespace mqtt_bridge {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto default_place_patience = 1s;

/// The head and the body of one request, on their way out.
class Outgoing {
 public:
  Outgoing(std::string_view head, std::string_view body) : head_(head), body_(body) {}

  bool all_sent() const { return head_.empty() && body_.empty(); }

  /// Sends what the socket takes now. False when the connection takes no more, ever.
  bool send_some(const Socket& socket) {
    std::array<iovec, 2> parts{part(head_), part(body_)};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    const auto count = static_cast<std::size_t>(sent);
    const auto of_head = std::min(count, head_.size());
    head_.remove_prefix(of_head);
    body_.remove_prefix(count - of_head);
    return true;
  }

 private:
  static iovec part(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};  // sendmsg() does not write to it
  }

  std::string_view head_;
  std::string_view body_;
};

enum class Received { some, nothing_yet, end };

Received receive_some(const Socket& socket, ReplyParser& parser) {
  std::array<char, 16 * 1024> buffer;
  const auto count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR ? Received::nothing_yet : Received::end;
  }
  parser.feed({buffer.data(), static_cast<std::size_t>(count)});
  return count == 0 ? Received::end : Received::some;
}

enum class Ending { complete, malformed, closed, late };

/// Reads even while it still writes: the daemon may refuse a request before it has all of it, and
/// close, and that refusal is the answer.
Ending exchange(const Socket& socket, Outgoing& request, ReplyParser& parser, Instant deadline) {
  bool writable = true;
  while (true) {
    if (writable && !request.all_sent()) {
      writable = request.send_some(socket);
    }
    const bool sending = writable && !request.all_sent();
    const short events = static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN);
    const short ready = wait_for(socket, events, deadline);
    if (ready == 0) {
      return Ending::late;
    }
    if ((ready & ~POLLOUT) == 0) {
      continue;
    }
    const Received received = receive_some(socket, parser);
    switch (parser.state()) {
      case ReplyParser::State::complete:
        return Ending::complete;
      case ReplyParser::State::malformed:
        return Ending::malformed;
      case ReplyParser::State::need_more:
        break;
    }
    if (received == Received::end) {
      return Ending::closed;
    }
  }
}

constexpr std::string_view not_again =
    "; the request may have been carried out, so it is not sent again";

DaemonOutcome converse(const Socket& socket, const DaemonPlace& place, const ClientCall& call,
                       Instant call_deadline) {
  const bool is_unix = place.kind == DaemonPlace::Kind::unix_socket;
  const std::string host = is_unix ? "localhost" : authority_of(place);
  const auto time_left = std::max(until(call_deadline), 1ms);
  const std::string head = request_head(call, host, time_left);
  Outgoing request(head, call.message);
  ReplyParser parser;
  const Ending ending = exchange(socket, request, parser, call_deadline + answer_margin);
  switch (ending) {
    case Ending::complete:
      return Answered{parser.reply(), place};
    case Ending::malformed:
      return malformed_answer(place, parser.fault());
    case Ending::late:
      return late_answer(place);
    case Ending::closed:
      break;
  }
  // Only a whole request is carried out.
  return closed_connection(place,
                           request.all_sent() ? Broken::Published::maybe : Broken::Published::no);
}

}  // namespace

Instant connect_deadline(const DaemonPlace& place, Instant call_deadline) {
  if (place.chosen == DaemonPlace::Chosen::by_user) {
    return call_deadline;
  }
  return Clock::now() + std::min<milliseconds>(until(call_deadline) / 2, default_place_patience);
}

void NothingListens::add(const DaemonPlace& place, const Connection& connection) {
  text += (text.empty() ? "" : "; ") + to_string(place) + ": " + why_none(connection);
  is_forbidden = is_forbidden || connection.error == EACCES;
}

Reason reason_of(const NothingListens& nothing) {
  const std::string what =
      nothing.is_forbidden ? "cannot reach mqtt_bridged at " : "no mqtt_bridged at ";
  return {what + nothing.text, nothing.is_forbidden};
}

Broken closed_connection(const DaemonPlace& place, Broken::Published published) {
  const std::string text =
      "mqtt_bridged at " + to_string(place) + " closed the connection without an answer";
  const bool maybe = published == Broken::Published::maybe;
  return {published, ExitCode::failed, maybe ? text + std::string(not_again) : text};
}

Broken late_answer(const DaemonPlace& place) {
  return {
      Broken::Published::maybe, ExitCode::no_answer,
      "mqtt_bridged at " + to_string(place) + " did not answer in time" + std::string(not_again)};
}

Broken malformed_answer(const DaemonPlace& place, std::string_view fault) {
  return {Broken::Published::maybe, ExitCode::failed,
          "something other than mqtt_bridged answers at " + to_string(place) + " (" +
              std::string(fault) + "); name the daemon with --daemon, or use --direct"};
}

ClientCall client_call(const ClientOptions& options) {
  const bool names_broker = options.route.empty() || options.names_broker;
  ClientCall call{.action = options.action,
                  .netid = options.netid,
                  .broker_host = names_broker ? options.broker.host : "",
                  .broker_port = options.broker.port,
                  .message = "",
                  .timeout = options.timeout,
                  .route = options.route,
                  .as_json = options.json};
  if (options.token_file.empty())
    return call;
  call.token = read_secret(options.token_file, "--token-file");
  if (!is_bearer_token(call.token)) {
    throw std::runtime_error("--token-file: in " + options.token_file +
                             " there is a character that no bearer token has");
  }
  return call;
}

Asked asked_of(const ClientOptions& options) {
  return {.is_route = !options.route.empty(),
          .has_token = !options.token_file.empty(),
          .as_json = options.json};
}

DaemonOutcome call_daemon(const std::vector<DaemonPlace>& places, const ClientCall& call,
                          Instant started) {
  const Instant call_deadline = started + call.timeout;
  NothingListens nothing;
  for (const DaemonPlace& place : places) {
    const Connection connection = connect_to(place, connect_deadline(place, call_deadline));
    if (connection.socket) {
      return converse(connection.socket, place, call, call_deadline);
    }
    nothing.add(place, connection);
  }
  return nothing;
}

}  // namespace mqtt_bridge
