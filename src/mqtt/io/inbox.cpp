#include "mqtt/io/inbox.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include <asio/post.hpp>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

std::size_t bytes_of(const MqttEvent& event) {
  const auto* const arrived = std::get_if<mqtt_event::Arrived>(&event);
  if (arrived == nullptr)
    return 0;
  const MqttMessage& message = arrived->message;
  std::size_t bytes = message.topic.size() + message.payload.size();
  for (const auto* property : {&message.response_topic, &message.correlation, &message.status,
                               &message.error, &message.responder})
    bytes += property->has_value() ? (*property)->size() : 0;
  return bytes;
}

}  // namespace

void Inbox::put(MqttEvent event) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t size = bytes_of(event);
    // Messages come faster than the loop can handle them; a lost answer is a call that times out.
    if (std::holds_alternative<mqtt_event::Arrived>(event) &&
        (count_ >= limits::inbox_events || bytes_ + size > limits::inbox_bytes)) {
      ++lost_;
      return;
    }
    was_empty = events_.empty();
    ++count_;
    bytes_ += size;
    events_.push_back(std::move(event));
  }
  if (was_empty)
    post();
}

void Inbox::post() {
  asio::post(loop_, [self = shared_from_this()] {
    if (self->is_open_)
      self->wake_();
  });
}

std::optional<MqttEvent> Inbox::next() {
  if (!is_open_)
    return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (taken_.empty()) {
    std::move(events_.begin(), events_.end(), std::back_inserter(taken_));
    events_.clear();
  }
  if (taken_.empty())
    return std::nullopt;
  std::optional<MqttEvent> event = std::move(taken_.front());
  taken_.pop_front();
  --count_;
  bytes_ -= bytes_of(*event);
  return event;
}

bool Inbox::go_on() {
  const bool is_more = is_open_ && !taken_.empty();
  if (is_more)
    post();
  return is_more;
}

std::uint64_t Inbox::times_full() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace mqtt_bridge
