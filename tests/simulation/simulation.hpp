// The whole system in one process and in virtual time: bridges (the real table of exchanges and the
// real state of the link), their callers, responders good and bad, strangers on the same topics,
// and one broker with its sessions. A seed decides everything that happens, so that a seed that
// fails fails again, with a trace. After every step the world checks what must always be true, see
// Simulation::check().
//
// `Table` is Exchanges, `Link` is LinkState, or one that breaks a rule on purpose.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "exchange/exchanges.hpp"
#include "exchange/topic.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/link_state.hpp"
#include "simulation/answers.hpp"
#include "simulation/bridge.hpp"
#include "simulation/broker.hpp"
#include "simulation/clients.hpp"
#include "simulation/services.hpp"
#include "text/action.hpp"

namespace mqtt_bridge::simulation {

template <typename Table = Exchanges, typename Link = LinkState>
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : schedule_(seed), fault_plan_(choose_fault_plan(seed)) {
    populate();
    schedule();
  }

  void trace() { schedule_.is_traced = true; }

  /// Lets everything happen; what is wrong, or nothing.
  std::optional<std::string> run() {
    while (schedule_.step(Instant{} + end)) {
      if (auto fault = check())
        return fault;
    }
    return check_end();
  }

  std::string story() const {
    std::string story;
    for (const auto& line : schedule_.trace)
      story += line + "\n";
    return story;
  }

  std::size_t calls() const {
    std::size_t count = 0;
    for (const auto& bridge : bridges_)
      count += bridge->calls.size();
    return count;
  }
  std::size_t answered() const {
    std::size_t count = 0;
    for (const auto& bridge : bridges_)
      count += static_cast<std::size_t>(
          std::count_if(bridge->calls.begin(), bridge->calls.end(), is_answered));
    return count;
  }

 private:
  static constexpr auto busy = 4s;   // things go wrong and calls are made
  static constexpr auto end = 100s;  // by then all is over, quarantines too

  /// A text that was reversed byte by byte may be no text any more.
  static bool is_answered(const Asked& asked) {
    const auto* failure = std::get_if<Failure>(&*asked.outcome);
    return failure == nullptr || failure->problem == Problem::bad_response;
  }

  FaultPlan choose_fault_plan(std::uint64_t seed) {
    const bool is_gentle = schedule_.chance(40);
    // What waits for a client at a node to which it does not come back is lost.
    const auto nodes = seed % 4 == 0                 ? FaultPlan::Nodes::clustered
                       : seed % 4 == 1 && !is_gentle ? FaultPlan::Nodes::bridged
                                                     : FaultPlan::Nodes::one;
    return {.is_lossy = !is_gentle && schedule_.chance(60),
            .cuts = schedule_.chance(50),
            .restarts = schedule_.chance(50),
            .has_strangers = schedule_.chance(50),
            .is_gentle = is_gentle,
            .tells = schedule_.chance(50),
            .has_poison = schedule_.chance(30),
            .refuses = schedule_.chance(30),
            .tells_clashes = schedule_.chance(50),
            .reloads = schedule_.chance(40),
            .nodes = nodes};
  }

  void populate() {
    std::vector<std::string> actions{std::string(own_action)};
    for (const Action action : all_actions)
      actions.emplace_back(to_string(action));
    // One with letters of its own can be understood only where nobody else asks.
    const bool has_own_letters =
        !fault_plan_.has_strangers && !fault_plan_.is_gentle && schedule_.chance(50);
    const std::uint32_t count_of_bridges = has_own_letters ? 1 : 1 + schedule_.below(3);
    for (std::uint32_t i = 0; i < count_of_bridges; ++i) {
      std::vector<std::string> filters{status_topic("+")};
      for (const auto& action : actions)
        filters.push_back(response_topic(netid_for(action, i), action));
      filters.push_back(std::string(spare) + "/" + std::to_string(i));
      TopicFilters guest;
      for (const Action action : all_actions)
        guest.append({response_topic(guest_of(i), to_string(action))});
      auto options = link_options(std::string(bridge_ids) + std::to_string(i), filters, 60s);
      options.filters.append(guest);
      options.protocol = schedule_.chance(70) ? Protocol::v5 : Protocol::v3_1_1;
      bridges_.push_back(
          std::make_unique<Bridge<Table, Link>>(schedule_, broker_, std::move(options), guest));
    }
    const std::uint32_t count_of_responders = 1 + schedule_.below(fault_plan_.is_gentle ? 2 : 3);
    for (std::uint32_t i = 0; i < count_of_responders; ++i) {
      const bool is_v5 = schedule_.chance(50);
      // Where turns are taken, one that answers without correlation data must be alone.
      const bool serves_own = i == 0;
      std::vector<std::string> served = actions;
      if (!serves_own)
        served.erase(served.begin());
      const bool announces = is_v5 && schedule_.chance(70);
      // What is published while it is away is lost, and a bridge learns of that by its return, or
      // by the broker; a request that takes turns is then published again only by the latter.
      const bool may_be_clean = !fault_plan_.is_gentle || (announces && !serves_own);
      Responder::Character character{.is_v5 = is_v5,
                                     .announces = announces,
                                     .is_clean = may_be_clean && schedule_.chance(50),
                                     .letters = has_own_letters        ? Letters::own
                                                : schedule_.chance(50) ? Letters::full
                                                                       : Letters::ascii,
                                     .never = fault_plan_.is_gentle ? 0 : schedule_.below(30),
                                     .twice = serves_own && !is_v5 ? 0 : schedule_.below(50),
                                     .late = fault_plan_.is_gentle ? 0 : schedule_.below(30),
                                     .fails = fault_plan_.is_gentle ? 0 : schedule_.below(10)};
      responders_.push_back(std::make_unique<Responder>(
          schedule_, broker_, "responder-" + std::to_string(i), std::move(served), character));
    }
    for (std::uint32_t i = 0; i < 3; ++i) {
      const auto& action = schedule_.pick(actions);
      broker_.retain(
          {.topic = response_topic(netid_for(action, 0), action), .payload = some_text()});
    }
    const std::uint32_t count_of_services = 1 + schedule_.below(2);
    for (std::uint32_t i = 0; i < count_of_services; ++i) {
      const bool is_gentle = fault_plan_.is_gentle;
      services_.push_back(std::make_unique<ServiceClient>(
          schedule_, broker_, "services-" + std::to_string(i),
          ServiceClient::Character{.is_v5 = schedule_.chance(50),
                                   .takes_turns = i == 0,
                                   .never = is_gentle ? 0 : schedule_.below(30),
                                   .twice = schedule_.below(50),
                                   .late = is_gentle ? 0 : schedule_.below(30),
                                   .fails = is_gentle ? 0 : schedule_.below(10),
                                   .noise = schedule_.below(50),
                                   .spoils = is_gentle ? 0 : schedule_.below(10)}));
      has_inbox_service_ |= services_.back()->knows_response_topics();
    }
    if (fault_plan_.has_strangers)
      stranger_ = std::make_unique<OtherClient>(schedule_, broker_, "stranger");
  }

  /// The action without a content rule has a topic for each bridge: a turn is taken
  /// alone.
  static std::string netid_for(std::string_view action, std::uint32_t bridge) {
    return action == own_action ? "own-" + std::to_string(bridge) : "alice";
  }

  static std::string guest_of(std::uint32_t bridge) { return "guest-" + std::to_string(bridge); }

  void schedule_refusals() {
    std::set<std::string> doubtful{"said", "ask/errors", "same", "read/response/+"};
    if (fault_plan_.is_gentle)
      doubtful.clear();
    broker_.grant_all_from(Instant{} + busy + schedule_.up_to(30s), std::move(doubtful));
    schedule_.after(schedule_.up_to(busy), [this] {
      broker_.refuse_connections(schedule_.up_to(fault_plan_.is_gentle ? 500ms : 2s));
      if (auto connections = broker_.connections(); !fault_plan_.is_gentle && !connections.empty())
        broker_.cut(schedule_.pick(connections));
    });
  }

  void schedule_twin() {
    twin_ = std::make_unique<Twin>(schedule_, broker_, std::string(bridge_ids) + "0");
    schedule_.after(schedule_.up_to(busy), [this] { twin_->start(schedule_.up_to(15s)); });
  }

  void schedule() {
    for (const auto& responder : responders_)
      responder->start();
    for (const auto& service : services_)
      service->start();
    for (const auto& bridge : bridges_)
      schedule_.after(schedule_.up_to(20ms), [&bridge = *bridge] { bridge.start(); });
    if (stranger_)
      stranger_->start();
    const std::uint32_t count_of_calls = 10 + schedule_.below(40);
    for (std::uint32_t i = 0; i < count_of_calls; ++i)
      schedule_.after(100ms + schedule_.up_to(busy), [this] { call(); });
    for (std::uint32_t i = 0; fault_plan_.has_strangers && i < 20; ++i)
      schedule_.after(schedule_.up_to(busy), [this] { say_something_strange(); });
    for (std::uint32_t i = 0; fault_plan_.cuts && i < 10; ++i)
      schedule_.after(schedule_.up_to(busy), [this] { cut_somebody(); });
    for (std::uint32_t i = 0; fault_plan_.restarts && i < 2; ++i) {
      schedule_.after(schedule_.up_to(busy), [this] { broker_.save(); });
      schedule_.after(schedule_.up_to(busy), [this] { restart_broker(); });
    }
    if (fault_plan_.refuses)
      schedule_refusals();
    for (std::uint32_t i = 0; fault_plan_.reloads && i < 6; ++i) {
      schedule_.after(schedule_.up_to(busy), [this] { schedule_.pick(bridges_)->reload(); });
      if (i % 3 == 0)
        schedule_.after(schedule_.up_to(busy), [this] { schedule_.pick(bridges_)->renew(); });
    }
    if (!fault_plan_.is_gentle && schedule_.chance(15))
      schedule_twin();
    if (!fault_plan_.is_gentle && schedule_.chance(50))
      schedule_.after(schedule_.up_to(busy), [this] { kill_a_responder(); });
    if (!fault_plan_.is_gentle && schedule_.chance(40))
      schedule_.after(schedule_.up_to(busy), [this] { schedule_.pick(bridges_)->restart(); });
    for (std::uint32_t i = 0; fault_plan_.nodes != FaultPlan::Nodes::one && i < 3; ++i)
      schedule_.after(schedule_.up_to(busy), [this] { fail_a_node(); });
  }

  std::string some_text() {
    static const std::vector<std::string> texts{"",   "a",   "A",       "b",         "ab",  "ba",
                                                "Ab", "abc", "e\u0301", "a e\u0301", "abba"};
    // These mean each other when letters are folded, which is trusted only where nobody else asks.
    static const std::vector<std::string> folding{"ss", "SS", "\u00df", "\u1e9e", "a\u00df", "asS"};
    const bool is_alone = !stranger_ && bridges_.size() == 1;
    return is_alone && schedule_.chance(50) ? schedule_.pick(folding) : schedule_.pick(texts);
  }
  std::string_view some_action() {
    return schedule_.chance(30) ? own_action : to_string(schedule_.pick(all_actions));
  }

  void call() {
    const auto bridge = schedule_.below(static_cast<std::uint32_t>(bridges_.size()));
    const std::uint32_t count = schedule_.chance(20) ? 5 : 1;
    if (schedule_.chance(45)) {
      const Service& service = schedule_.pick(services());
      for (std::uint32_t i = 0; i < count; ++i)
        call(bridge, service);
      return;
    }
    const auto action = some_action();
    for (std::uint32_t i = 0; i < count; ++i)
      call(bridge, action);
  }

  void call(std::uint32_t bridge, const Service& service) {
    std::string text = some_payload() + "#" + std::to_string(++distinct_) + "#";
    if (has_poison(text))  // what is smaller than that is innocent, and must not be refused with it
      text += std::string(50, '-');
    bridges_[bridge]->call(service, text, some_timeout());
  }

  void call(std::uint32_t bridge, std::string_view action) {
    std::string text = some_payload();
    if (action == own_action)  // so that every answer tells whose it is
      text += std::to_string(++distinct_);
    const Duration timeout = some_timeout();
    const bool is_for_guest =
        parse_action(action) && bridges_[bridge]->has_guest() && schedule_.chance(20);
    bridges_[bridge]->call(is_for_guest ? guest_of(bridge) : netid_for(action, bridge), action,
                           text, timeout);
  }

  std::string some_payload() {
    return fault_plan_.has_poison && schedule_.chance(10) ? std::string(poison) : some_text();
  }
  Duration some_timeout() {
    const Duration patience = 1ms + schedule_.up_to(schedule_.chance(10)   ? Duration(20s)
                                                    : schedule_.chance(50) ? 5s
                                                                           : 50ms);
    return fault_plan_.is_gentle ? Duration(20s) : patience;
  }

  void say_something_strange() {
    if (schedule_.chance(20))
      return say_something_with_a_strange_id();
    const auto action = to_string(schedule_.pick(all_actions));
    if (schedule_.chance(50))
      return stranger_->request("alice", action, some_text());
    // Out of the blue it may say only what is right for nobody, or is not to be believed.
    Message message{.topic = response_topic("alice", action), .payload = some_text() + "?"};
    switch (schedule_.below(4)) {
      case 0:
        message.correlation = "unknown";
        break;
      case 1:
        if (const auto ours = a_checkable_call()) {
          message.correlation = ours->correlation;
          message.topic = response_topic(netid_for(own_action, 0), own_action);
        }
        break;
      case 2:
        message.status = "404";
        break;
      default:
        break;
    }
    stranger_->say(std::move(message));
  }

  void say_something_with_a_strange_id() {
    static const std::vector<std::pair<std::string, std::string>> sayings{
        {"read/response/nobody", "<a>"},
        {"said", R"({"id":"nobody","service":"ask"})"},
        {"said", R"({"re":7,"service":"tell"})"},
        {"said", R"({"id":["bridge-0 0"]})"},
        {"said", "["},
        {"said", ""},
        {"ask/errors", R"({"id":7})"},
        {"open/own-bridge-0/response/404", R"({"id":7})"},
        {"own-bridge-0/turn/response", R"({"service":"other"})"},
        {"own-bridge-0/turn/response", R"({"service":"turn","state":"working"})"},
        {"mqtt-bridge/bridge-0/response/7", "<a>"}};
    const auto& [topic, payload] = schedule_.pick(sayings);
    stranger_->say({.topic = topic, .payload = payload});
  }

  std::optional<Asked> a_checkable_call() {
    auto& calls = bridges_[0]->calls;
    if (calls.empty() || !parse_action(calls.back().name))
      return {};
    return calls.back();
  }

  void cut_somebody() {
    if (broker_.connections().empty())
      return;
    auto connections = broker_.connections();
    const auto connection = schedule_.pick(connections);
    if (fault_plan_.is_gentle && is_young(*connection))
      return;
    if (schedule_.chance(fault_plan_.is_gentle ? 0 : 40))
      broker_.deafen(connection);
    else if (schedule_.chance(50))
      connection->is_doomed = true;
    else
      broker_.cut(connection);
  }

  void fail_a_node() {
    const std::size_t node = schedule_.below(static_cast<std::uint32_t>(broker_.nodes()));
    const bool has_young = std::ranges::any_of(broker_.connections(), [&](const auto& each) {
      return each->node == node && is_young(*each);
    });
    if (!broker_.is_up(node) || (fault_plan_.is_gentle && has_young))
      return;
    broker_.fail(node, schedule_.up_to(fault_plan_.is_gentle ? 800ms : 4s));
  }
  /// A responder that is cut off again and again is rightly said to be gone.
  bool is_young(const Broker::Connection& connection) const {
    return connection.subscribed == Instant{} || schedule_.now() - connection.subscribed < 100ms;
  }

  void restart_broker() {
    if (!broker_.is_up())
      return;
    const Broker::Memory memories[] = {Broker::Memory::all, Broker::Memory::of_some_time_ago,
                                       Broker::Memory::none};
    broker_.crash(schedule_.pick(memories), schedule_.up_to(fault_plan_.is_gentle ? 800ms : 4s));
  }

  void kill_a_responder() {
    Responder& responder = *schedule_.pick(responders_);
    responder.kill();
    schedule_.after(schedule_.up_to(3s), [&responder] { responder.start(); });
  }

  /// What must be true at every moment.
  std::optional<std::string> check() {
    for (const auto& bridge : bridges_) {
      if (!bridge->faults.empty())
        return bridge->faults.front();
      if (auto fault = bridge->check())
        return fault;
      for (const auto& fill : bridge->table->fills()) {
        if (fill.entries > fill.bound)
          return "too much in " + std::string(fill.table);
      }
      for (const auto& asked : bridge->calls) {
        if (!asked.outcome && asked.deadline < schedule_.now())
          return "waits past its deadline: " + asked.correlation;
      }
    }
    return {};
  }

  /// What must be true when all is over.
  std::optional<std::string> check_end() {
    for (const auto& bridge : bridges_) {
      if (auto fault = bridge->check_end())
        return fault;
      for (const auto& fill : bridge->table->fills()) {
        if (fill.empties && fill.entries != 0)
          return "something is left in " + std::string(fill.table);
      }
      for (const auto& asked : bridge->calls) {
        if (!asked.outcome)
          return "never ended: " + asked.correlation;
        if (!asked.is_idempotent && broker_.requests_taken[asked.correlation] > 1)
          return "published twice, which it must not be: " + asked.correlation;
        if (has_poison(asked.payload)) {
          const bool takes_turns = asked.service != nullptr && asked.service->takes_turns();
          if (!takes_turns && is_answered(asked))  // where turns are taken it was another's answer
            return "answered though it never came through: " + asked.correlation;
        } else if (fault_plan_.is_gentle && asked.is_idempotent && !is_answered(asked) &&
                   !may_be_unanswered(asked)) {
          return "lost its answer: " + asked.correlation;
        }
      }
    }
    return {};
  }

  /// A call of a route, in a gentle world.
  bool may_be_unanswered(const Asked& asked) const {
    if (asked.service == nullptr)
      return false;
    // What the broker forgot is gone until the service is back, and the broker says so.
    const auto& failure = std::get<Failure>(*asked.outcome);
    if (failure.problem == Problem::no_responder)
      return fault_plan_.restarts && fault_plan_.tells;
    return asked.name == "inbox" &&
           (!has_inbox_service_ || failure.problem == Problem::broker_refused);
  }

  Schedule schedule_;
  const FaultPlan fault_plan_;
  Broker broker_{schedule_, fault_plan_};
  std::vector<std::unique_ptr<Bridge<Table, Link>>> bridges_;
  std::vector<std::unique_ptr<Responder>> responders_;
  std::vector<std::unique_ptr<ServiceClient>> services_;
  bool has_inbox_service_ = false;  // one of these knows what a Response Topic is
  std::unique_ptr<OtherClient> stranger_;
  std::unique_ptr<Twin> twin_;
  int distinct_ = 0;
};

}  // namespace mqtt_bridge::simulation
