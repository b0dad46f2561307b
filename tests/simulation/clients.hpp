// The clients of the simulated broker that are not a bridge: responders good and bad, strangers on
// the same topics, and one that has the client id of a bridge.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exchange/presence.hpp"
#include "exchange/topic.hpp"
#include "mqtt/link_options.hpp"
#include "simulation/answerer.hpp"
#include "simulation/answers.hpp"
#include "simulation/broker.hpp"
#include "simulation/peer.hpp"

namespace mqtt_bridge::simulation {

/// A service, from ours to the worst of its kind.
class Responder : public Answerer {
 public:
  struct Character {
    bool is_v5;      // sends correlation data back, and its name
    bool announces;  // its presence
    bool is_clean;   // its session ends with its connection
    Letters letters;
    std::uint32_t never = 0, twice = 0, late = 0, fails = 0;  // percent of the requests
  };

  Responder(Schedule& schedule, Broker& broker, std::string id, std::vector<std::string> actions,
            Character character)
      : Answerer(schedule, broker, options_for(std::move(id), actions, character), character.late),
        actions_(std::move(actions)),
        character_(character) {}

  std::set<std::string> failed;  // correlation data of requests that it gave an error for

 private:
  static MqttLinkOptions options_for(std::string id, const std::vector<std::string>& actions,
                                     const Character& character) {
    std::vector<std::string> filters;
    for (const auto& action : actions)
      filters.push_back(request_topic("+", action));
    const std::string topic = status_topic(id);
    auto options = link_options(std::move(id), filters, character.is_clean ? 0s : 3600s);
    if (character.announces)
      options.will = MqttWill{.topic = topic, .payload = "", .retained = true};
    return options;
  }

  void up(bool session_present) override {
    if (character_.announces) {
      send(0,
           {.topic = status_topic(id_), .payload = birth_message(id_, actions_), .retained = true});
    }
    Answerer::up(session_present);
  }

  void arrived(const Message& request) override {
    const auto topic = parse_request_topic(request.topic);
    if (!topic || request.retained || schedule_.chance(character_.never))
      return;
    const std::string action(topic->action);
    Message answer{.topic = response_topic(topic->netid, action),
                   .payload = answer_of(action, request.payload, character_.letters, schedule_)};
    if (character_.is_v5) {
      answer.correlation = request.correlation;
      answer.responder = id_;
      if (request.response_topic)
        answer.topic = *request.response_topic;
      if (request.correlation && schedule_.chance(character_.fails)) {
        failed.insert(*request.correlation);
        answer.status = "422";
      }
    }
    if (action == own_action && !answer.correlation) {
      if (!request.duplicate)
        give(answer, Care::once);
      return;
    }
    give(answer, Care::at_least_once);
    if (schedule_.chance(character_.twice))
      give(answer, Care::at_least_once);
  }

  const std::vector<std::string> actions_;
  const Character character_;
};

/// Another client on our topics: it asks too, and it says things that nobody asked for.
class OtherClient : public Peer<> {
 public:
  OtherClient(Schedule& schedule, Broker& broker, std::string id)
      : Peer(schedule, broker, link_options(std::move(id), {"x"}, 3600s)) {}

  void request(const std::string& netid, std::string_view action, const std::string& payload) {
    if (is_up())
      send(0, {.topic = request_topic(netid, action), .payload = payload});
  }
  void say(Message message) {
    if (is_up())
      send(0, std::move(message));
  }

 private:
  void up(bool) override {}
};

/// Another client with the client id of a bridge: it comes back at once, again and again.
class Twin : private Broker::Client {
 public:
  Twin(Schedule& schedule, Broker& broker, std::string id)
      : schedule_(schedule), broker_(broker), id_(std::move(id)) {}

  void start(Duration time) {
    end_ = schedule_.now() + time;
    connect();
  }

 private:
  void connect() {
    if (broker_.is_up() && schedule_.now() < end_)
      broker_.connect(*this, id_, 0, true, Broker::Keep::nothing);
  }
  void on_connected(bool) override {}
  void on_not_connected(ConnectFailure) override {}
  void on_subscribed(std::uint64_t, int) override {}
  void on_acknowledged(std::uint64_t, Subscribers) override {}
  void on_message(const Message&) override {}
  void on_lost(LinkLoss) override {
    schedule_.after(schedule_.up_to(20ms), [this] { connect(); });
  }

  Schedule& schedule_;
  Broker& broker_;
  const std::string id_;
  Instant end_{};
};

}  // namespace mqtt_bridge::simulation
