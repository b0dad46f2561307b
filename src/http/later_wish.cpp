#include "http/later_wish.hpp"

#include <utility>
#include <variant>

#include "http/batch_line.hpp"
#include "http/callback_url.hpp"
#include "http/idempotency_key.hpp"

namespace mqtt_bridge {

std::optional<LaterWish> later_wish_of(const HttpRequest& request) {
  if (request.prefer.empty() && !request.idempotency_key)
    return std::nullopt;
  LaterWish wish;
  if (is_for_later(request))
    wish.preferences = parse_preferences(request.prefer);
  if (request.idempotency_key) {
    auto key = parse_idempotency_key(*request.idempotency_key);
    if (auto* const text = std::get_if<std::string>(&key))
      wish.key = std::move(*text);
  }
  return wish.preferences.are_for_later() || !wish.key.empty() ? std::optional(wish) : std::nullopt;
}

std::optional<Failure> why_not_key(const HttpRequest& request) {
  if (!request.idempotency_key)
    return std::nullopt;
  if (is_batch_type(request.content_type)) {
    return Failure{Problem::invalid_idempotency_key,
                   "a batch has no Idempotency-Key; send the calls that need one apart",
                   {}};
  }
  auto key = parse_idempotency_key(*request.idempotency_key);
  if (auto* const failure = std::get_if<Failure>(&key))
    return std::move(*failure);
  return std::nullopt;
}

std::optional<Failure> why_not_callback(const HttpRequest& request,
                                        const std::vector<std::string>& allowed) {
  if (!is_for_later(request))
    return std::nullopt;
  const std::string url = parse_preferences(request.prefer).callback;
  if (url.empty() || is_allowed_callback(url, allowed))
    return std::nullopt;
  return Failure{Problem::value_not_allowed,
                 "answers are not sent to this callback; --callback has to name where it is",
                 {}};
}

bool is_for_later(const HttpRequest& request) {
  return !request.prefer.empty() && !is_batch_type(request.content_type) &&
         parse_preferences(request.prefer).are_for_later();
}

}  // namespace mqtt_bridge
