// The whole system in one process and in virtual time: bridges (the real table of exchanges and the
// real reconnect policy), their callers, responders good and bad, strangers on the same topics, and
// one broker with its sessions. A seed decides everything that happens, so that a seed that fails
// fails again, with a trace. After every step the world checks what must always be true, see
// World::check().
//
// `Table` is Exchanges, or one that breaks a rule on purpose.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "exchange/driver.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/presence.hpp"
#include "exchange/route.hpp"
#include "exchange/topic.hpp"
#include "mqtt/link_policy.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge::world {

using namespace std::chrono_literals;

/// Time, chance, and what is to happen when.
class Fate {
 public:
  explicit Fate(std::uint64_t seed) : random_(seed) {}

  Instant now() const { return now_; }
  void at(Instant time, std::function<void()> event) {
    events_.push({std::max(time, now_), ++count_, std::move(event)});
  }
  void after(Duration delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }

  /// Lets the next thing happen, if that is before `end`.
  bool step(Instant end) {
    if (events_.empty() || events_.top().time >= end)
      return false;
    const Event next = events_.top();
    events_.pop();
    now_ = next.time;
    next.happen();
    return true;
  }

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  Duration up_to(Duration most) {
    return Duration(random_() % static_cast<std::uint64_t>(most.count() + 1));
  }
  template <typename List>
  auto& pick(List& list) {
    return list[below(static_cast<std::uint32_t>(std::size(list)))];
  }

  std::vector<std::string> trace;
  bool is_traced = false;
  template <typename... Parts>
  void note(const Parts&... parts) {
    if (!is_traced)
      return;
    std::ostringstream line;
    line << std::chrono::duration<double, std::milli>(now_.time_since_epoch()).count() << " ms  ";
    (line << ... << parts);
    trace.push_back(line.str());
  }

 private:
  struct Event {
    Instant time;
    std::uint64_t order;
    std::function<void()> happen;
    bool operator<(const Event& other) const {
      return std::tie(time, order) > std::tie(other.time, other.order);  // the earliest on top
    }
  };
  Instant now_{};
  std::uint64_t count_ = 0;
  std::mt19937_64 random_;
  std::priority_queue<Event> events_;
};

/// What the seed chose for one world.
struct Weather {
  bool is_lossy;       // messages vanish, come twice, come late, overtake each other
  bool cuts;           // connections break, or go deaf
  bool restarts;       // the broker
  bool has_strangers;  // other clients on our topics
  bool is_gentle;      // nothing of the above that could cost a call its answer
  bool tells;          // the broker says of a publish that it has no subscriber
  bool has_poison;     // requests on which the broker ends the connection
};

/// What the broker ends the connection on.
constexpr std::string_view poison = "poison";

using Message = MqttMessage;

// The broker ----------------------------------------------------------------------------------

class Broker {
 public:
  class Client {
   public:
    virtual void on_connected(bool session_present) = 0;
    virtual void on_unreachable() = 0;
    virtual void on_subscribed() = 0;
    virtual void on_acknowledged(std::uint64_t id, Subscribers subscribers) = 0;
    virtual void on_message(const Message& message) = 0;
    virtual void on_lost() = 0;

   protected:
    ~Client() = default;
  };

  /// One TCP connection: in order, complete, until it breaks; then what was under way is gone.
  struct Connection {
    Client* client;
    std::string client_id;
    bool is_open = true;
    Instant subscribed{};
    bool is_deaf = false;
    bool is_doomed = false;  // it breaks with the next message for the client
    Instant to_broker{};     // when the last thing sent arrives
    Instant to_client{};
  };
  using Handle = std::shared_ptr<Connection>;

  Broker(Fate& fate, const Weather& weather) : fate_(fate), weather_(weather) {}

  // What clients do; the answers come through Client.
  enum class Keep { session, nothing };
  Handle connect(Client& client, const std::string& id, bool clean, Keep keep,
                 std::optional<Message> will = {}) {
    auto connection = std::make_shared<Connection>(Connection{&client, id});
    if (!is_up_) {
      fate_.after(fate_.up_to(2ms), [connection] {
        if (connection->is_open)
          connection->client->on_unreachable();
      });
      return connection;
    }
    connections_.push_back(connection);
    to_broker(connection, [this, connection, clean, keep, will] {
      Session& session = sessions_[connection->client_id];
      if (session.connection)
        lose(session.connection, fate_.up_to(5ms));
      const bool is_present = session.exists && !clean;
      if (!is_present)
        session = Session{};
      session.exists = true;
      session.ends_with_connection = keep == Keep::nothing;
      session.connection = connection;
      session.will = will;
      to_client(connection, [=] { connection->client->on_connected(is_present); });
      for (auto& [id_of_packet, message] : session.pending) {
        message.duplicate = true;
        deliver(connection, id_of_packet, message);
      }
    });
    return connection;
  }

  void subscribe(const Handle& connection, std::vector<std::string> filters) {
    to_broker(connection, [this, connection, filters = std::move(filters)] {
      Session& session = sessions_[connection->client_id];
      connection->subscribed = fate_.now();
      session.filters.insert(filters.begin(), filters.end());
      to_client(connection, [connection] { connection->client->on_subscribed(); });
      for (const auto& [topic, message] : retained_) {
        if (std::any_of(filters.begin(), filters.end(),
                        [&](const auto& filter) { return matches(filter, topic); })) {
          Message old = message;
          old.retained = true;
          enqueue(session, old);
        }
      }
    });
  }

  void publish(const Handle& connection, std::uint64_t id, Message message) {
    to_broker(connection, [this, connection, id, message = std::move(message)] {
      if (message.payload.starts_with(poison) &&
          message.topic.find("/request") != std::string::npos)
        return cut(connection);
      const bool acknowledges_first = fate_.chance(50);
      const auto subscribers =
          weather_.tells && !has_subscribers(message) ? Subscribers::none : Subscribers::perhaps;
      const auto acknowledge = [&] {
        to_client(connection, [connection, id, subscribers] {
          connection->client->on_acknowledged(id, subscribers);
        });
      };
      if (acknowledges_first)
        acknowledge();
      route(message);
      if (!acknowledges_first)
        acknowledge();
    });
  }

  /// Somebody left a message before all this began.
  void retain(const Message& message) { retained_[message.topic] = message; }

  /// The client's process ends without a word.
  void abandon(const Handle& connection) {
    if (!connection->is_open)
      return;
    connection->is_open = false;
    fate_.after(fate_.up_to(1ms), [this, connection] { disconnected(connection); });
  }

  // What happens to it.
  void cut(const Handle& connection) {
    fate_.note("the connection of ", connection->client_id, " breaks");
    lose(connection, fate_.up_to(2ms));
  }
  void deafen(const Handle& connection) {
    fate_.note("the connection of ", connection->client_id, " goes deaf");
    connection->is_deaf = true;
    fate_.after(limits::puback_timeout + 500ms, [this, connection] { lose(connection, 0ms); });
  }

  enum class Memory { all, of_some_time_ago, none };
  void crash(Memory memory, Duration outage) {
    fate_.note("the broker crashes and will remember ", memory == Memory::all ? "all"
                                                        : memory == Memory::none
                                                            ? "nothing"
                                                            : "how it was some time ago");
    is_up_ = false;
    for (auto& [id, session] : sessions_)
      session.will.reset();  // nobody is there to publish it
    for (const auto& connection : std::exchange(connections_, {}))
      lose(connection, fate_.up_to(2ms));
    std::erase_if(sessions_, [](const auto& each) { return each.second.ends_with_connection; });
    for (auto& [id, session] : sessions_)
      session.connection.reset();
    if (memory == Memory::none) {
      sessions_.clear();
      retained_.clear();
    } else if (memory == Memory::of_some_time_ago) {
      sessions_ = saved_sessions_;
      retained_ = saved_retained_;
    }
    fate_.after(outage, [this] {
      fate_.note("the broker is back");
      is_up_ = true;
    });
  }
  void save() {
    saved_sessions_ = sessions_;
    std::erase_if(saved_sessions_,
                  [](const auto& each) { return each.second.ends_with_connection; });
    saved_retained_ = retained_;
    for (auto& [id, session] : saved_sessions_) {
      session.connection.reset();
      session.will.reset();
    }
  }
  const std::vector<Handle>& connections() const { return connections_; }
  bool is_up() const { return is_up_; }

  /// How often a request with this correlation data was accepted_payload for a subscriber.
  std::map<std::string, int> requests_taken;

 private:
  struct Session {
    bool exists = false;
    bool ends_with_connection = false;  // Session Expiry Interval 0
    Handle connection;
    std::set<std::string> filters;
    std::map<std::uint64_t, Message> pending;  // by packet identifier
    std::optional<Message> will;
  };

  static bool matches(std::string_view filter, std::string_view topic) {
    while (true) {
      const auto f = filter.find('/');
      const auto t = topic.find('/');
      if (filter.substr(0, f) != "+" && filter.substr(0, f) != topic.substr(0, t))
        return false;
      if (f == std::string_view::npos || t == std::string_view::npos)
        return f == t;
      filter.remove_prefix(f + 1);
      topic.remove_prefix(t + 1);
    }
  }

  template <typename Happening>
  void to_broker(const Handle& connection, Happening happening) {
    travel(connection, connection->to_broker, [this, connection, happening] {
      if (is_up_)
        happening();
    });
  }
  template <typename Happening>
  void to_client(const Handle& connection, Happening happening) {
    travel(connection, connection->to_client, std::move(happening));
  }
  void travel(const Handle& connection, Instant& last, std::function<void()> happening) {
    last = std::max(last, fate_.now() + fate_.up_to(500us));
    fate_.at(last, [connection, happening = std::move(happening)] {
      if (connection->is_open && !connection->is_deaf)
        happening();
    });
  }

  bool has_subscribers(const Message& message) const {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const auto& session) { return is_subscribed(session.second, message); });
  }
  static bool is_subscribed(const Session& session, const Message& message) {
    return std::any_of(session.filters.begin(), session.filters.end(),
                       [&](const auto& filter) { return matches(filter, message.topic); });
  }

  void route(const Message& message) {
    if (message.correlation && parse_request_topic(message.topic) && has_subscribers(message))
      ++requests_taken[*message.correlation];
    if (message.retained) {
      retained_.erase(message.topic);
      if (!message.payload.empty())
        retained_[message.topic] = message;
    }
    Message sent = message;
    sent.retained = false;
    for (auto& [id, session] : sessions_) {
      if (is_subscribed(session, message))
        lose_or_enqueue(id, session, sent);
    }
  }

  void lose_or_enqueue(const std::string& client_id, Session& session, const Message& message) {
    if (!weather_.is_lossy || parse_status_topic(message.topic))
      return enqueue(session, message);
    if (fate_.chance(3))
      return fate_.note("lost: ", message.topic, " ", message.payload);
    // A responder that takes turns must not be made to answer twice.
    const bool may_come_twice = !message.topic.starts_with("own-");
    if (may_come_twice && fate_.chance(3))
      enqueue(session, message);
    if (!fate_.chance(10))
      return enqueue(session, message);
    fate_.after(fate_.up_to(2s), [this, client_id, message] {
      if (const auto found = sessions_.find(client_id); found != sessions_.end())
        enqueue(found->second, message);
    });
  }

  void enqueue(Session& session, const Message& message) {
    const std::uint64_t id = ++last_packet_;
    session.pending.emplace(id, message);
    if (session.connection)
      deliver(session.connection, id, message);
  }

  void deliver(const Handle& connection, std::uint64_t id, const Message& message) {
    to_client(connection, [this, connection, id, message] {
      connection->client->on_message(message);
      if (connection->is_doomed)
        return cut(connection);
      to_broker(connection,
                [this, connection, id] { sessions_[connection->client_id].pending.erase(id); });
    });
  }

  void lose(const Handle& connection, Duration client_learns_after) {
    if (!connection->is_open)
      return;
    connection->is_open = false;
    fate_.after(client_learns_after, [connection] { connection->client->on_lost(); });
    disconnected(connection);
  }

  void disconnected(const Handle& connection) {
    std::erase(connections_, connection);
    const auto found = sessions_.find(connection->client_id);
    if (found == sessions_.end() || found->second.connection != connection)
      return;
    found->second.connection.reset();
    const auto will = std::exchange(found->second.will, std::nullopt);
    if (found->second.ends_with_connection)
      sessions_.erase(found);
    if (will)
      route(*will);
  }

  Fate& fate_;
  const Weather& weather_;
  bool is_up_ = true;
  std::vector<Handle> connections_;
  std::map<std::string, Session> sessions_;
  std::map<std::string, Message> retained_;
  std::map<std::string, Session> saved_sessions_;
  std::map<std::string, Message> saved_retained_;
  std::uint64_t last_packet_ = 0;
};

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
                             Fate& fate) {
  const auto known = parse_action(action);
  if (action == keyed_by_id)
    return R"({"re":)" + request + "}";
  if (!known)
    return "<" + request + ">";
  if (letters == Letters::full || *known == Action::shuffle || *known == Action::title_case)
    return transform(*known, request, [&fate](std::uint32_t bound) { return fate.below(bound); });
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
  Fate fate(0);
  return std::ranges::any_of(all_letters, [&](Letters letters) {
    return answer_of(action, request, letters, fate) == answer;
  });
}

// The clients of the broker -------------------------------------------------------------------

/// Connects, subscribes, comes back; the policy is the real one.
class Peer : protected Broker::Client {
 public:
  Peer(Fate& fate, Broker& broker, std::string id, std::vector<std::string> filters)
      : fate_(fate), broker_(broker), id_(std::move(id)), filters_(std::move(filters)) {}

  void start() {
    is_running_ = true;
    policy_ = LinkPolicy(Protocol::automatic, fate_.now());
    attempt();
  }
  /// As `kill -9` does.
  void kill() {
    fate_.note(id_, " is killed");
    is_running_ = false;
    ++life_;
    is_up_ = is_idle_ = false;
    if (connection_)
      broker_.abandon(connection_);
  }
  bool is_running() const { return is_running_; }

 protected:
  virtual void up(bool session_present) = 0;
  virtual void down() {}
  virtual void failed() {}
  virtual bool forgets_session() const { return !is_session_ours_; }
  virtual Broker::Keep keeps() const { return Broker::Keep::session; }
  virtual std::optional<Message> will() const { return {}; }

  Fate& fate_;
  Broker& broker_;
  const std::string id_;
  Broker::Handle connection_;
  bool is_up_ = false;
  bool is_session_ours_ = false;  // the broker has promised to keep it

 private:
  void attempt() {
    if (!policy_.next_attempt())
      return;
    fate_.at(*policy_.next_attempt(), [this, life = life_] {
      if (life != life_ || !policy_.next_attempt())
        return;
      policy_.attempt_begins(fate_.now());
      connection_ = broker_.connect(*this, id_, forgets_session(), keeps(), will());
    });
  }
  double jitter() { return fate_.below(1000) / 1000.0; }

  void on_connected(bool session_present) override {
    session_present_ = session_present;
    is_idle_ = policy_.quiet_time() > Duration(0);
    if (!is_idle_)
      return broker_.subscribe(connection_, filters_);
    fate_.after(policy_.quiet_time(), [this, connection = connection_] {
      if (connection == connection_ && std::exchange(is_idle_, false))
        broker_.subscribe(connection_, filters_);
    });
  }
  void on_unreachable() override {
    policy_.attempt_failed(ConnectFailure::unreachable, fate_.now(), jitter());
    failed();
    attempt();
  }
  void on_subscribed() override {
    fate_.note(id_, " is up", session_present_ ? ", its session is there" : "");
    policy_.link_is_up(is_session_ours_ && !session_present_, fate_.now());
    is_session_ours_ = keeps() == Broker::Keep::session;
    is_up_ = true;
    up(session_present_);
  }
  void on_lost() override {
    if (!is_running_)
      return;
    fate_.note(id_, " is down");
    const bool was_up = std::exchange(is_up_, false);
    const auto ended =
        std::exchange(is_idle_, false) ? ConnectFailure::ended_idle : ConnectFailure::ended;
    const auto verdict = was_up ? policy_.link_lost(LinkLoss::broken, fate_.now(), jitter())
                                : policy_.attempt_failed(ended, fate_.now(), jitter());
    if (verdict == LinkPolicy::Verdict::taken_over)
      is_session_ours_ = false;
    if (was_up)
      down();
    else
      failed();
    attempt();
  }

  std::vector<std::string> filters_;
  LinkPolicy policy_{Protocol::automatic, Instant{}};
  bool is_running_ = false;
  int life_ = 0;
  bool session_present_ = false;
  bool is_idle_ = false;  // connected, and sends nothing for a while
};

/// A service, from ours to the worst of its kind.
class Responder : public Peer {
 public:
  struct Character {
    bool is_v5;      // sends correlation data back, and its name
    bool announces;  // its presence
    bool is_clean;   // its session ends with its connection
    Letters letters;
    std::uint32_t never = 0, twice = 0, late = 0, fails = 0;  // percent of the requests
  };

  Responder(Fate& fate, Broker& broker, std::string id, std::vector<std::string> actions,
            Character character)
      : Peer(fate, broker, std::move(id), filters_of(actions)),
        actions_(std::move(actions)),
        character_(character) {}

  std::set<std::string> failed;  // correlation data of requests that it gave an error for

 private:
  static std::vector<std::string> filters_of(const std::vector<std::string>& actions) {
    std::vector<std::string> filters;
    for (const auto& action : actions)
      filters.push_back(filter_of(request_topic("+", action), action));
    return filters;
  }

  bool forgets_session() const override { return false; }
  Broker::Keep keeps() const override {
    return character_.is_clean ? Broker::Keep::nothing : Broker::Keep::session;
  }
  std::optional<Message> will() const override {
    if (!character_.announces)
      return {};
    return Message{.topic = status_topic(id_), .payload = "", .retained = true};
  }
  void up(bool) override {
    if (character_.announces) {
      broker_.publish(
          connection_, 0,
          {.topic = status_topic(id_), .payload = birth_message(id_, actions_), .retained = true});
    }
    for (auto& [number, answer] : unacknowledged_)
      broker_.publish(connection_, number, answer);
  }
  void on_acknowledged(std::uint64_t number, Subscribers) override {
    unacknowledged_.erase(number);
  }

  void on_message(const Message& request) override {
    std::string asked = request.topic;
    const std::string id = take_id(asked);
    const auto topic = parse_request_topic(asked);
    if (!topic || request.retained || fate_.chance(character_.never))
      return;
    const std::string action(topic->action);
    Message answer{.topic = response_topic(topic->netid, action) + id,
                   .payload = answer_of(action, request.payload, character_.letters, fate_)};
    if (character_.is_v5) {
      answer.correlation = request.correlation;
      answer.responder = id_;
      if (request.response_topic)
        answer.topic = *request.response_topic;
      if (request.correlation && fate_.chance(character_.fails)) {
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
    if (fate_.chance(character_.twice))
      give(answer, Care::at_least_once);
  }

  /// Where turns are accepted_payload, an answer that carries no correlation data must not come
  /// twice.
  enum class Care { once, at_least_once };
  void give(const Message& answer, Care care) {
    const auto delay = fate_.chance(character_.late) ? fate_.up_to(5s) : fate_.up_to(5ms);
    fate_.after(delay, [this, answer, care] {
      if (!is_running())
        return;
      const std::uint64_t number = ++last_;
      if (care == Care::at_least_once)
        unacknowledged_[number] = answer;
      if (is_up_)
        broker_.publish(connection_, number, answer);
    });
  }

  const std::vector<std::string> actions_;
  const Character character_;
  std::map<std::uint64_t, Message> unacknowledged_;
  std::uint64_t last_ = 0;
};

/// Another client on our topics: it asks too, and it says things that nobody asked for.
class Stranger : public Peer {
 public:
  Stranger(Fate& fate, Broker& broker, std::string id) : Peer(fate, broker, std::move(id), {"x"}) {}

  void request(const std::string& netid, std::string_view action, const std::string& payload) {
    if (is_up_)
      broker_.publish(connection_, 0, {.topic = request_topic(netid, action), .payload = payload});
  }
  void say(Message message) {
    if (is_up_)
      broker_.publish(connection_, 0, std::move(message));
  }

 private:
  void up(bool) override {}
  void on_acknowledged(std::uint64_t, Subscribers) override {}
  void on_message(const Message&) override {}
};

/// One call, as its caller sees it.
struct Asked {
  std::string action;
  std::string payload;
  std::string correlation;
  Instant deadline;
  std::optional<std::variant<Answer, Failure>> outcome = {};
};

/// What mqtt_bridged is, without its sockets.
template <typename Table>
class Bridge : public Peer, private ExchangeHost {
 public:
  Bridge(Fate& fate, Broker& broker, std::string id, std::vector<std::string> filters,
         MqttVersion version)
      : Peer(fate, broker, std::move(id), std::move(filters)), version_(version) {
    begin({});  // no earlier run left anything behind
  }

  /// As kill -9 does, and starts it again. Whoever waited for an answer learns that it is gone.
  void restart() {
    kill();
    for (const auto& [exchange, call] : std::exchange(by_exchange_, {}))
      calls[call].outcome = Failure{Problem::shutting_down, "it was killed", {}};
    is_session_ours_ = false;
    begin({.doubt = limits::memory_age, .turns = turns_});
    start();
  }

  void call(const std::string& netid, std::string_view action, const std::string& payload,
            Duration timeout) {
    const std::string correlation = id_ + " " + std::to_string(calls.size());
    Asked asked{.action = std::string(action),
                .payload = action == keyed_by_id ? body_of(payload, correlation) : payload,
                .correlation = correlation,
                .deadline = fate_.now() + timeout};
    const auto admitted = table->begin(keyed(route({.netid = netid,
                                                    .action = asked.action,
                                                    .payload = payload,
                                                    .correlation = asked.correlation,
                                                    .arrived = fate_.now(),
                                                    .deadline = asked.deadline})));
    if (const auto* failure = std::get_if<Failure>(&admitted)) {
      asked.outcome = *failure;
    } else {
      by_exchange_[std::get<ExchangeId>(admitted)] = calls.size();
    }
    fate_.note(id_, " is called: ", netid, "/", action, " '", payload, "', correlation '",
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
        fate_.now(),
        Exchanges::Bounds{
            .in_flight = 24, .queued = 64, .per_netid = 64, .bytes = 4096, .window = 4},
        earlier);
  }

  void up(bool session_present) override {
    table->link_up({.session_present = session_present, .window = 3}, fate_.now());
    act();
  }
  void failed() override { table->link_down("there is no broker", fate_.now()); }
  void down() override {
    table->link_down("the connection broke", fate_.now());
    act();
  }
  void on_acknowledged(std::uint64_t exchange, Subscribers subscribers) override {
    if (version_ != MqttVersion::v5)
      subscribers = Subscribers::perhaps;
    if (subscribers == Subscribers::none)
      fate_.note(id_, " learns that a request has no subscriber");
    table->acknowledged(exchange, subscribers, fate_.now());
    act();
  }
  void on_message(const Message& message) override {
    fate_.note(id_, " gets ", message.topic, " '", message.payload, "'",
               message.correlation ? ", correlation '" + *message.correlation + "'" : "",
               message.retained ? ", retained" : "", message.duplicate ? ", once more" : "");
    deliver(*table, message, fate_.now());
    act();
  }

  void act() {
    if (const auto next = pump(*table, *this, fate_.now()))
      fate_.at(*next, [this] { act(); });
  }

  bool is_linked() const override { return is_up_; }
  void keep(const TurnNote& note) override {
    if (note.takes_turns)
      turns_.insert(note.topic);
    else
      turns_.erase(note.topic);
  }
  void publish(const MqttPublish& request) override {
    if (*request.expiry <= 0ns)
      faults.push_back("published at or after its deadline: " + std::string(request.payload));
    fate_.note(id_, " publishes '", request.payload, "', correlation '", request.correlation, "'");
    Message message{.topic = request.topic, .payload = std::string(request.payload)};
    if (version_ == MqttVersion::v5) {
      message.correlation = request.correlation;
      message.response_topic = request.response_topic;
    }
    broker_.publish(connection_, request.id, std::move(message));
  }

  void answer(Ended ended) override {
    const auto found = by_exchange_.find(ended.exchange);
    if (found == by_exchange_.end())
      return faults.push_back("an exchange ended that nobody began, or for the second time");
    Asked& asked = calls[found->second];
    by_exchange_.erase(found);
    const auto* answer = std::get_if<Answer>(&ended.outcome);
    fate_.note(id_, " answers '", asked.correlation, "': ",
               answer != nullptr
                   ? "'" + answer->payload + "' by " + std::string(to_string(answer->matched_by))
                   : std::string(describe(std::get<Failure>(ended.outcome).problem).slug));
    if (answer != nullptr && !is_right(asked.action, asked.payload, answer->payload)) {
      faults.push_back("wrong answer '" + answer->payload + "' to " + asked.action + " '" +
                       asked.payload + "'");
    }
    asked.outcome = std::move(ended.outcome);
  }

  const MqttVersion version_;
  std::map<ExchangeId, std::size_t> by_exchange_;
  std::set<std::string> turns_;  // response topics, as they are kept over a restart
};

// The world -----------------------------------------------------------------------------------

template <typename Table = Exchanges>
class World {
 public:
  explicit World(std::uint64_t seed) : fate_(seed), weather_(choose_weather()) {
    populate();
    schedule();
  }

  void trace() { fate_.is_traced = true; }

  /// Lets everything happen; what is wrong, or nothing.
  std::optional<std::string> run() {
    while (fate_.step(Instant{} + end)) {
      if (auto fault = check())
        return fault;
    }
    return check_end();
  }

  std::string story() const {
    std::string story;
    for (const auto& line : fate_.trace)
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

  Weather choose_weather() {
    const bool is_gentle = fate_.chance(40);
    return {.is_lossy = !is_gentle && fate_.chance(60),
            .cuts = fate_.chance(50),
            .restarts = fate_.chance(50),
            .has_strangers = fate_.chance(50),
            .is_gentle = is_gentle,
            .tells = fate_.chance(50),
            .has_poison = fate_.chance(30)};
  }

  void populate() {
    std::vector<std::string> actions{std::string(own_action)};
    for (const Action action : all_actions)
      actions.emplace_back(to_string(action));
    actions.emplace_back(keyed_by_topic);
    actions.emplace_back(keyed_by_id);
    // One with letters of its own can be understood only where nobody else asks.
    const bool has_own_letters = !weather_.has_strangers && !weather_.is_gentle && fate_.chance(50);
    const std::uint32_t count_of_bridges = has_own_letters ? 1 : 1 + fate_.below(3);
    for (std::uint32_t i = 0; i < count_of_bridges; ++i) {
      std::vector<std::string> filters{status_topic("+")};
      for (const auto& action : actions)
        filters.push_back(filter_of(response_topic(netid_for(action, i), action), action));
      bridges_.push_back(std::make_unique<Bridge<Table>>(
          fate_, broker_, "bridge-" + std::to_string(i), std::move(filters),
          fate_.chance(70) ? MqttVersion::v5 : MqttVersion::v3_1_1));
    }
    const std::uint32_t count_of_responders = 1 + fate_.below(weather_.is_gentle ? 2 : 3);
    for (std::uint32_t i = 0; i < count_of_responders; ++i) {
      const bool is_v5 = fate_.chance(50);
      // Where turns are accepted_payload, one that answers without correlation data must be alone.
      const bool serves_own = i == 0;
      std::vector<std::string> served = actions;
      if (!serves_own)
        served.erase(served.begin());
      const bool announces = is_v5 && fate_.chance(70);
      // What is published while it is away is lost, and a bridge learns of that by its return, or
      // by the broker; a request that takes turns is then published again only by the latter.
      const bool may_be_clean = !weather_.is_gentle || (announces && !serves_own);
      Responder::Character character{.is_v5 = is_v5,
                                     .announces = announces,
                                     .is_clean = may_be_clean && fate_.chance(50),
                                     .letters = has_own_letters    ? Letters::own
                                                : fate_.chance(50) ? Letters::full
                                                                   : Letters::ascii,
                                     .never = weather_.is_gentle ? 0 : fate_.below(30),
                                     .twice = serves_own && !is_v5 ? 0 : fate_.below(50),
                                     .late = weather_.is_gentle ? 0 : fate_.below(30),
                                     .fails = weather_.is_gentle ? 0 : fate_.below(10)};
      responders_.push_back(std::make_unique<Responder>(
          fate_, broker_, "responder-" + std::to_string(i), std::move(served), character));
    }
    for (std::uint32_t i = 0; i < 3; ++i) {
      const auto& action = fate_.pick(actions);
      broker_.retain(
          {.topic = response_topic(netid_for(action, 0), action), .payload = some_text()});
    }
    if (weather_.has_strangers)
      stranger_ = std::make_unique<Stranger>(fate_, broker_, "stranger");
  }

  /// The action without a content rule has a topic for each bridge: a turn is accepted_payload
  /// alone.
  static std::string netid_for(std::string_view action, std::uint32_t bridge) {
    return action == own_action ? "own-" + std::to_string(bridge) : "alice";
  }

  void schedule() {
    for (const auto& responder : responders_)
      responder->start();
    for (const auto& bridge : bridges_)
      fate_.after(fate_.up_to(20ms), [&bridge = *bridge] { bridge.start(); });
    if (stranger_)
      stranger_->start();
    const std::uint32_t count_of_calls = 10 + fate_.below(40);
    for (std::uint32_t i = 0; i < count_of_calls; ++i)
      fate_.after(100ms + fate_.up_to(busy), [this] { call(); });
    for (std::uint32_t i = 0; weather_.has_strangers && i < 20; ++i)
      fate_.after(fate_.up_to(busy), [this] { say_something_strange(); });
    for (std::uint32_t i = 0; weather_.cuts && i < 10; ++i)
      fate_.after(fate_.up_to(busy), [this] { cut_somebody(); });
    for (std::uint32_t i = 0; weather_.restarts && i < 2; ++i) {
      fate_.after(fate_.up_to(busy), [this] { broker_.save(); });
      fate_.after(fate_.up_to(busy), [this] { restart_broker(); });
    }
    if (!weather_.is_gentle && fate_.chance(50))
      fate_.after(fate_.up_to(busy), [this] { kill_a_responder(); });
    if (!weather_.is_gentle && fate_.chance(20))
      fate_.after(fate_.up_to(busy), [this] { fate_.pick(bridges_)->restart(); });
  }

  std::string some_text() {
    static const std::vector<std::string> texts{"",   "a",   "A",       "b",         "ab",  "ba",
                                                "Ab", "abc", "e\u0301", "a e\u0301", "abba"};
    // These mean each other when letters are folded, which is trusted only where nobody else asks.
    static const std::vector<std::string> folding{"ss", "SS", "\u00df", "\u1e9e", "a\u00df", "asS"};
    const bool is_alone = !stranger_ && bridges_.size() == 1;
    return is_alone && fate_.chance(50) ? fate_.pick(folding) : fate_.pick(texts);
  }
  std::string_view some_action() {
    if (fate_.chance(25))
      return fate_.chance(50) ? keyed_by_topic : keyed_by_id;
    return fate_.chance(30) ? own_action : to_string(fate_.pick(all_actions));
  }

  void call() {
    const auto bridge = fate_.below(static_cast<std::uint32_t>(bridges_.size()));
    const auto action = some_action();
    const std::uint32_t count = fate_.chance(20) ? 5 : 1;
    for (std::uint32_t i = 0; i < count; ++i)
      call(bridge, action);
  }

  void call(std::uint32_t bridge, std::string_view action) {
    std::string text = weather_.has_poison && fate_.chance(10) ? std::string(poison) : some_text();
    if (action == own_action)  // so that every answer tells whose it is
      text += std::to_string(++distinct_);
    const Duration patience = fate_.chance(50) ? 1ms + fate_.up_to(5s) : 1ms + fate_.up_to(50ms);
    const Duration timeout = weather_.is_gentle ? Duration(20s) : patience;
    bridges_[bridge]->call(netid_for(action, bridge), action, text, timeout);
  }

  void say_something_strange() {
    if (fate_.chance(20))
      return say_something_with_a_strange_id();
    const auto action = to_string(fate_.pick(all_actions));
    if (fate_.chance(50))
      return stranger_->request("alice", action, some_text());
    // Out of the blue it may say only what is right for nobody, or is not to be believed.
    Message message{.topic = response_topic("alice", action), .payload = some_text() + "?"};
    switch (fate_.below(4)) {
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
    if (fate_.chance(50)) {
      return stranger_->say(
          {.topic = response_topic("alice", keyed_by_topic) + "/nobody", .payload = some_text()});
    }
    static const std::vector<std::string> payloads{R"({"re":{"id":"nobody"}})", R"({"re":7})",
                                                   R"({"re":{"id":["bridge-0 0"]}})", "[", ""};
    stranger_->say(
        {.topic = response_topic("alice", keyed_by_id), .payload = fate_.pick(payloads)});
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
    const auto connection = fate_.pick(connections);
    // A responder that is cut off again and again is rightly said to be gone.
    const bool is_young = fate_.now() - std::max(connection->subscribed, Instant{}) < 100ms;
    if (weather_.is_gentle && (connection->subscribed == Instant{} || is_young))
      return;
    if (fate_.chance(weather_.is_gentle ? 0 : 20))
      broker_.deafen(connection);
    else if (fate_.chance(50))
      connection->is_doomed = true;
    else
      broker_.cut(connection);
  }

  void restart_broker() {
    if (!broker_.is_up())
      return;
    const Broker::Memory memories[] = {Broker::Memory::all, Broker::Memory::of_some_time_ago,
                                       Broker::Memory::none};
    broker_.crash(fate_.pick(memories), fate_.up_to(weather_.is_gentle ? 800ms : 4s));
  }

  void kill_a_responder() {
    Responder& responder = *fate_.pick(responders_);
    responder.kill();
    fate_.after(fate_.up_to(3s), [&responder] { responder.start(); });
  }

  /// What must be true at every moment.
  std::optional<std::string> check() {
    for (const auto& bridge : bridges_) {
      if (!bridge->faults.empty())
        return bridge->faults.front();
      for (const auto& fill : bridge->table->fills()) {
        if (fill.entries > fill.bound)
          return "too much in " + std::string(fill.table);
      }
      for (const auto& asked : bridge->calls) {
        if (!asked.outcome && asked.deadline < fate_.now())
          return "waits past its deadline: " + asked.correlation;
      }
    }
    return {};
  }

  /// What must be true when all is over.
  std::optional<std::string> check_end() {
    for (const auto& bridge : bridges_) {
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
        } else if (weather_.is_gentle && !is_answered(asked)) {
          return "lost its answer: " + asked.correlation;
        }
      }
    }
    return {};
  }

  Fate fate_;
  const Weather weather_;
  Broker broker_{fate_, weather_};
  std::vector<std::unique_ptr<Bridge<Table>>> bridges_;
  std::vector<std::unique_ptr<Responder>> responders_;
  std::unique_ptr<Stranger> stranger_;
  int distinct_ = 0;
};

}  // namespace mqtt_bridge::world
