#include "daemon/stored_call.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace mqtt_bridge {
namespace {

// Each text with its length before it: "5:hello".

std::string packed(std::initializer_list<std::string_view> texts) {
  std::string bytes;
  std::size_t size = 0;
  for (const std::string_view text : texts)
    size += text.size() + 8;
  bytes.reserve(size);
  for (const std::string_view text : texts)
    bytes.append(std::to_string(text.size())).append(":").append(text);
  return bytes;
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  return is_number ? std::optional(number) : std::nullopt;
}

/// Nothing where they are not `count`.
std::optional<std::vector<std::string_view>> unpacked(std::string_view bytes, std::size_t count) {
  std::vector<std::string_view> texts;
  while (!bytes.empty()) {
    const std::size_t colon = bytes.find(':');
    const auto size = number_in(bytes.substr(0, colon));
    if (colon == std::string_view::npos || !size || *size < 0 ||
        static_cast<std::size_t>(*size) > bytes.size() - colon - 1)
      return std::nullopt;
    texts.push_back(bytes.substr(colon + 1, static_cast<std::size_t>(*size)));
    bytes.remove_prefix(colon + 1 + static_cast<std::size_t>(*size));
  }
  return texts.size() == count ? std::optional(std::move(texts)) : std::nullopt;
}

constexpr std::array rules{MatchedBy::correlation,    MatchedBy::content, MatchedBy::folded_content,
                           MatchedBy::turn,           MatchedBy::topic,   MatchedBy::id,
                           MatchedBy::acknowledgement};
constexpr std::string_view yes = "1";

std::string_view flag(bool is_set) {
  return is_set ? yes : "";
}

std::string text_of(std::optional<Instant> instant, Instant since) {
  using std::chrono::nanoseconds;
  return instant ? std::to_string(std::chrono::duration_cast<nanoseconds>(*instant - since).count())
                 : "";
}

std::optional<Instant> instant_in(std::string_view text, Instant since) {
  const auto number = number_in(text);
  return number ? std::optional(since + std::chrono::nanoseconds(*number)) : std::nullopt;
}

/// The answer, or the failure, in eight texts.
std::string outcome_text(const Ended& ended) {
  if (const auto* const answer = std::get_if<Answer>(&ended.outcome)) {
    return packed({"answer", answer->payload, to_string(answer->matched_by), answer->responder,
                   answer->content_type, ""});
  }
  const auto& failure = std::get<Failure>(ended.outcome);
  const auto seconds = [](Duration duration) {
    return std::chrono::ceil<std::chrono::seconds>(duration).count();
  };
  return packed({"failure", describe(failure.problem).slug, failure.detail,
                 failure.status ? std::to_string(*failure.status) : "",
                 failure.retry_after ? std::to_string(seconds(*failure.retry_after)) : "",
                 failure.response});
}

std::optional<std::variant<Answer, Failure>> outcome_in(std::string_view bytes) {
  const auto texts = unpacked(bytes, 6);
  if (!texts)
    return std::nullopt;
  const auto& text = *texts;
  if (text[0] == "answer") {
    const auto* const rule = std::find_if(
        rules.begin(), rules.end(), [&text](MatchedBy each) { return to_string(each) == text[2]; });
    return Answer{std::string(text[1]), rule != rules.end() ? *rule : MatchedBy::correlation,
                  std::string(text[3]), std::string(text[4])};
  }
  const auto kinds = all_problems();
  const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                 [&text](const auto& each) { return each.slug == text[1]; });
  if (text[0] != "failure" || kind == kinds.end())
    return std::nullopt;
  Failure failure{kind->problem, std::string(text[2]), {}, {}, std::string(text[5])};
  if (const auto status = number_in(text[3]))
    failure.status = static_cast<int>(*status);
  if (const auto seconds = number_in(text[4]))
    failure.retry_after = std::chrono::seconds(*seconds);
  return failure;
}

}  // namespace

std::string encode(const StoredRequest& request) {
  return packed({request.method, request.path, request.query, request.content_type,
                 request.traceparent, request.tracestate, request.user, request.request_id,
                 request.from, request.correlation, request.number, flag(request.is_patient),
                 request.body});
}

std::optional<StoredRequest> decode_request(std::string_view bytes) {
  const auto texts = unpacked(bytes, 13);
  if (!texts)
    return std::nullopt;
  const auto text = [&texts](std::size_t i) { return std::string((*texts)[i]); };
  return StoredRequest{.method = text(0),
                       .path = text(1),
                       .query = text(2),
                       .content_type = text(3),
                       .traceparent = text(4),
                       .tracestate = text(5),
                       .user = text(6),
                       .request_id = text(7),
                       .from = text(8),
                       .correlation = text(9),
                       .number = text(10),
                       .body = text(12),
                       .is_patient = (*texts)[11] == yes};
}

std::string encode(const Calls::Call& call, const Ended& ended) {
  const Instant since = ended.arrived;
  return packed({call.request_id, flag(call.is_route), flag(call.is_json), outcome_text(ended),
                 flag(ended.may_be_carried_out), text_of(ended.published, since),
                 text_of(ended.published_last, since), text_of(ended.acknowledged, since),
                 text_of(ended.ended, since)});
}

std::optional<StoredOutcome> decode_outcome(std::string_view bytes, Instant begun) {
  const auto texts = unpacked(bytes, 9);
  if (!texts)
    return std::nullopt;
  const auto& text = *texts;
  auto outcome = outcome_in(text[3]);
  const auto ended = instant_in(text[8], begun);
  if (!outcome || !ended)
    return std::nullopt;
  return StoredOutcome{.ended = {.exchange = 0,
                                 .outcome = *std::move(outcome),
                                 .arrived = begun,
                                 .published = instant_in(text[5], begun),
                                 .published_last = instant_in(text[6], begun),
                                 .acknowledged = instant_in(text[7], begun),
                                 .ended = *ended,
                                 .may_be_carried_out = text[4] == yes},
                       .request_id = std::string(text[0]),
                       .is_route = text[1] == yes,
                       .is_json = text[2] == yes};
}

}  // namespace mqtt_bridge
