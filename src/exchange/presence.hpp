// Which responders are there, as far as they say so: each keeps a retained birth message at
// `mqtt-responder/<id>/status` that its will clears. From that, and from who answers, it tells
// whether an action is unserved, so that a call need not wait in vain.
//
// In doubt an action is not unserved: when no responder ever announced it, or when one that did not
// announce it has answered a call within limits::memory_age.
// Value; the owner serialises. It is bounded by base/limits; what exceeds that leaves it in doubt.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.hpp"

namespace mqtt_bridge {

/// Whether a responder sends Correlation Data back, on the Response Topic.
enum class Correlates { perhaps, yes };

/// A birth message: a JSON object with the responder's `id`, its `actions`, an array of names, and
/// whether it `correlates`, which may be left out.
std::string birth_message(std::string_view id, const std::vector<std::string>& actions,
                          Correlates correlates = Correlates::perhaps);

/// The actions of a birth message, each once; nothing when it is none.
std::optional<std::vector<std::string>> parse_birth_message(std::string_view payload);
/// What a birth message says of that.
Correlates correlates(std::string_view birth_message);

/// How an announcement came: because we subscribed, or because it was made just then.
enum class Heard { retained, live };

/// A responder that is announced, for people.
struct KnownResponder {
  std::string id;
  std::vector<std::string> actions;
  bool is_here;
  Instant since;  // when it was heard of, or that it is gone
};

class Presence {
 public:
  /// Those of `actions` that had no announced responder before.
  std::vector<std::string> announced(std::string_view id, const std::vector<std::string>& actions,
                                     Heard heard = Heard::retained, Instant now = {},
                                     Correlates correlates = Correlates::perhaps);
  /// Its actions; none when it was not known to be there.
  std::vector<std::string> gone(std::string_view id, Instant now = {});
  /// A call was answered; `id` is empty when the answer did not name its responder. In MQTT 3.1.1
  /// none does: then it is taken for one that is announced, where there is any.
  void answered(std::string_view action, std::string_view id, Instant now);

  /// The broker forgot us, so a will may have been missed: who is not announced again by `until` is
  /// taken for gone. Not so where no retained announcement ever came: some brokers give
  /// none to a filter with a wildcard (RabbitMQ), and their silence says nothing.
  void session_lost(Instant until);
  /// The actions that are unserved by that.
  std::vector<std::string> expire(Instant now);
  std::optional<Instant> next_deadline() const { return doubtful_until_; }

  std::vector<std::string> unserved(Instant now) const;
  /// Responders were announced for the action, all of them are gone, and no other one answered
  /// lately.
  bool is_unserved(std::string_view action, Instant now) const;
  /// All that answer the action have announced it, and send Correlation Data back.
  bool is_correlated(std::string_view action) const;
  /// No responder ever announced the action or answered a call for it.
  bool is_unheard_of(std::string_view action) const;
  /// Those that are remembered, by id.
  std::vector<KnownResponder> known() const;
  std::size_t count_here() const;

 private:
  enum class State { here, doubtful, gone };
  struct Responder {
    State state;
    std::set<std::string, std::less<>> actions;
    Instant since;  // when it came to be here, or gone
    Correlates correlates = Correlates::perhaps;
  };

  std::vector<std::string> unserved_of(const Responder& responder, Instant now) const;
  void make_room();
  bool is_announced(std::string_view action) const;
  bool is_here(std::string_view action) const;

  std::map<std::string, Responder, std::less<>> responders_;
  /// When responders that are not in responders_ last answered, by action and id; "" for those that
  /// name none.
  std::map<std::string, std::map<std::string, Instant, std::less<>>, std::less<>> unannounced_;
  std::set<std::string, std::less<>> answered_;  // actions of which a call was answered
  std::optional<Instant> doubtful_until_;
  bool is_incomplete_ = false;   // there was no room for a responder
  bool hears_retained_ = false;  // the broker delivers announcements that were made before
};

}  // namespace mqtt_bridge
