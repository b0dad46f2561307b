// The topics on which responses of waiting calls come, where these are not simply looked up: those
// with levels that are not known before ('+'), those where errors come apart, and those on which we
// hear ourselves.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/call.hpp"
#include "exchange/topic_shapes.hpp"

namespace mqtt_bridge {

class ResponseTopics {
 public:
  void enter(const MqttRequest& request);
  void leave(const MqttRequest& request);

  /// `topic` with '+' in place of levels, in each way in which a call waits for some.
  std::vector<std::string> masked(std::string_view topic) const { return shapes_.masked(topic); }
  /// The response topic of calls whose errors come on `topic`; empty where there are none.
  std::string_view of_errors(std::string_view topic) const;

  /// It was published, and the broker gives us what we publish ourselves, within
  /// limits::memory_age, perhaps once its call has ended.
  void echo_expected(const MqttRequest& request, Instant now);
  /// Whether this is such a message; each comes once.
  bool is_echo(std::string_view topic, std::string_view payload, Instant now);

  bool empty() const { return shapes_.empty() && errors_.empty() && echoes_.empty(); }

 private:
  struct Errors {
    std::string response_topic;
    std::size_t calls;
  };
  struct Echo {
    Instant published;
    std::size_t payload;  // hashed
    friend bool operator==(const Echo&, const Echo&) = default;
  };
  struct Echoes {
    std::size_t calls;
    std::deque<Echo> expected;  // the oldest first, at most limits::turn_answers
  };
  void leave_echoes(const std::string& topic);

  TopicShapes shapes_;
  std::map<std::string, Errors, std::less<>> errors_;  // by error topic
  std::map<std::string, Echoes, std::less<>> echoes_;  // by topic
  std::deque<std::string>
      without_calls_;  // of these; the oldest first, limits::idle_topics at most
};

}  // namespace mqtt_bridge
