// A client of the simulated broker that gives answers, some of them late, and sends those again
// that a lost connection may have taken with it.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "mqtt/link_options.hpp"
#include "simulation/broker.hpp"
#include "simulation/peer.hpp"

namespace mqtt_bridge::simulation {

class Answerer : public Peer<> {
 protected:
  /// `late`: how many of its answers are so, in percent.
  Answerer(Schedule& schedule, Broker& broker, MqttLinkOptions options, std::uint32_t late)
      : Peer(schedule, broker, std::move(options)), late_(late) {}

  /// Where turns are taken, an answer that carries no correlation data must not come twice.
  enum class Care { once, at_least_once };
  void give(const Message& answer, Care care) {
    const auto delay = schedule_.chance(late_) ? schedule_.up_to(5s) : schedule_.up_to(5ms);
    schedule_.after(delay, [this, answer, care] {
      if (!is_running())
        return;
      const std::uint64_t number = ++last_;
      if (care == Care::at_least_once)
        unacknowledged_[number] = answer;
      if (is_up())
        send(number, answer);
    });
  }

  void up(bool) override {
    for (auto& [number, answer] : unacknowledged_)
      send(number, answer);
  }

 private:
  bool begins_anew(const link_command::Connect&) const override { return false; }
  void acknowledged(std::uint64_t number, Subscribers) override { unacknowledged_.erase(number); }

  const std::uint32_t late_;
  std::map<std::uint64_t, Message> unacknowledged_;
  std::uint64_t last_ = 0;
};

}  // namespace mqtt_bridge::simulation
