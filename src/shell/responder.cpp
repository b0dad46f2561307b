#include "shell/responder.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "core/limits.hpp"
#include "core/topic.hpp"
#include "core/transform.hpp"
#include "core/utf8.hpp"
#include "shell/random.hpp"

namespace mqtt_bridge {
namespace {

MqttLinkOptions with_filters(MqttLinkOptions link, const std::string& share) {
  // One filter for each action, so that the broker can tell that nobody serves another one.
  for (const Action action : all_actions) {
    const std::string filter = request_topic("+", action);
    link.filters.push_back(share.empty() ? filter : "$share/" + share + "/" + filter);
  }
  return link;
}

}  // namespace

Responder::Responder(asio::io_context& loop, MqttLinkOptions link, const std::string& share,
                     std::string id)
    : id_(std::move(id)), link_(loop, with_filters(std::move(link), share), *this) {}

void Responder::on_link_up(const LinkUp& link) {
  window_ = std::clamp<std::size_t>(link.window, 1, limits::publish_window);
  for (auto& [id, answer] : unacknowledged_)
    queue_.push_front(std::move(answer));
  unacknowledged_.clear();
  spdlog::info("ready");
}

void Responder::on_message(const MqttMessage& message) {
  const auto topic = parse_request_topic(message.topic);
  if (!topic || message.retained)
    return;
  const bool has_response_topic = message.response_topic && is_topic_name(*message.response_topic);
  Answer answer{.topic = has_response_topic ? *message.response_topic
                                            : response_topic(topic->netid, topic->action),
                .payload = {},
                .correlation = message.correlation.value_or(""),
                .user_properties = {{"responder", id_}}};
  if (is_utf8(message.payload)) {
    answer.payload = transform(topic->action, message.payload, random_below);
    return queue(std::move(answer));
  }
  spdlog::warn("a request on {} is not UTF-8 text", message.topic);
  // Without correlation data an error answer would be taken for an answer.
  if (!message.correlation)
    return;
  answer.user_properties.emplace_back("status", "400");
  answer.user_properties.emplace_back("error", "the request is not UTF-8 text");
  queue(std::move(answer));
}

void Responder::queue(Answer answer) {
  if (queue_.size() >= limits::responder_queue) {
    spdlog::warn("the broker takes no answers; dropped the oldest, for {}", queue_.front().topic);
    queue_.pop_front();
  }
  queue_.push_back(std::move(answer));
}

void Responder::publish() {
  while (link_.is_up() && !queue_.empty() && unacknowledged_.size() < window_) {
    const std::uint64_t id = ++last_publish_;
    const Answer& answer = unacknowledged_[id] = std::move(queue_.front());
    queue_.pop_front();
    link_.publish({.id = id,
                   .topic = answer.topic,
                   .payload = answer.payload,
                   .response_topic = {},
                   .correlation = answer.correlation,
                   .expiry = {},
                   .user_properties = answer.user_properties,
                   .retained = false});
  }
}

void Responder::on_refused(std::uint64_t id, const std::string& why) {
  spdlog::warn("an answer was not taken: {}", why);
  unacknowledged_.erase(id);
}

}  // namespace mqtt_bridge
