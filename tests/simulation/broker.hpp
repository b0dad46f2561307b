// Time, chance, and a broker of MQTT with its sessions, for the simulation. What goes over its
// connections arrives late, in order and complete, until they break.
#pragma once

#include <algorithm>
#include <cstdint>
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
#include <vector>

#include "base/limits/mqtt.hpp"
#include "exchange/topic.hpp"
#include "mqtt/events.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge::simulation {

using namespace std::chrono_literals;

/// Time, chance, and what is to happen when.
class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed) {}

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
struct FaultPlan {
  bool is_lossy;       // messages vanish, come twice, come late, overtake each other
  bool cuts;           // connections break, or go deaf
  bool restarts;       // the broker
  bool has_strangers;  // other clients on our topics
  bool is_gentle;      // nothing of the above that could cost a call its answer
  bool tells;          // the broker says of a publish that it has no subscriber
  bool has_poison;     // requests on which the broker ends the connection
  bool refuses;        // connections for a while, and subscriptions that calls can do without
  bool tells_clashes;  // of a connection that another client took over with its client id
  bool reloads;        // bridges get other filters and other credentials
  enum class Nodes { one, clustered, bridged };
  Nodes nodes = Nodes::one;  // each client knows all; bridged: sessions are of one of them
};

/// What the broker ends the connection on.
constexpr std::string_view poison = "poison";
inline bool has_poison(std::string_view payload) {
  return payload.find(poison) != std::string_view::npos;
}

/// What subscriptions begin with that the broker may refuse, and no call needs.
constexpr std::string_view spare = "spare";

/// What the client ids of bridges begin with.
constexpr std::string_view bridge_ids = "bridge-";

using Message = MqttMessage;

// The broker ----------------------------------------------------------------------------------

class Broker {
 public:
  class Client {
   public:
    virtual void on_connected(bool session_present) = 0;
    virtual void on_not_connected(ConnectFailure failure) = 0;
    virtual void on_subscribed(std::uint64_t id, int reason_code) = 0;
    virtual void on_acknowledged(std::uint64_t id, Subscribers subscribers) = 0;
    virtual void on_message(const Message& message) = 0;
    virtual void on_lost(LinkLoss loss) = 0;

   protected:
    virtual ~Client() = default;
  };

  /// One TCP connection: in order, complete, until it breaks; then what was under way is gone.
  struct Connection {
    Client* client;
    std::string client_id;
    std::size_t node = 0;
    bool is_open = true;
    bool is_abandoned = false;  // the client wants to hear nothing of it
    Instant subscribed{};
    std::optional<Instant> deaf_since = {};
    bool is_doomed = false;  // it breaks with the next message for the client
    Instant to_broker{};     // when the last thing sent arrives
    Instant to_client{};
  };
  using Handle = std::shared_ptr<Connection>;

  Broker(Schedule& schedule, const FaultPlan& fault_plan)
      : schedule_(schedule), fault_plan_(fault_plan) {}

  // What clients do; the answers come through Client.
  enum class Keep { session, nothing };
  Handle connect(Client& client, const std::string& id, std::size_t node, bool clean, Keep keep,
                 std::optional<Message> will = {}) {
    auto connection =
        std::make_shared<Connection>(Connection{&client, session_name(id, node), node});
    if (!is_up(node)) {
      schedule_.after(schedule_.up_to(2ms), [connection] {
        if (!connection->is_abandoned)
          connection->client->on_not_connected(ConnectFailure::unreachable);
      });
      return connection;
    }
    connections_.push_back(connection);
    to_broker(connection, [this, connection, clean, keep, will] {
      if (schedule_.now() < refuses_until_ && connection->client_id.starts_with(bridge_ids))
        return refuse(connection);
      if (const Handle other = sessions_[connection->client_id].connection) {
        lose(other, schedule_.up_to(5ms),
             fault_plan_.tells_clashes ? LinkLoss::taken_over : LinkLoss::broken);
      }
      Session& session = sessions_[connection->client_id];
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

  void subscribe(const Handle& connection, std::uint64_t id, const std::string& filter,
                 Retained retained, Echo echo) {
    to_broker(connection, [this, connection, id, filter, retained, echo] {
      Session& session = sessions_[connection->client_id];
      connection->subscribed = schedule_.now();
      const bool is_granted = !is_refused(*connection, filter);
      to_client(connection, [connection, id, is_granted] {
        connection->client->on_subscribed(id, is_granted ? 1 : not_authorized);
      });
      if (!is_granted)
        return;
      session.filters.insert_or_assign(filter, echo);
      for (const auto& [topic, message] : retained_) {
        if (retained == Retained::sent && matches(filter, topic)) {
          Message old = message;
          old.retained = true;
          enqueue(session, old);
        }
      }
    });
  }

  void unsubscribe(const Handle& connection, const std::string& filter) {
    to_broker(connection, [this, connection, filter] {
      sessions_[connection->client_id].filters.erase(filter);
    });
  }

  void publish(const Handle& connection, std::uint64_t id, Message message) {
    to_broker(connection, [this, connection, id, message = std::move(message)] {
      const std::string& sender = connection->client_id;
      const bool is_request = sender.starts_with(bridge_ids);
      if (is_request && has_poison(message.payload))
        return cut(connection);
      const bool acknowledges_first = schedule_.chance(50);
      const bool is_taken = has_subscribers(message, sender);
      if (is_request && is_taken && message.correlation)
        ++requests_taken[*message.correlation];
      const auto subscribers =
          fault_plan_.tells && !is_taken ? Subscribers::none : Subscribers::perhaps;
      const auto acknowledge = [&] {
        to_client(connection, [connection, id, subscribers] {
          connection->client->on_acknowledged(id, subscribers);
        });
      };
      if (acknowledges_first)
        acknowledge();
      route(message, sender);
      if (!acknowledges_first)
        acknowledge();
    });
  }

  /// Somebody left a message before all this began.
  void retain(const Message& message) { retained_[message.topic] = message; }

  /// The client wants no more of it, or its process ends without a word.
  void abandon(const Handle& connection) {
    connection->is_abandoned = true;
    if (!connection->is_open)
      return;
    connection->is_open = false;
    schedule_.after(schedule_.up_to(1ms), [this, connection] { disconnected(connection); });
  }

  // What happens to it.
  void cut(const Handle& connection) {
    schedule_.note("the connection of ", connection->client_id, " breaks");
    lose(connection, schedule_.up_to(2ms));
  }
  void deafen(const Handle& connection) {
    schedule_.note("the connection of ", connection->client_id, " goes deaf");
    connection->deaf_since = schedule_.now();
    // One that says nothing by itself learns of it by its keep-alive.
    schedule_.after(limits::keep_alive * 3 / 2, [this, connection] { lose(connection, 0ms); });
  }

  /// Of bridges: CONNACK has a reason code that is a refusal. A responder that cannot come back is
  /// rightly said to be gone.
  void refuse_connections(Duration time) {
    schedule_.note("the broker refuses bridges");
    refuses_until_ = schedule_.now() + time;
  }
  /// Until then subscriptions to `spare` are refused, and some of those to `doubtful`: once
  /// granted, and once not.
  void grant_all_from(Instant time, std::set<std::string> doubtful) {
    grants_all_from_ = time;
    doubtful_ = std::move(doubtful);
  }

  /// One of its nodes is away; the other one goes on, and may not know the wills that it had.
  void fail(std::size_t node, Duration outage) {
    schedule_.note("node ", node, " fails");
    down_node_ = node;
    const bool forgets_wills = schedule_.chance(50);
    for (auto& [id, session] : sessions_) {
      if (forgets_wills && session.connection && session.connection->node == node)
        session.will.reset();
    }
    for (const auto& connection : std::vector(connections_)) {
      if (connection->node == node)
        lose(connection, schedule_.up_to(2ms));
    }
    schedule_.after(outage, [this, node] {
      schedule_.note("node ", node, " is back");
      if (down_node_ == node)
        down_node_.reset();
    });
  }

  enum class Memory { all, of_some_time_ago, none };
  void crash(Memory memory, Duration outage) {
    schedule_.note("the broker crashes and will remember ", memory == Memory::all ? "all"
                                                            : memory == Memory::none
                                                                ? "nothing"
                                                                : "how it was some time ago");
    is_up_ = false;
    for (auto& [id, session] : sessions_)
      session.will.reset();  // nobody is there to publish it
    for (const auto& connection : std::exchange(connections_, {}))
      lose(connection, schedule_.up_to(2ms));
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
    schedule_.after(outage, [this] {
      schedule_.note("the broker is back");
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
  bool has(const std::string& client_id, const std::string& filter) const {
    const auto found = sessions_.find(client_id);
    return found != sessions_.end() && found->second.filters.contains(filter);
  }
  bool is_up(std::size_t node = 0) const { return is_up_ && down_node_ != node; }
  std::size_t nodes() const { return fault_plan_.nodes == FaultPlan::Nodes::one ? 1 : 2; }
  /// Under which name the broker knows a client of this node.
  std::string session_name(const std::string& client_id, std::size_t node) const {
    return fault_plan_.nodes == FaultPlan::Nodes::bridged && node > 0
               ? client_id + " at " + std::to_string(node)
               : client_id;
  }

  /// How often a request of a bridge with this correlation data was taken for a subscriber.
  std::map<std::string, int> requests_taken;

 private:
  struct Session {
    bool exists = false;
    bool ends_with_connection = false;  // Session Expiry Interval 0
    Handle connection;
    std::map<std::string, Echo> filters;
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
    last = std::max(last, schedule_.now() + schedule_.up_to(500us));
    schedule_.at(last, [connection, happening = std::move(happening)] {
      if (connection->is_open && !connection->deaf_since)
        happening();
    });
  }

  bool is_refused(const Connection& connection, const std::string& filter) {
    if (schedule_.now() >= grants_all_from_)
      return false;
    return filter.starts_with(spare) || (connection.client_id.starts_with(bridge_ids) &&
                                         doubtful_.contains(filter) && schedule_.chance(50));
  }

  bool has_subscribers(const Message& message, const std::string& sender) const {
    return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
      return is_subscribed(session.second, message, session.first == sender);
    });
  }
  /// `is_own`: the session's client sent it (No Local, MQTT 5.0 3.8.3.1).
  static bool is_subscribed(const Session& session, const Message& message, bool is_own) {
    return std::any_of(session.filters.begin(), session.filters.end(), [&](const auto& each) {
      return matches(each.first, message.topic) && !(is_own && each.second == Echo::none);
    });
  }

  void route(const Message& message, const std::string& sender) {
    if (message.retained) {
      retained_.erase(message.topic);
      if (!message.payload.empty())
        retained_[message.topic] = message;
    }
    Message sent = message;
    sent.retained = false;
    for (auto& [id, session] : sessions_) {
      if (is_subscribed(session, message, id == sender))
        lose_or_enqueue(id, session, sent, id == sender);
    }
  }

  void lose_or_enqueue(const std::string& client_id, Session& session, const Message& message,
                       bool is_echo) {
    if (!fault_plan_.is_lossy || parse_status_topic(message.topic))
      return enqueue(session, message);
    if (schedule_.chance(3))
      return schedule_.note("lost: ", message.topic, " ", message.payload);
    // A responder that takes turns must not be made to answer twice; nor may a client be given
    // twice what it published itself: the second could be an answer.
    const bool may_come_twice = !message.topic.starts_with("own-") && !is_echo;
    if (may_come_twice && schedule_.chance(3))
      enqueue(session, message);
    if (!schedule_.chance(10))
      return enqueue(session, message);
    schedule_.after(schedule_.up_to(2s), [this, client_id, message] {
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

  void lose(const Handle& connection, Duration client_learns_after,
            LinkLoss loss = LinkLoss::broken) {
    if (!connection->is_open)
      return;
    connection->is_open = false;
    schedule_.after(client_learns_after, [connection, loss] {
      if (!connection->is_abandoned)
        connection->client->on_lost(loss);
    });
    disconnected(connection);
  }

  void refuse(const Handle& connection) {
    to_client(connection, [this, connection] {
      connection->is_open = false;
      std::erase(connections_, connection);
      connection->client->on_not_connected(ConnectFailure::refused);
    });
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
      route(*will, {});
  }

  Schedule& schedule_;
  const FaultPlan& fault_plan_;
  static constexpr int not_authorized = 0x87;  // (MQTT 5.0 3.9.3)

  bool is_up_ = true;
  std::optional<std::size_t> down_node_;
  Instant refuses_until_{};
  Instant grants_all_from_{};
  std::set<std::string> doubtful_;  // filters of bridges
  std::vector<Handle> connections_;
  std::map<std::string, Session> sessions_;
  std::map<std::string, Message> retained_;
  std::map<std::string, Session> saved_sessions_;
  std::map<std::string, Message> saved_retained_;
  std::uint64_t last_packet_ = 0;
};

}  // namespace mqtt_bridge::simulation
