// A bridge in the simulation: the real table of exchanges and the real state of the link, and what
// its callers see. `Table` is Exchanges, `Link` is LinkState, or one that breaks a rule on purpose.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "exchange/driver.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "mqtt/link_options.hpp"
#include "simulation/answers.hpp"
#include "simulation/broker.hpp"
#include "simulation/peer.hpp"

namespace mqtt_bridge::simulation {

/// One call, as its caller sees it.
struct Asked {
  std::string netid;
  std::string action;
  std::string payload;
  std::string correlation;
  Instant deadline;
  std::optional<std::variant<Answer, Failure>> outcome = {};
};

/// What mqtt_bridged is, without its sockets.
template <typename Table, typename Link>
class Bridge : public Peer<Link>, private ExchangeHost {
  using Base = Peer<Link>;
  using Base::broker_, Base::schedule_, Base::id_, Base::options_;

 public:
  Bridge(Schedule& schedule, Broker& broker, MqttLinkOptions options, TopicFilters guest)
      : Base(schedule, broker, std::move(options)), guest_(std::move(guest)) {
    begin({});  // no earlier run left anything behind
  }

  /// As kill -9 does, and starts it again. Whoever waited for an answer learns that it is gone.
  void restart() {
    this->kill();
    for (const auto& [exchange, call] : std::exchange(by_exchange_, {}))
      calls[call].outcome = Failure{Problem::shutting_down, "it was killed", {}};
    begin({.doubt = limits::memory_age, .turns = turns_});
    this->start();
  }

  /// Without the NetID that is a guest, or with it again; what is under way for it goes on.
  void reload() {
    has_guest_ = !has_guest_;
    schedule_.note(id_, has_guest_ ? " takes its guest" : " has no guest any more");
    auto options = options_;
    options.filters = has_guest_ ? options.filters : options.filters.without(guest_);
    if (has_guest_)
      options.filters.append(guest_);
    this->reconfigure(std::move(options));
    act();
  }
  bool has_guest() const { return has_guest_; }
  void renew() {
    schedule_.note(id_, " gets another password");
    auto options = options_;
    options.password = options.password.value_or("") + "x";
    this->reconfigure(std::move(options));
    act();
  }

  void call(const std::string& netid, std::string_view action, const std::string& payload,
            Duration timeout) {
    const std::string correlation = id_ + " " + std::to_string(calls.size());
    Asked asked{.netid = netid,
                .action = std::string(action),
                .payload = action == keyed_by_id ? body_of(payload, correlation) : payload,
                .correlation = correlation,
                .deadline = schedule_.now() + timeout};
    const auto admitted = table->begin(keyed(transform_request({.netid = netid,
                                                                .action = asked.action,
                                                                .payload = payload,
                                                                .correlation = asked.correlation,
                                                                .arrived = schedule_.now(),
                                                                .deadline = asked.deadline})));
    if (const auto* failure = std::get_if<Failure>(&admitted)) {
      asked.outcome = *failure;
    } else {
      by_exchange_[std::get<ExchangeId>(admitted)] = calls.size();
    }
    schedule_.note(id_, " is called: ", netid, "/", action, " '", payload, "', correlation '",
                   asked.correlation, "'", asked.outcome ? ", and refuses" : "");
    calls.push_back(std::move(asked));
    act();
  }

  std::unique_ptr<Table> table;
  std::deque<Asked> calls;
  std::vector<std::string> faults;

 private:
  /// With the key that its action has; its correlation data, which no other call has, is the id.
  static MqttRequest keyed(MqttRequest request) {
    if (request.presence_key == keyed_by_topic) {
      request.matching = MatchByTopic{};
      request.is_idempotent = true;
      request.request_topic += "/" + request.correlation;
      request.response_topic += "/" + request.correlation;
    } else if (request.presence_key == keyed_by_id) {
      request.matching = MatchById{.pointer = "/re/id", .id = request.correlation};
      request.payload = body_of(request.payload, request.correlation);
    }
    return request;
  }
  static std::string body_of(const std::string& text, const std::string& id) {
    return R"({"id":")" + id + R"(","text":")" + text + R"("})";
  }

  void begin(const EarlierRun& earlier) {
    table = std::make_unique<Table>(
        schedule_.now(),
        Exchanges::Bounds{
            .in_flight = 24, .queued = 64, .per_netid = 64, .bytes = 4096, .window = 4},
        earlier);
  }

  void up(bool session_present) override {
    table->link_up({.session_present = session_present, .window = 3}, schedule_.now());
    act();
  }
  void failed() override { table->link_down("there is no broker", schedule_.now()); }
  void down() override {
    table->link_down("the connection broke", schedule_.now(), this->how_it_ended());
    act();
  }
  void acknowledged(std::uint64_t exchange, Subscribers subscribers) override {
    if (this->version() != MqttVersion::v5)
      subscribers = Subscribers::perhaps;
    if (subscribers == Subscribers::none)
      schedule_.note(id_, " learns that a request has no subscriber");
    table->acknowledged(exchange, subscribers, schedule_.now());
    act();
  }
  void arrived(const Message& message) override {
    schedule_.note(id_, " gets ", message.topic, " '", message.payload, "'",
                   message.correlation ? ", correlation '" + *message.correlation + "'" : "",
                   message.retained ? ", retained" : "", message.duplicate ? ", once more" : "");
    deliver(*table, message, schedule_.now());
    act();
  }

  void act() {
    if (const auto next = pump(*table, *this, schedule_.now()))
      schedule_.at(*next, [this] { act(); });
  }

  bool is_linked() const override { return this->is_up(); }
  void expect_answers(bool expected) override {
    if (this->is_running())
      this->expect(expected);
  }
  bool risks_link() const override { return table->is_on_trial(); }
  bool is_answer_expected_on(const std::string& filter) const override {
    return std::any_of(by_exchange_.begin(), by_exchange_.end(), [&](const auto& each) {
      const Asked& asked = calls[each.second];
      return response_topic(asked.netid, asked.action) == filter;
    });
  }
  void keep(const TurnNote& note) override {
    if (note.takes_turns)
      turns_.insert(note.topic);
    else
      turns_.erase(note.topic);
  }
  void publish(const MqttPublish& request) override {
    if (*request.expiry <= 0ns)
      faults.push_back("published at or after its deadline: " + std::string(request.payload));
    schedule_.note(id_, " publishes '", request.payload, "', correlation '", request.correlation,
                   "'");
    Message message{.topic = request.topic, .payload = std::string(request.payload)};
    if (this->version() == MqttVersion::v5) {
      message.correlation = request.correlation;
      message.response_topic = request.response_topic;
    }
    this->send(request.id, std::move(message));
  }

  void answer(Ended ended) override {
    const auto found = by_exchange_.find(ended.exchange);
    if (found == by_exchange_.end())
      return faults.push_back("an exchange ended that nobody began, or for the second time");
    Asked& asked = calls[found->second];
    by_exchange_.erase(found);
    const auto* answer = std::get_if<Answer>(&ended.outcome);
    schedule_.note(
        id_, " answers '", asked.correlation, "': ",
        answer != nullptr
            ? "'" + answer->payload + "' by " + std::string(to_string(answer->matched_by))
            : std::string(describe(std::get<Failure>(ended.outcome).problem).slug));
    if (answer != nullptr && !is_right(asked.action, asked.payload, answer->payload)) {
      faults.push_back("wrong answer '" + answer->payload + "' to " + asked.action + " '" +
                       asked.payload + "'");
    }
    asked.outcome = std::move(ended.outcome);
  }

  const TopicFilters guest_;
  bool has_guest_ = true;
  std::map<ExchangeId, std::size_t> by_exchange_;
  std::set<std::string> turns_;  // response topics, as they are kept over a restart
};

}  // namespace mqtt_bridge::simulation
