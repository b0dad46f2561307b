#include "http/call_request.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "exchange/topic.hpp"
#include "http/call_parameters.hpp"
#include "http/media_type.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

/// A text read in the wrong charset would be answered by a wrong one.
Failure foreign(const std::string& charset) {
  constexpr std::size_t longest_shown = 32;
  const bool is_shown = ascii::is_token(charset) && charset.size() <= longest_shown;
  return {Problem::unsupported_media_type,
          "send the text as UTF-8 (Content-Type: text/plain; charset=utf-8), not as " +
              (is_shown ? charset : "what its charset says"),
          {}};
}

bool is_served_action(std::string_view name, const HttpApiOptions& options) {
  const auto& more = options.actions;
  return parse_action(name) || std::find(more.begin(), more.end(), name) != more.end();
}

Failure unknown_action(std::string_view name, const HttpApiOptions& options) {
  std::vector<std::string_view> known;
  for (const Action action : all_actions)
    known.push_back(to_string(action));
  known.insert(known.end(), options.actions.begin(), options.actions.end());
  const bool is_shown = is_utf8(name) && name.size() < 64;
  std::string detail =
      is_shown ? "there is no action '" + std::string(name) + "'; " : "there is no such action; ";
  if (const std::string_view meant = is_shown ? nearest(name, known) : ""; !meant.empty())
    detail.append("did you mean ").append(meant).append("? ").append("The");
  else
    detail += "the";
  detail += " actions are ";
  for (const std::string_view& each : known)
    detail.append(&each == &known.front() ? "" : ", ").append(each);
  return {Problem::unknown_action, detail + "; --action adds others", {}};
}

std::optional<Failure> why_not_netid_of_call(const std::string& netid,
                                             const HttpApiOptions& options) {
  if (auto why = why_not_netid(netid))
    return Failure{Problem::invalid_netid, *why, {}};
  const auto& served = options.netids;
  if (netid == options.netid || served.contains(netid) || served.contains("*"))
    return std::nullopt;
  std::vector<std::string_view> known{options.netid};
  known.insert(known.end(), served.begin(), served.end());
  const std::string_view meant = nearest(netid, known);
  return Failure{Problem::netid_not_served,
                 "this bridge does not serve the NetID " + netid +
                     (meant.empty() ? "; its --netids has to name it"
                                    : "; did you mean " + std::string(meant) +
                                          "? Otherwise its --netids has to name it"),
                 {}};
}

/// What is wrong with its action or its text.
std::optional<Failure> why_not_text(const HttpRequest& request, std::string_view action,
                                    const HttpApiOptions& options) {
  if (!is_served_action(action, options))
    return unknown_action(action, options);
  if (const auto charset = foreign_charset(request.content_type))
    return foreign(*charset);
  if (!is_utf8(request.body))
    return Failure{Problem::invalid_payload, "the body is not UTF-8 text", {}};
  return std::nullopt;
}

}  // namespace

std::variant<Call, Failure> call_of(const HttpRequest& request, const HttpApiOptions& options) {
  const Asked& asked = *request.asked;
  const std::string_view action = endpoint::action_in(asked.path);
  if (auto failure = why_not_text(request, action, options))
    return *std::move(failure);
  auto parameters =
      call_parameters_of(request, asked.endpoint->parameters, options.timeout,
                         parse_action(action) ? Turns::none : Turns::perhaps, options);
  if (auto* const failure = std::get_if<Failure>(&parameters))
    return std::move(*failure);
  std::string netid = netid_of(request, options);
  if (auto failure = why_not_netid_of_call(netid, options))
    return *std::move(failure);
  auto& [timeout, is_patient, traceparent, tracestate] = std::get<CallParameters>(parameters);
  return Call{.netid = std::move(netid),
              .action = std::string(action),
              .payload = {},
              .correlation = {},
              .traceparent = std::move(traceparent),
              .tracestate = std::move(tracestate),
              .is_patient = is_patient,
              .arrived = request.arrived,
              .deadline = request.arrived + timeout};
}

std::string netid_of(const HttpRequest& request, const HttpApiOptions& options) {
  return value_of(parse_query(request.query), "netid").value_or(options.netid);
}

}  // namespace mqtt_bridge
