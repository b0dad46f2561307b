// Which responders are there, as far as they say so: each keeps a retained birth message at
// `mqtt-responder/<id>/status` that its will clears. From that, and from who answers, it tells
// whether an action is deserted, so that a call need not wait for nobody.
//
// In doubt an action is not deserted: never, when nobody announced it, or when an answer came from
// somebody who did not.
// Value; the owner serialises. It is bounded by limits.hpp; what exceeds that leaves it in doubt.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/instant.hpp"

namespace mqtt_bridge {

/// A birth message: a JSON object with the responder's `id` and its `actions`, an array of names.
std::string birth_message(std::string_view id, const std::vector<std::string>& actions);

/// The actions of a birth message, each once; nothing when it is none.
std::optional<std::vector<std::string>> parse_birth_message(std::string_view payload);

/// How an announcement came: because we subscribed, or because it was made just then.
enum class Heard { retained, live };

class Presence {
 public:
  /// Those of `actions` that had no announced responder before.
  std::vector<std::string> announced(std::string_view id, const std::vector<std::string>& actions,
                                     Heard heard = Heard::retained);
  /// Its actions; none when it was not known to be there.
  std::vector<std::string> gone(std::string_view id);
  /// An answer came; `id` is empty when it did not say from whom.
  void answered(std::string_view action, std::string_view id);

  /// The broker forgot us, so a will may have been missed: who is not announced again by `until` is
  /// taken for gone. Not so where no retained announcement ever came: some brokers give none to a
  /// filter with a wildcard (RabbitMQ), and their silence says nothing.
  void doubt(Instant until);
  /// The actions that are deserted by that.
  std::vector<std::string> expire(Instant now);
  std::optional<Instant> next_deadline() const { return doubtful_until_; }

  std::vector<std::string> deserted() const;
  /// Responders were announced for the action, all of them are gone, and nobody else answered.
  bool is_deserted(std::string_view action) const;
  /// Nobody was ever announced for the action, and nobody ever answered.
  bool is_unheard_of(std::string_view action) const;

 private:
  enum class State { here, doubtful, gone };
  struct Responder {
    State state;
    std::set<std::string, std::less<>> actions;
  };

  std::vector<std::string> deserted_of(const Responder& responder) const;
  void make_room();
  bool is_announced(std::string_view action) const;

  std::map<std::string, Responder, std::less<>> responders_;
  /// Those who answered, by action and id, and are not in responders_; "" for who did not say.
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> strangers_;
  std::set<std::string, std::less<>> answered_;  // actions that anybody answered
  std::optional<Instant> doubtful_until_;
  bool is_incomplete_ = false;   // there was no room for a responder
  bool hears_retained_ = false;  // the broker tells of who announced himself before
};

}  // namespace mqtt_bridge
