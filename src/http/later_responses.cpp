#include "http/later_responses.hpp"

#include <algorithm>
#include <chrono>

#include "base/ascii.hpp"
#include "base/limits/later.hpp"
#include "http/endpoints.hpp"
#include "http/response_bodies.hpp"

namespace mqtt_bridge {
namespace {

std::string pause_after(Duration waited) {
  constexpr int polls = 4;  // while the time doubles
  const auto pause =
      std::clamp<Duration>(waited / polls, std::chrono::seconds(1), limits::most_poll_pause);
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(pause).count());
}

}  // namespace

std::string path_of(const CallId& id) {
  return std::string(endpoint::calls_path) + id_text(id);
}

std::string id_text(const CallId& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * id.size());
  for (const unsigned char byte : id) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::optional<CallId> parse_call_id(std::string_view text) {
  CallId id{};
  if (text.size() != 2 * id.size())
    return std::nullopt;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const int high = ascii::hex_value(text[2 * i]);
    const int low = ascii::hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    id[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return id;
}

HttpResponse accepted_response(const CallId& id, std::string_view deadline, Duration waited) {
  std::string body = "{\"call\":\"" + path_of(id) + "\",\"waits_until\":\"";
  HttpResponse response = json_response(body.append(deadline).append("\"}\n"));
  response.status = 202;
  response.add("Location", path_of(id));
  response.add("Retry-After", pause_after(waited));
  return response;
}

HttpResponse no_content_response() {
  HttpResponse response;
  response.status = 204;
  return response;
}

Failure no_such_call() {
  return {Problem::not_found,
          "there is no call of this id; without a state directory (--state-dir) none is kept over "
          "a restart",
          {}};
}

Failure gone_call() {
  return {Problem::call_gone, "this call was given up, or its answer was kept for long enough", {}};
}

Failure reused_key() {
  return {Problem::idempotency_key_reused,
          "this Idempotency-Key came with another method, path, query, Content-Type or body",
          {}};
}

Failure still_waiting(const CallId& id) {
  return {
      Problem::response_timeout,
      "an earlier request with this Idempotency-Key still waits for its answer, see " + path_of(id),
      {}};
}

}  // namespace mqtt_bridge
