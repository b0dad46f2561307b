#include "daemon/activity.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/limits/activity.hpp"

namespace mqtt_bridge {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr Duration remembered = std::chrono::seconds(limits::shown_seconds);
constexpr std::uint64_t linear = 8;  // below so many microseconds each has a bucket of its own

Json milliseconds(const std::optional<Duration>& duration) {
  if (!duration)
    return nullptr;
  const auto us = std::chrono::round<std::chrono::microseconds>(*duration).count();
  return static_cast<double>(us) / 1000;
}

std::int64_t whole_milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// A topic may be long, and hold anything.
std::string_view shown(std::string_view text) {
  return text.substr(0, limits::shown_text_bytes);
}

std::string event(std::string_view name, const Json& data) {
  std::string text = "event: ";
  text.append(name).append("\ndata: ");
  return text + data.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
}

}  // namespace

Activity::Activity(Instant start)
    : second_began_(start),
      seconds_(limits::shown_seconds),
      past_calls_(limits::shown_calls),
      past_drops_(limits::shown_calls) {}

void Activity::ended(const Call& call, Instant now) {
  advance(now);
  ++calls_;
  if (call.outcome != "ok")
    ++errors_;
  if (call.took) {
    ++timed_;
    ++latencies_[bucket_of(*call.took)];
  }
  PastCall& past = past_calls_.add();
  past.at = now;
  past.request_id = call.request_id;
  past.netid = call.netid;
  past.action = call.action;
  past.route = call.route;
  past.outcome = call.outcome;
  past.matched_by = call.matched_by;
  past.took = call.took;
}

void Activity::dropped(std::string_view topic, std::size_t bytes, std::string_view reason,
                       Instant now) {
  PastDrop& past = past_drops_.add();
  past.at = now;
  past.topic = shown(topic);
  past.bytes = bytes;
  past.reason = reason;
}

/// 0 to 7 µs each have one; above, eight each between two powers of two.
std::size_t Activity::bucket_of(Duration took) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  if (us < linear)
    return us;
  const std::size_t shift = std::bit_width(us) - std::bit_width(linear);
  const std::size_t bucket = (shift + 1) * steps + ((us >> shift) - linear);
  return std::min(bucket, buckets - 1);
}

/// The middle of the bucket in which so large a part of the latencies has been passed.
std::optional<Duration> Activity::quantile(double part) const {
  if (timed_ == 0)
    return std::nullopt;
  const auto rank = static_cast<std::uint64_t>(std::ceil(part * timed_));
  std::uint64_t passed = 0;
  std::size_t bucket = 0;
  while (bucket + 1 < buckets && (passed += latencies_[bucket]) < rank)
    ++bucket;
  if (bucket < linear)
    return std::chrono::microseconds(bucket);
  const std::size_t shift = bucket / steps - 1;
  const std::uint64_t from = (linear + bucket % steps) << shift;
  return std::chrono::microseconds(from + (std::uint64_t{1} << shift) / 2);
}

void Activity::end_second() {
  seconds_.add() = {calls_, errors_, quantile(0.5), quantile(0.99)};
  calls_ = errors_ = 0;
  if (timed_ > 0)
    latencies_.fill(0);
  timed_ = 0;
  second_began_ += 1s;
}

void Activity::advance(Instant now) {
  // After a long silence there is no need to go through each second of it.
  const Duration silence = now - second_began_ - remembered;
  if (silence > 1s) {
    end_second();
    second_began_ += std::chrono::floor<std::chrono::seconds>(silence - 1s);
  }
  while (now - second_began_ >= 1s)
    end_second();
}

std::string Activity::events_since(Seen& seen, Instant now) {
  advance(now);
  std::string text;
  Json list = Json::array();
  const auto tell = [&](std::string_view name) {
    if (seen.is_first || !list.empty())
      text += event(name, list);
    list = Json::array();
  };
  for (auto i = std::max(seen.seconds, seconds_.begin()); i < seconds_.end(); ++i) {
    const Second& second = seconds_[i];
    list.push_back({{"calls", second.calls},
                    {"errors", second.errors},
                    {"p50_ms", milliseconds(second.p50)},
                    {"p99_ms", milliseconds(second.p99)}});
  }
  tell("seconds");
  for (auto i = std::max(seen.calls, past_calls_.begin()); i < past_calls_.end(); ++i) {
    const PastCall& call = past_calls_[i];
    list.push_back({{"ago_ms", whole_milliseconds(now - call.at)},
                    {"request_id", call.request_id},
                    {"netid", call.netid},
                    {"action", call.action},
                    {"route", call.route},
                    {"outcome", call.outcome},
                    {"matched_by", call.matched_by},
                    {"milliseconds", milliseconds(call.took)}});
  }
  tell("calls");
  for (auto i = std::max(seen.dropped, past_drops_.begin()); i < past_drops_.end(); ++i) {
    const PastDrop& drop = past_drops_[i];
    list.push_back({{"ago_ms", whole_milliseconds(now - drop.at)},
                    {"topic", drop.topic},
                    {"reason", drop.reason},
                    {"bytes", drop.bytes}});
  }
  tell("dropped");
  seen = {seconds_.end(), past_calls_.end(), past_drops_.end(), false};
  return text;
}

}  // namespace mqtt_bridge
