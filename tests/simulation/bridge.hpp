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

#include "base/limits/exchange.hpp"
#include "exchange/driver.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "mqtt/link_options.hpp"
#include "route/route_request.hpp"
#include "simulation/answers.hpp"
#include "simulation/broker.hpp"
#include "simulation/peer.hpp"
#include "simulation/services.hpp"

namespace mqtt_bridge::simulation {

/// One call, as its caller sees it, and what is known of its request.
struct Asked {
  std::string name;     // of the action, or of the service
  std::string payload;  // or the text
  std::string correlation;
  Instant deadline;
  const Service* service = nullptr;  // of a route
  std::string response_topic = {};
  std::vector<std::string> filters = {};  // on which its answers come
  bool is_idempotent = false;
  bool is_out = false;  // published, and not ended
  bool is_acknowledged = false;
  std::optional<Instant> ended = {};
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
    begin_run({});  // no earlier run left anything behind
  }

  /// As kill -9 does, and starts it again. Whoever waited for an answer learns that it is gone.
  void restart() {
    this->kill();
    for (const auto& [exchange, call] : std::exchange(by_exchange_, {}))
      calls[call].outcome = Failure{Problem::shutting_down, "it was killed", {}};
    begin_run({.doubt = limits::memory_age, .turns = turns_});
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
    Asked asked{.name = std::string(action),
                .payload = payload,
                .correlation = id_ + " " + std::to_string(calls.size()),
                .deadline = schedule_.now() + timeout};
    auto request = transform_request({.netid = netid,
                                      .action = std::string(action),
                                      .payload = payload,
                                      .correlation = asked.correlation,
                                      .arrived = schedule_.now(),
                                      .deadline = asked.deadline});
    begin(std::move(asked), std::move(request));
  }

  void call(const Service& service, const std::string& text, Duration timeout) {
    Asked asked{.name = service.name(),
                .payload = text,
                .correlation = id_ + " " + std::to_string(calls.size()),
                .deadline = schedule_.now() + timeout,
                .service = &service};
    const std::string device = service.device_of(id_);
    auto made =
        mqtt_request({.route = service.route,
                      .values = device.empty() ? PathValues{} : PathValues{{"device", device}},
                      .payload = service.request_of(text),
                      .arrived = schedule_.now(),
                      .deadline = asked.deadline,
                      .correlation = asked.correlation,
                      .id = std::to_string(first_id_ + ++ids_[service.id_space()]),
                      .client = id_});
    begin(std::move(asked), std::get<MqttRequest>(std::move(made)));
  }

  std::unique_ptr<Table> table;
  std::deque<Asked> calls;
  std::vector<std::string> faults;

 private:
  void begin(Asked asked, MqttRequest request) {
    asked.response_topic = request.response_topic;
    asked.is_idempotent = request.is_idempotent;
    for (const CallFilter& each : request.filters)
      asked.filters.push_back(each.filter);
    schedule_.note(id_, " is called: ", asked.name, " '", request.payload, "', correlation '",
                   asked.correlation, "'");
    const auto admitted = table->begin(std::move(request));
    if (const auto* failure = std::get_if<Failure>(&admitted)) {
      schedule_.note(id_, " refuses it: ", failure->detail);
      asked.outcome = *failure;
    } else {
      by_exchange_[std::get<ExchangeId>(admitted)] = calls.size();
    }
    calls.push_back(std::move(asked));
    act();
  }

  void begin_run(const EarlierRun& earlier) {
    // The daemon counts from a random number on, so that ids of two bridges, and of two runs, are
    // not the same at the same time.
    ids_.clear();
    first_id_ = static_cast<std::uint64_t>(id_.back()) * 1'000'000 + ++runs_ * 10'000;
    table = std::make_unique<Table>(
        schedule_.now(),
        Exchanges::Bounds{
            .in_flight = 24, .queued = 64, .per_netid = 64, .bytes = 4096, .window = 4},
        earlier);
  }

  void up(bool session_present) override {
    const bool is_v5 = this->version() == MqttVersion::v5;
    table->link_up({.session_present = session_present,
                    .window = 3,
                    .may_tell_subscribers = is_v5,
                    .has_no_local = is_v5},
                   schedule_.now());
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
    if (const auto call = by_exchange_.find(exchange); call != by_exchange_.end())
      calls[call->second].is_acknowledged |= subscribers == Subscribers::perhaps;
    if (subscribers == Subscribers::none)
      schedule_.note(id_, " learns that a request has no subscriber");
    table->acknowledged(exchange, subscribers, schedule_.now());
    act();
  }
  void arrived(const Message& message) override {
    schedule_.note(id_, " gets ", message.topic, " '", message.payload, "'",
                   message.correlation ? ", correlation '" + *message.correlation + "'" : "",
                   message.retained ? ", retained" : "", message.duplicate ? ", once more" : "");
    watch_turns(message);
    deliver(*table, message, schedule_.now());
    act();
  }
  void subscribed(const std::string& filter, bool is_granted) override {
    schedule_.note(id_, is_granted ? " has " : " is refused ", filter);
    table->subscribed(filter, is_granted ? Exchanges::Granted::yes : Exchanges::Granted::no,
                      schedule_.now());
    schedule_.after(0ms, [this] { act(); });  // not within what the link does
  }

  void act() {
    if (const auto next = pump(*table, *this, schedule_.now()))
      schedule_.at(*next, [this] { act(); });
    check_flights();
  }

  void check_flights() {
    std::map<const Service*, std::size_t> flights;
    for (const auto& [exchange, call] : by_exchange_) {
      const Asked& asked = calls[call];
      if (asked.service != nullptr && asked.is_out &&
          ++flights[asked.service] > asked.service->route->most_in_flight) {
        faults.push_back("too many are in flight of " + asked.name);
      }
    }
  }

  /// The condition under which turns give no wrong answer: what comes without correlation data for
  /// a call that has ended comes within the rest of its route. Where it does not, anything may
  /// follow.
  void watch_turns(const Message& message) {
    if (message.correlation)
      return;
    const bool is_too_late = std::any_of(calls.begin(), calls.end(), [&](const Asked& asked) {
      return asked.service != nullptr && asked.service->takes_turns() && asked.ended &&
             asked.response_topic == message.topic &&
             schedule_.now() - *asked.ended >= *asked.service->route->turn_rest &&
             asked.service->is_right(asked.payload, message.payload);
    });
    if (is_too_late)
      out_of_turn_.insert(message.topic);
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
      return asked.response_topic == filter ||
             std::ranges::find(asked.filters, filter) != asked.filters.end();
    });
  }
  void change(const CallFilters::Change& change) override {
    if (!this->is_running())
      return;
    if (change.is_wanted)
      this->add(change.filter.filter, change.filter.no_local ? Echo::none : Echo::sent);
    else
      this->remove(change.filter.filter);
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
    Asked& asked = calls[by_exchange_.at(request.id)];
    asked.is_out = true;
    for (const auto& filter : asked.filters) {
      if (!this->is_granted(filter))
        faults.push_back("published without a subscription to " + filter);
    }
    Message message{.topic = request.topic, .payload = std::string(request.payload)};
    if (this->version() == MqttVersion::v5) {
      message.correlation = request.correlation;
      if (!request.response_topic.empty())
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
    if (answer != nullptr && !is_right_for(asked, *answer)) {
      faults.push_back("wrong answer '" + answer->payload + "' to " + asked.name + " '" +
                       asked.payload + "'");
    }
    if (const auto* failure = std::get_if<Failure>(&ended.outcome);
        failure != nullptr && asked.service != nullptr &&
        failure->problem == Problem::responder_error &&
        failure->detail.find("no " + asked.payload + " (") != 0) {
      faults.push_back("wrong error '" + failure->detail + "' to " + asked.name + " '" +
                       asked.payload + "'");
    }
    if (answer != nullptr && asked.service != nullptr && asked.service->is_one_way() &&
        !asked.is_acknowledged) {
      faults.push_back("accepted, though the broker acknowledged nothing: " + asked.payload);
    }
    asked.is_out = false;
    asked.ended = schedule_.now();
    asked.outcome = std::move(ended.outcome);
  }

  bool is_right_for(const Asked& asked, const Answer& answer) const {
    if (asked.service == nullptr)
      return is_right(asked.name, asked.payload, answer.payload);
    return asked.service->is_right(asked.payload, answer.payload) ||
           (answer.matched_by == MatchedBy::turn && out_of_turn_.contains(asked.response_topic));
  }

  const TopicFilters guest_;
  bool has_guest_ = true;
  std::map<ExchangeId, std::size_t> by_exchange_;
  std::set<std::string> turns_;        // response topics, as they are kept over a restart
  std::set<std::string> out_of_turn_;  // those on which an answer came too late
  std::map<std::string, std::uint64_t> ids_;
  std::uint64_t first_id_ = 0;
  std::uint64_t runs_ = 0;
};

}  // namespace mqtt_bridge::simulation
