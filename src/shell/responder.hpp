// The service at the other end: answers each request for an action with the transformed text, on
// the event loop. See core/transform.hpp for what the actions do.
//
// Threads: everything on the loop's thread.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include <asio/io_context.hpp>

#include "shell/mqtt_link.hpp"

namespace mqtt_bridge {

class Responder : private MqttLink::User {
 public:
  /// `share`: the group of a shared subscription (MQTT 5.0 4.8.2); empty: not shared.
  /// `id`: what MQTT 5 answers name as their responder. The filters of `link` are made here.
  Responder(asio::io_context& loop, MqttLinkOptions link, const std::string& share, std::string id);

  void start() { link_.start(); }
  void stop() { link_.stop(); }

 private:
  struct Answer {
    std::string topic;
    std::string payload;
    std::string correlation;
    std::vector<std::pair<std::string, std::string>> user_properties;
  };

  void on_link_up(const LinkUp& link) override;
  void on_link_down() override {}
  void on_message(const MqttMessage& message) override;
  void on_acknowledged(std::uint64_t id) override { unacknowledged_.erase(id); }
  void on_refused(std::uint64_t id, const std::string& why) override;
  void on_batch_end() override { publish(); }

  void queue(Answer answer);
  void publish();

  const std::string id_;
  std::deque<Answer> queue_;
  std::unordered_map<std::uint64_t, Answer> unacknowledged_;
  std::uint64_t last_publish_ = 0;
  std::size_t window_ = 1;
  MqttLink link_;
};

}  // namespace mqtt_bridge
