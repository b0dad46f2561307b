// What a link subscribes to: which SUBSCRIBE and UNSUBSCRIBE is to be sent next, and which filters
// the broker refused. Filters that are no longer wanted are left once no answer can come there any
// more. It is told what the broker answered; it sends nothing.
//
// What each function costs follows what happens, not how many filters there are; but connected()
// and set(), which go through the first levels of all of them.
// Value; the owner serialises.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/instant.hpp"
#include "mqtt/message.hpp"
#include "mqtt/topic_filters.hpp"

namespace mqtt_bridge {

class Subscriptions {
 public:
  /// How many SUBSCRIBE packets are on their way at once: for each the library looks through all.
  static constexpr std::size_t asked_at_once = 64;

  /// `optional`: those that the link does without.
  Subscriptions(TopicFilters filters, TopicFilters optional);

  /// Others. Those that are not among them are kept until `until` at most, while answers are
  /// expected.
  void set(TopicFilters filters, TopicFilters optional, Instant until);

  /// One more, besides those of set(), which is asked for without retained messages, and on each
  /// connection again. It is wanted until remove(), also where the broker refuses it.
  void add(const std::string& filter, Echo echo);
  /// Whether it is to be unsubscribed from.
  bool remove(const std::string& filter);

  /// There is a connection, on which nothing is subscribed to yet.
  void connected();
  void disconnected();

  struct Asking {
    std::uint64_t id;
    const std::string& filter;  // until the SUBACK has come
    bool is_probe;              // of a filter that we have
    bool is_added;              // by add()
    Echo echo;
  };
  /// What to subscribe to next; nothing while nothing is to, or too many are on their way.
  std::optional<Asking> next_subscribe(Instant now);
  /// The SUBACK has come. False when nothing was asked with this id.
  bool answered(std::uint64_t id, int reason_code);
  struct Answer {
    std::string filter;
    bool is_granted;
  };
  /// What was answered to filters of add().
  std::optional<Answer> next_answer_to_added();
  /// Whether all was answered.
  bool is_settled() const { return to_ask_.empty() && to_ask_again_.empty() && asked_.empty(); }
  /// Those that were asked and not answered.
  const std::map<std::uint64_t, std::string>& asked() const { return asked_; }
  /// When the last of these was asked.
  Instant asked_at() const { return asked_at_; }

  /// A filter that we have, once more: the broker has to answer.
  void probe();

  /// What to unsubscribe from; nothing when nothing is to be left now.
  std::optional<std::string> next_unsubscribe(bool expects_answers, Instant now);
  bool has_leaving() const { return !leaving_.empty(); }

  /// Those that are wanted, and refused.
  const std::set<std::string>& refused() const { return refused_; }
  /// Whether these have changed since this was last asked.
  bool refused_have_changed() { return std::exchange(refused_changed_, false); }
  /// Asks for some of them again, and for all when the broker grants any: it may learn to.
  void ask_refused_again();
  /// What the broker refused for the first time.
  std::optional<std::string> next_refusal();

 private:
  bool is_leaving(const std::string& filter) const;
  void forget_refused_that_are_not_wanted();
  void was_granted(const std::string& filter);
  void was_refused(const std::string& filter);

  TopicFilters filters_;                          // in the order in which they are asked for
  TopicFilters optional_;                         // few
  std::multimap<Instant, TopicFilters> leaving_;  // none of filters_, and until when they are kept
  std::unordered_map<std::string, Echo> added_;
  std::deque<Answer> answers_to_added_;
  bool is_connected_ = false;
  bool probes_ = false;  // with what is asked next

  std::deque<std::string> to_ask_again_;  // few, and before the others
  TopicFilters to_ask_;
  std::map<std::uint64_t, std::string> asked_;
  std::uint64_t last_asked_ = 0;
  Instant asked_at_{};

  std::set<std::string> refused_;
  bool refused_changed_ = false;
  std::deque<std::string> refusals_;  // not told yet
  std::string asked_again_;           // of the refused ones, the last that was
  bool grants_again_ = false;         // one of these was granted
};

}  // namespace mqtt_bridge
