#include "client/verdict.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/utf8.hpp"
#include "client/problem_reader.hpp"

namespace mqtt_bridge {
namespace {

/// Nothing when `slug` and `status` are no pair that the daemon of this release gives. A
/// responder's error comes with a status of the responder's own choice.
std::optional<Problem> problem_of(std::string_view slug, int status) {
  for (const ProblemKind& kind : all_problems()) {
    if (kind.slug == slug && (kind.status == status || kind.problem == Problem::responder_error)) {
      return kind.problem;
    }
  }
  return std::nullopt;
}

Next next_after(Problem problem) {
  const bool elsewhere = problem == Problem::wrong_broker || problem == Problem::netid_not_served;
  return elsewhere ? Next::fall_back_direct : Next::fail;
}

/// What is wrong with the caller or with where it asks, not with this message or this moment.
bool is_of_every_call(Problem problem) {
  using enum Problem;
  constexpr std::array known{unauthorized,   forbidden_user,   forbidden_origin,
                             unknown_action, invalid_netid,    not_found,
                             wrong_broker,   netid_not_served, method_not_allowed};
  return std::find(known.begin(), known.end(), problem) != known.end();
}

std::string_view remedy_of(Problem problem) {
  return problem == Problem::wrong_broker
             ? "--broker, or --host and --port, have to name its broker"
             : "";
}

Decision failed(std::string message) {
  return {Next::fail, ExitCode::failed, std::move(message)};
}

Decision decide_problem(const Reply& reply, std::string_view daemon, Asked asked) {
  const std::string who = "mqtt_bridged at " + std::string(daemon);
  const auto text = read_problem(reply.body);
  const auto problem = text ? problem_of(text->slug, reply.status) : std::nullopt;
  if (!problem) {
    const std::string said = text && !text->detail.empty() ? ": " + text->detail : "";
    return failed(
        on_one_line(who + " answered with status " + std::to_string(reply.status) + said));
  }
  if (*problem == Problem::unauthorized) {
    auto decision = failed(who + (asked.has_token ? " does not take the token of --token-file"
                                                  : " wants a token: name the file that holds it "
                                                    "with --token-file"));
    decision.is_of_every_call = true;
    return decision;
  }
  const std::string said =
      text->detail.empty() ? std::string(describe(*problem).title) : text->detail;
  return {next_after(*problem), exit_code_of(*problem), on_one_line(who + ": " + said),
          std::string(remedy_of(*problem)), is_of_every_call(*problem)};
}

}  // namespace

ExitCode exit_code_of(Problem problem) {
  switch (problem) {
    case Problem::response_timeout:
    case Problem::no_responder:
    case Problem::unmatched_response:
      return ExitCode::no_answer;
    case Problem::unknown_action:
      return ExitCode::usage;
    case Problem::broker_unavailable:
      return ExitCode::broker_unreachable;
    case Problem::invalid_netid:
    case Problem::invalid_payload:
    case Problem::invalid_parameter:
    case Problem::invalid_idempotency_key:
    case Problem::malformed_request:
    case Problem::unauthorized:
    case Problem::netid_not_served:
    case Problem::value_not_allowed:
    case Problem::forbidden_origin:
    case Problem::forbidden_user:
    case Problem::not_found:
    case Problem::method_not_allowed:
    case Problem::request_timeout:
    case Problem::call_gone:
    case Problem::payload_too_large:
    case Problem::uri_too_long:
    case Problem::unsupported_media_type:
    case Problem::wrong_broker:
    case Problem::idempotency_key_reused:
    case Problem::headers_too_large:
    case Problem::internal_error:
    case Problem::not_implemented:
    case Problem::bad_response:
    case Problem::broker_refused:
    case Problem::turn_pending:
    case Problem::turns_elsewhere:
    case Problem::overloaded:
    case Problem::state_unavailable:
    case Problem::shutting_down:
    case Problem::responder_error:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

std::string on_one_line(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string line;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t unprintable = unprintable_at(text.substr(at));
    if (unprintable > 0 || (byte >= 0x80 && !utf8)) {
      line += ' ';
      at += std::max<std::size_t>(unprintable, 1) - 1;
    } else {
      line += text[at];
    }
  }
  return line;
}

Decision decide(const Reply& reply, std::string_view daemon, Asked asked) {
  if ((reply.status == 200 &&
       (asked.is_route || reply.media == (asked.as_json ? Media::json : Media::text))) ||
      (reply.status == 202 && asked.is_route)) {
    return {Next::print_answer, ExitCode::answered, {}};
  }
  if (reply.status != 200 && reply.media == Media::problem) {
    return decide_problem(reply, daemon, asked);
  }
  return failed("something other than mqtt_bridged answers at " + std::string(daemon) +
                " (status " + std::to_string(reply.status) +
                "); name the daemon with --daemon, or use --direct");
}

}  // namespace mqtt_bridge
