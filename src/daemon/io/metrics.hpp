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

  /// `outcome`: "ok" or a problem's slug. `took`: nothing for a call that was never admitted.
  /// `route`: its path, as it is configured; empty: /transform's.
  void call_ended(std::string_view route, std::string_view outcome, std::optional<Duration> took);
  void answered(MatchedBy rule);
  /// A request that never became a call: what `problem` it got.
  void refused(Problem problem);
  void linked();

  /// What is now; counters of the others are totals since the start.
  struct Snapshot {
    bool linked;
    std::size_t in_flight;
    std::size_t queued;
    std::size_t connections;
    std::size_t output_bytes;
    std::uint64_t unread_timed_out;
    std::uint64_t unread_made_room;
    std::array<std::uint64_t, dropped_reasons> dropped;
    LostMessages lost;
    std::size_t missing_workarounds;
  };
  /// Prometheus's text format 0.0.4.
  std::string exposition(const Snapshot& now);
  std::uint64_t times_linked() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace mqtt_bridge
