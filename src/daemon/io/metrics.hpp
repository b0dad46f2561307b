// What the daemon counts, for Prometheus: the one place that knows its client library.
//
// Threads: the owner serialises.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/instant.hpp"
#include "exchange/exchanges.hpp"
#include "mqtt/io/link.hpp"

namespace mqtt_bridge {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// A call has ended. `outcome`: "ok" or a problem's slug. `route`: its path, as it is configured;
  /// empty: that of an `action`.
  void call_ended(std::string_view route, std::string_view action, std::string_view outcome);
  /// How long its parts took, where it was admitted.
  void call_took(const Ended& ended);
  void answered(MatchedBy rule);
  /// A request that is no call: what `problem` it got.
  void refused(Problem problem);
  /// Whether a call can end so. What is refused before it is one never counts as a call.
  static bool is_outcome(Problem problem);
  void linked();
  /// An answer was sent to its callback, or could not be.
  void called_back(bool is_taken);
  /// The configuration was read. `at`: seconds since 1970.
  void reloaded(bool is_taken, double at);

  /// What is now; counters of the others are totals since the start.
  struct Snapshot {
    bool linked;
    std::size_t in_flight;
    std::size_t queued;
    std::size_t connections;
    std::size_t output_bytes;
    std::size_t responders;
    std::size_t later_waiting;
    std::size_t later_kept;
    std::size_t later_kept_bytes;
    std::uint64_t unread_timed_out;
    std::uint64_t unread_made_room;
    std::array<std::uint64_t, dropped_reasons> dropped;
    LostMessages lost;
    std::size_t missing_workarounds;
    // How many of these there may be.
    std::size_t most_in_flight;
    std::size_t most_queued;
    std::size_t most_connections;
    std::size_t most_later_waiting;
    std::size_t most_later_kept;
    std::size_t most_later_kept_bytes;
  };
  /// Prometheus's text format 0.0.4, sorted by name and labels.
  std::string exposition(const Snapshot& now);
  std::uint64_t times_linked() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace mqtt_bridge
