// Where the MQTT library's threads leave what they heard from one connection, until the event loop
// takes it. The only lock there is between them.
//
// Threads: put() and times_full() any; the rest the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <asio/io_context.hpp>

#include "mqtt/events.hpp"

namespace mqtt_bridge {

class Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  /// `wake` is called on the loop once there is something, and again once there is after next() had
  /// nothing more.
  Inbox(asio::io_context& loop, std::function<void()> wake) : loop_(loop), wake_(std::move(wake)) {}

  /// A message for which there is no room is lost, and counted.
  void put(MqttEvent event);
  std::uint64_t times_full() const;

  std::optional<MqttEvent> next();
  /// Has `wake` called again if there is more that next() has seen: the loop has other things to
  /// do. Whether there is.
  bool go_on();
  /// What is in it, and what still comes, is of no interest any more.
  void close() { is_open_ = false; }

 private:
  void post();

  asio::io_context& loop_;
  const std::function<void()> wake_;
  bool is_open_ = true;            // the loop's
  std::deque<MqttEvent> taken_;    // the loop's
  mutable std::mutex mutex_;       // guards what follows
  std::vector<MqttEvent> events_;  // not taken yet
  std::size_t count_ = 0;          // of events, those in taken_ included
  std::size_t bytes_ = 0;          // the same
  std::uint64_t lost_ = 0;
};

}  // namespace mqtt_bridge
