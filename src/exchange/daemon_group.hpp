// The other daemons that serve the same NetIDs, as far as they say so: each of a group keeps a
// retained message at `mqtt-bridge/<group>/<client id>/status` that its will clears. It says
// whether the calls of that daemon take turns, and from which range the ids of its calls are.
//
// Each daemon says so when its link comes up, and knows the others once it hears itself: what they
// said before has come by then. Until that it is not settled, and publishes nothing else.
//  - Turns are taken by the one daemon that is told to. While another one says so, too, none takes
//    turns, nor for a while after that: answers to its requests may still come.
//  - Two daemons with the same range could use one id at the same time. Of two, the one that comes
//    later takes another range.
// Value; the owner serialises. It is bounded by limits::group_members; beyond that no turns are
// taken.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.hpp"

namespace mqtt_bridge {

/// What a daemon says of itself.
struct DaemonStatus {
  bool takes_turns = false;
  unsigned id_range = 0;  // below limits::id_ranges
  friend bool operator==(const DaemonStatus&, const DaemonStatus&) = default;
};

std::string daemon_status_message(const DaemonStatus& status);
/// Nothing when `payload` is none.
std::optional<DaemonStatus> parse_daemon_status(std::string_view payload);

class DaemonGroup {
 public:
  enum class Turns { are_of_another, are_taken };

  /// `turn_rest`: how long an answer to another daemon may come late.
  DaemonGroup(std::string name, std::string client_id, Turns turns, Duration turn_rest);

  const std::string& name() const { return name_; }
  /// Where this daemon says so, and where all do.
  std::string status_topic() const { return topic_of(client_id_); }
  std::string filter() const { return topic_of("+"); }

  // Facts.
  /// Subscribed to filter() by then; what was retained may have come before, or comes after.
  void link_up();
  void link_down(Instant now);
  /// Whether `topic` is one of a status. `is_retained`: it came because we subscribed.
  bool heard(std::string_view topic, std::string_view payload, bool is_retained, Instant now);

  // Decisions.
  /// What is to be retained at status_topic(), if that is due.
  std::optional<std::string> next_message();
  bool is_settled() const { return is_settled_; }
  /// Why calls do not take turns here, in words; nothing when they do.
  std::optional<std::string> why_no_turns(Instant now) const;
  /// When that changes although nothing is heard.
  std::optional<Instant> next_deadline(Instant now) const;
  unsigned id_range() const { return status_.id_range; }

  // What there is to see.
  bool takes_turns() const { return status_.takes_turns; }
  const std::map<std::string, DaemonStatus, std::less<>>& others() const { return others_; }

 private:
  std::string topic_of(std::string_view client_id) const;
  void heard_itself(std::string_view payload, bool is_retained);
  void heard_of(std::string_view client_id, std::string_view payload, Instant now);
  void take_another_range();
  bool is_range_taken() const;

  const std::string name_;
  const std::string client_id_;
  const Duration turn_rest_;
  DaemonStatus status_;
  std::map<std::string, DaemonStatus, std::less<>> others_;  // by client id
  std::optional<Instant> turns_of_another_;  // when one last took turns that is gone by now
  bool has_too_many_others_ = false;
  bool is_due_ = false;      // next_message()
  bool is_settled_ = false;  // on the present connection
};

}  // namespace mqtt_bridge
