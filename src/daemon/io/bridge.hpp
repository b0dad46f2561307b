// Joins the HTTP server, the table of exchanges and the link to the broker on one event loop; fills
// in the log line and the metrics of each request, and ends the daemon on SIGTERM. It decides who
// is told what; the rules are exchange/exchanges.hpp's.
//
// The way down (drain): readiness goes, the listening sockets close; the requests of open
// connections are served, by the answer or the deadline, for limits::drain_timeout at most; once
// the last connection is gone the link says goodbye, and the loop is stopped. A second drain() ends
// everything at once.
//
// Threads: everything on the loop's thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/limits/http.hpp"
#include "daemon/activity.hpp"
#include "daemon/io/batches.hpp"
#include "daemon/io/later_calls.hpp"
#include "daemon/io/metrics.hpp"
#include "daemon/io/run_mark.hpp"
#include "daemon/io/watchers.hpp"
#include "exchange/call_ids.hpp"
#include "exchange/daemon_group.hpp"
#include "exchange/driver.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/response_inbox.hpp"
#include "http/io/api.hpp"
#include "http/io/server.hpp"
#include "mqtt/io/link.hpp"
#include "os/io/loop_timer.hpp"
#include "route/route_request.hpp"

namespace mqtt_bridge {

/// Several daemons that serve the same NetIDs, and what this one of them does.
struct GroupOptions {
  std::string name;  // empty: it is alone
  DaemonGroup::Turns turns = DaemonGroup::Turns::are_of_another;
};

struct BridgeOptions {
  HttpApiOptions api;
  Exchanges::Bounds bounds;
  MqttLinkOptions link;  // its filters are made from the NetIDs of `api`
  GroupOptions group = {};
  std::size_t most_connections = limits::connections;
  std::filesystem::path state_dir = {};  // empty: nothing is known of an earlier run
  std::string callback_secret = {};
  std::string config_file = {};  // for people; empty: none
};

class Bridge : private MqttLink::User,
               private ExchangeHost,
               private HttpServer::Service,
               private Batches::Host,
               private LaterCalls::Host,
               private HttpApi::Subject {
 public:
  Bridge(asio::io_context& loop, BridgeOptions options);

  void listen(std::unique_ptr<Listener> listener) { server_.listen(std::move(listener)); }
  void start();
  void drain();
  /// From now on these, as far as MqttLink::reconfigure() can; calls in flight go on.
  void reload(BridgeOptions options);
  /// It was to, and stays as it was.
  void could_not_reload(const std::string& why);

  const MqttLink& link() const { return link_; }

 private:
  struct Caller {
    std::shared_ptr<HttpRequest> request;
    std::string netid = {};
    std::string action = {};
    std::string route = {};  // its path, as it is configured; empty: /transform's
    std::string trace_id = {};
    std::size_t bytes = 0;                   // of the text that was sent
    std::optional<Batches::Line> line = {};  // of a batch
    std::optional<CallId> later = {};        // then there is no request, but:
    std::string later_request_id = {};
    std::string later_from = {};

    std::string request_id() const {
      return later ? later_request_id : line ? line->request_id() : request->request_id;
    }
    const std::string& from() const { return later ? later_from : request->from; }
  };
  /// Who a call is of that nobody waits for on a connection. There may be very many of them, so it
  /// is small: what the log says, one behind the other.
  struct LaterCaller {
    CallId id;
    std::string subject;
  };
  static Caller caller_of(std::shared_ptr<HttpRequest> request, const BatchCall& call);

  std::optional<Forbidden> why_forbidden(const mqtt_bridge::Caller& caller) override;
  std::optional<HttpResponse> refuse_early(HttpRequest& request) override;
  void on_request(std::shared_ptr<HttpRequest> request) override;
  bool takes_pieces(HttpRequest& request) override;
  void on_stream(std::shared_ptr<HttpRequest> request, std::shared_ptr<HttpStream> stream) override;
  HttpResponse refuse(HttpRequest& request, const Failure& failure) override;

  BridgeStatus status() const override;
  std::string metrics() override;

  void on_subscriptions_refused(const std::set<std::string>& filters) override;
  void on_subscribed(const std::string& filter, bool is_granted) override;
  void on_link_up(const LinkUp& link) override;
  void on_link_down() override;
  bool risks_link() const override { return exchanges_.is_on_trial(); }
  void on_message(const MqttMessage& message) override;
  void on_acknowledged(std::uint64_t id, Subscribers subscribers) override;
  void on_refused(std::uint64_t id, Refusal refusal, const std::string& why) override;
  void on_attempt_failed(ConnectFailure failure, const std::string& why) override;
  void on_batch_end() override { act(); }
  void take_part();
  void leave_group();
  std::optional<std::string> why_not_in_group() const;
  std::optional<GroupStatus> group_status() const;

  std::variant<ExchangeId, Failure> begin_line(const Batches::Line& line, BatchCall call) override;
  void record_refused(const Batches::Line& line, const BatchCall& call,
                      const Failure& failure) override;
  void withdraw(ExchangeId exchange) override { exchanges_.withdraw(exchange, Clock::now()); }

  void identify(BatchCall& call) override;
  bool may_publish() const override { return link_.is_up(); }
  void called_back(bool is_taken) override { metrics_.called_back(is_taken); }
  void record_later(const LaterSubject& subject, const Ended& ended) override;
  static Caller caller_of(const CallId& id, LaterSubject subject);
  std::variant<MqttRequest, Failure> request_of(BatchCall call) override;
  std::variant<ExchangeId, Failure> begin_later(const CallId& id, LaterSubject subject,
                                                MqttRequest request) override;
  void give_up(ExchangeId exchange) override { exchanges_.give_up(exchange, Clock::now()); }
  void refuse_call(HttpRequest& request, const Failure& failure) override;

  void use_link(const LinkUp& link);
  void answer_later(Ended ended);
  void keep_acknowledged(ExchangeId exchange, Subscribers subscribers);
  std::variant<ExchangeId, Failure> admit(Caller& caller, BatchCall call);

  /// Carries out all that the table has decided.
  void act() override;
  bool is_linked() const override { return link_.is_up(); }
  void publish(const MqttPublish& request) override;
  void change(const CallFilters::Change& change) override;
  void keep(const TurnNote& note) override;
  void answer(Ended ended) override;
  void expect_answers(bool expected) override { link_.expect_answers(expected); }
  /// What became of it on the wire. `bytes`: of the answer.
  struct Sent {
    std::optional<Problem> problem;
    int status;
    std::size_t bytes;
  };
  static Sent sent_in_line(const Ended& ended);
  void record(const Caller& caller, const Ended& ended, const Sent& sent);
  enum class Was { no_call, call };
  void record(const HttpRequest& request, const HttpApi::Reply& reply, Was was = Was::no_call);
  void set_deadline_timer(std::optional<Instant> next);
  void abandon();
  void end();
  std::optional<std::string> why_not_ready() const;
  void tell_systemd() const;

  asio::io_context& loop_;
  const Instant started_;
  const std::string config_file_;
  std::optional<Happened> last_reload_;
  std::optional<Instant> linked_since_;
  std::optional<Happened> last_loss_;  // of the link
  const std::string client_id_;
  HttpApi api_;
  Metrics metrics_;
  Activity activity_;
  Watchers watchers_;
  RunMark mark_;
  Exchanges exchanges_;
  std::unordered_map<ExchangeId, Caller> callers_;
  std::unordered_map<ExchangeId, LaterCaller> later_callers_;
  asio::steady_timer deadline_timer_;
  std::optional<Instant> timer_set_for_;
  asio::steady_timer drain_timer_;
  bool is_draining_ = false;
  std::optional<DaemonGroup> group_;
  std::optional<LinkUp> link_to_use_;  // once the group is settled
  LoopTimer group_timer_;
  bool is_leaving_ = false;  // the group, and has said so
  ResponseInbox inbox_;
  bool has_inbox_ = false;  // the broker lets us subscribe to it
  MqttLink link_;
  HttpServer server_;
  Batches batches_;
  LaterCalls later_;
  CallIds call_ids_;
};

}  // namespace mqtt_bridge
