// A call as it is kept over a restart: what was asked for, who asked, and what came of it, each as
// bytes. What a version wrote, later ones can read, or say that they cannot. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/calls.hpp"

namespace mqtt_bridge {

using WallTime = std::chrono::system_clock::time_point;

/// A request for a call, by which it is made again.
struct StoredRequest {
  std::string method;
  std::string path;   // percent-decoded
  std::string query;  // without a timeout
  std::string content_type;
  std::string traceparent;
  std::string tracestate;
  std::string user;  // over the unix socket: its number; empty: not known
  std::string request_id;
  std::string from;
  std::string correlation;  // by which its answer is known, and:
  std::string number;       // of a call of a route
  std::string body;
  bool is_patient = false;
  friend bool operator==(const StoredRequest&, const StoredRequest&) = default;
};

/// One of them, as it is kept.
struct StoredCall {
  CallId id;
  Digest owner;
  std::optional<Digest> key;
  Digest content;
  WallTime begun;
  WallTime deadline;
  DoneBefore done = DoneBefore::nothing;
  std::string request;        // of a call that waits; else empty
  std::string outcome;        // of one that has ended; else empty
  std::string callback = {};  // where the answer is to be sent; empty: nowhere, or not any more
};

/// How a call ended, and what its answer depends on besides.
struct StoredOutcome {
  Ended ended;
  std::string request_id;
  bool is_route = false;
  bool is_json = false;
};

std::string encode(const StoredRequest& request);
/// Nothing where it is no such text.
std::optional<StoredRequest> decode_request(std::string_view bytes);

/// `calls`: with an outcome.
std::string encode(const Calls::Call& call, const Ended& ended);
/// `begun`: when the call came, by the clock of this run.
std::optional<StoredOutcome> decode_outcome(std::string_view bytes, Instant begun);

}  // namespace mqtt_bridge
