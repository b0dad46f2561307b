// The whole system in one process and in virtual time: bridges (the real table of exchanges and the
// real state of the link), their callers, responders good and bad, strangers on the same topics,
// and one broker with its sessions. A seed decides everything that happens, so that a seed that
// fails fails again, with a trace. After every step the world checks what must always be true, see
// Simulation::check().
//
// `Table` is Exchanges, `Link` is LinkState, or one that breaks a rule on purpose.
#pragma once

#include <algorithm>
#include <array>
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
#include "exchange/presence.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/link_state.hpp"
#include "simulation/broker.hpp"
#include "simulation/peer.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge::simulation {

// What answers are right ----------------------------------------------------------------------

constexpr std::string_view own_action = "translate";
// Actions whose answers have a key: an id at the end of their topic, or in their JSON.
constexpr std::string_view keyed_by_topic = "read";
constexpr std::string_view keyed_by_id = "call";

/// Where a client subscribes for requests or responses.
inline std::string filter_of(const std::string& topic, std::string_view action) {
  return action == keyed_by_topic ? topic + "/+" : topic;
}

/// Takes the id off the end of a topic, with its slash; nothing where there is none.
inline std::string take_id(std::string& topic) {
  for (const std::string_view end : {"/request/", "/response/"}) {
    if (const auto at = topic.find(end); at != std::string::npos) {
      std::string id = topic.substr(at + end.size() - 1);
      topic.erase(at + end.size() - 1);
      return id;
    }
  }
  return {};
}

/// How a responder maps letters: as ICU does, ASCII alone, or in a way of its own.
enum class Letters { full, ascii, own };

inline std::string answer_of(std::string_view action, const std::string& request, Letters letters,
                             Schedule& schedule) {
  const auto known = parse_action(action);
  if (action == keyed_by_id)
    return R"({"re":)" + request + "}";
  if (!known)
    return "<" + request + ">";
  if (letters == Letters::full || *known == Action::shuffle || *known == Action::title_case)
    return transform(*known, request,
                     [&schedule](std::uint32_t bound) { return schedule.below(bound); });
  std::string answer = request;
  if (*known == Action::reverse) {
    std::reverse(answer.begin(), answer.end());
    return answer;
  }
  const char from = *known == Action::uppercase ? 'a' : 'A';
  for (char& c : answer) {
    if (c >= from && c <= from + 25)
      c = static_cast<char>(c ^ 0x20);
  }
  constexpr std::string_view sharp_s = "\u00df";
  if (const auto at = answer.find(sharp_s); letters == Letters::own && at != std::string::npos)
    answer.replace(at, sharp_s.size(), "\u1e9e");
  return answer;
}

/// Without a look at the rules by which the table matches.
inline bool is_right(std::string_view action, const std::string& request, std::string answer) {
  if (action == "shuffle") {
    std::string sorted = request;
    std::sort(sorted.begin(), sorted.end());
    std::sort(answer.begin(), answer.end());
    return answer == sorted;
  }
  constexpr std::array all_letters{Letters::full, Letters::ascii, Letters::own};
  Schedule schedule(0);
  return std::ranges::any_of(all_letters, [&](Letters letters) {
    return answer_of(action, request, letters, schedule) == answer;
  });
}

// The clients of the broker -------------------------------------------------------------------

/// A service, from ours to the worst of its kind.
class Responder : public Peer<> {
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
      : Peer(schedule, broker, options_for(std::move(id), actions, character)),
        actions_(std::move(actions)),
        character_(character) {}

  std::set<std::string> failed;  // correlation data of requests that it gave an error for

 private:
  static MqttLinkOptions options_for(std::string id, const std::vector<std::string>& actions,
                                     const Character& character) {
    std::vector<std::string> filters;
    for (const auto& action : actions)
      filters.push_back(filter_of(request_topic("+", action), action));
    const std::string topic = status_topic(id);
    auto options = link_options(std::move(id), filters, character.is_clean ? 0s : 3600s);
    if (character.announces)
      options.will = MqttWill{.topic = topic, .payload = "", .retained = true};
    return options;
  }

  bool begins_anew(const link_command::Connect&) const override { return false; }
  void up(bool) override {
    if (character_.announces) {
      send(0,
           {.topic = status_topic(id_), .payload = birth_message(id_, actions_), .retained = true});
    }
    for (auto& [number, answer] : unacknowledged_)
      send(number, answer);
  }
  void acknowledged(std::uint64_t number, Subscribers) override { unacknowledged_.erase(number); }

  void arrived(const Message& request) override {
    std::string asked = request.topic;
    const std::string id = take_id(asked);
    const auto topic = parse_request_topic(asked);
    if (!topic || request.retained || schedule_.chance(character_.never))
      return;
    const std::string action(topic->action);
    Message answer{.topic = response_topic(topic->netid, action) + id,
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

  /// Where turns are taken, an answer that carries no correlation data must not come
  /// twice.
  enum class Care { once, at_least_once };
  void give(const Message& answer, Care care) {
    const auto delay =
        schedule_.chance(character_.late) ? schedule_.up_to(5s) : schedule_.up_to(5ms);
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

  const std::vector<std::string> actions_;
  const Character character_;
  std::map<std::uint64_t, Message> unacknowledged_;
  std::uint64_t last_ = 0;
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
      broker_.connect(*this, id_, true, Broker::Keep::nothing);
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

// The world -----------------------------------------------------------------------------------

template <typename Table = Exchanges, typename Link = LinkState>
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : schedule_(seed), fault_plan_(choose_fault_plan()) {
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

  FaultPlan choose_fault_plan() {
    const bool is_gentle = schedule_.chance(40);
    return {.is_lossy = !is_gentle && schedule_.chance(60),
            .cuts = schedule_.chance(50),
            .restarts = schedule_.chance(50),
            .has_strangers = schedule_.chance(50),
            .is_gentle = is_gentle,
            .tells = schedule_.chance(50),
            .has_poison = schedule_.chance(30),
            .refuses = schedule_.chance(30),
            .tells_clashes = schedule_.chance(50),
            .reloads = schedule_.chance(40)};
  }

  void populate() {
    std::vector<std::string> actions{std::string(own_action)};
    for (const Action action : all_actions)
      actions.emplace_back(to_string(action));
    actions.emplace_back(keyed_by_topic);
    actions.emplace_back(keyed_by_id);
    // One with letters of its own can be understood only where nobody else asks.
    const bool has_own_letters =
        !fault_plan_.has_strangers && !fault_plan_.is_gentle && schedule_.chance(50);
    const std::uint32_t count_of_bridges = has_own_letters ? 1 : 1 + schedule_.below(3);
    for (std::uint32_t i = 0; i < count_of_bridges; ++i) {
      std::vector<std::string> filters{status_topic("+")};
      for (const auto& action : actions)
        filters.push_back(filter_of(response_topic(netid_for(action, i), action), action));
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
    broker_.grant_all_from(Instant{} + busy + schedule_.up_to(30s));
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
    if (!fault_plan_.is_gentle && schedule_.chance(20))
      schedule_.after(schedule_.up_to(busy), [this] { schedule_.pick(bridges_)->restart(); });
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
    if (schedule_.chance(25))
      return schedule_.chance(50) ? keyed_by_topic : keyed_by_id;
    return schedule_.chance(30) ? own_action : to_string(schedule_.pick(all_actions));
  }

  void call() {
    const auto bridge = schedule_.below(static_cast<std::uint32_t>(bridges_.size()));
    const auto action = some_action();
    const std::uint32_t count = schedule_.chance(20) ? 5 : 1;
    for (std::uint32_t i = 0; i < count; ++i)
      call(bridge, action);
  }

  void call(std::uint32_t bridge, std::string_view action) {
    std::string text =
        fault_plan_.has_poison && schedule_.chance(10) ? std::string(poison) : some_text();
    if (action == own_action)  // so that every answer tells whose it is
      text += std::to_string(++distinct_);
    const Duration patience = 1ms + schedule_.up_to(schedule_.chance(10)   ? Duration(20s)
                                                    : schedule_.chance(50) ? 5s
                                                                           : 50ms);
    const Duration timeout = fault_plan_.is_gentle ? Duration(20s) : patience;
    const bool is_for_guest =
        parse_action(action) && bridges_[bridge]->has_guest() && schedule_.chance(20);
    bridges_[bridge]->call(is_for_guest ? guest_of(bridge) : netid_for(action, bridge), action,
                           text, timeout);
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
    if (schedule_.chance(50)) {
      return stranger_->say(
          {.topic = response_topic("alice", keyed_by_topic) + "/nobody", .payload = some_text()});
    }
    static const std::vector<std::string> payloads{R"({"re":{"id":"nobody"}})", R"({"re":7})",
                                                   R"({"re":{"id":["bridge-0 0"]}})", "[", ""};
    stranger_->say(
        {.topic = response_topic("alice", keyed_by_id), .payload = schedule_.pick(payloads)});
  }

  std::optional<Asked> a_checkable_call() {
    auto& calls = bridges_[0]->calls;
    if (calls.empty() || !parse_action(calls.back().action))
      return {};
    return calls.back();
  }

  void cut_somebody() {
    if (broker_.connections().empty())
      return;
    auto connections = broker_.connections();
    const auto connection = schedule_.pick(connections);
    // A responder that is cut off again and again is rightly said to be gone.
    const bool is_young = schedule_.now() - std::max(connection->subscribed, Instant{}) < 100ms;
    if (fault_plan_.is_gentle && (connection->subscribed == Instant{} || is_young))
      return;
    if (schedule_.chance(fault_plan_.is_gentle ? 0 : 20))
      broker_.deafen(connection);
    else if (schedule_.chance(50))
      connection->is_doomed = true;
    else
      broker_.cut(connection);
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
        if (asked.action == own_action || asked.action == keyed_by_id) {
          if (broker_.requests_taken[asked.correlation] > 1)
            return "published twice, which it must not be: " + asked.correlation;
        } else if (asked.payload.starts_with(poison)) {
          if (is_answered(asked))
            return "answered though it never came through: " + asked.correlation;
        } else if (fault_plan_.is_gentle && !is_answered(asked)) {
          return "lost its answer: " + asked.correlation;
        }
      }
    }
    return {};
  }

  Schedule schedule_;
  const FaultPlan fault_plan_;
  Broker broker_{schedule_, fault_plan_};
  std::vector<std::unique_ptr<Bridge<Table, Link>>> bridges_;
  std::vector<std::unique_ptr<Responder>> responders_;
  std::unique_ptr<OtherClient> stranger_;
  std::unique_ptr<Twin> twin_;
  int distinct_ = 0;
};

}  // namespace mqtt_bridge::simulation
