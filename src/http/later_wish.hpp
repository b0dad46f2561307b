// Whether a request wants its call to be answered later (Prefer), or to be carried out once only
// (Idempotency-Key). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/problem.hpp"
#include "http/preferences.hpp"
#include "http/request.hpp"

namespace mqtt_bridge {

struct LaterWish {
  Preferences preferences = {};
  std::string key = {};  // empty: none
};

/// Nothing for a call that is answered as any other. REQUIRES: why_not_key() says nothing.
std::optional<LaterWish> later_wish_of(const HttpRequest& request);

/// What is wrong with its Idempotency-Key, where it has one.
std::optional<Failure> why_not_key(const HttpRequest& request);

/// Why its answer is not sent where it wants it.
std::optional<Failure> why_not_callback(const HttpRequest& request,
                                        const std::vector<std::string>& allowed);

/// Whether its call may take longer than one that somebody waits for.
bool is_for_later(const HttpRequest& request);

}  // namespace mqtt_bridge
