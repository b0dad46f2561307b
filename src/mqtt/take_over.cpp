#include "mqtt/take_over.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// A connection that ends sooner is short. Clients that come back at once take that long.
constexpr auto shortest_absence = 100ms;
// After so many short ones nothing is sent on the next ones; so many of these mean a take-over.
constexpr int short_until_quiet = 3;
constexpr int idle_that_mean_take_over = 2;
// Most clients come back within that.
constexpr auto long_life = 10s;
constexpr int broken_that_are_a_hint = 5;
// So many sessions forgotten in a row mean a take-over, as long as no link lives longer than
// clients wait at most before they come back: two minutes, by the default of the Paho libraries.
constexpr int forgotten_that_mean_take_over = 4;
constexpr auto longest_absence = 120s;

}  // namespace

Duration TakeOverEvidence::quiet_time() const {
  return short_ >= short_until_quiet || is_known_ ? Duration(shortest_absence) : Duration(0);
}

TakeOverEvidence::Verdict TakeOverEvidence::connection_ended(bool was_idle) {
  ++short_;
  ++broken_;
  idle_ = was_idle ? idle_ + 1 : 0;
  return verdict();
}

void TakeOverEvidence::link_is_up(bool is_forgotten) {
  forgotten_ = is_forgotten ? forgotten_ + 1 : 0;
}

TakeOverEvidence::Verdict TakeOverEvidence::link_broke(Duration life) {
  idle_ = 0;
  short_ = life < shortest_absence ? short_ + 1 : 0;
  if (life >= long_life)
    is_known_ = false;
  ++broken_;
  if (life >= longest_absence)
    broken_ = forgotten_ = 0;
  return verdict();
}

TakeOverEvidence::Verdict TakeOverEvidence::verdict() {
  const int enough = is_known_ ? 1 : idle_that_mean_take_over;
  if (idle_ >= enough || forgotten_ >= forgotten_that_mean_take_over) {
    is_certain();
    return Verdict::taken_over;
  }
  const bool is_hint = short_ >= short_until_quiet || broken_ >= broken_that_are_a_hint;
  return is_hint ? Verdict::hint : Verdict::none;
}

void TakeOverEvidence::is_certain() {
  *this = TakeOverEvidence();
  is_known_ = true;
}

void TakeOverEvidence::forget() {
  *this = TakeOverEvidence();
}

bool TakeOverEvidence::is_suspected(Duration life) const {
  return life < longest_absence && (is_known_ || broken_ >= broken_that_are_a_hint);
}

}  // namespace mqtt_bridge
