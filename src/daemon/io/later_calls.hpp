// Calls that their callers come back to: answered later (Prefer), or sent again (Idempotency-Key).
// Which call is meant, how long its answer is kept and who waits for it is exchange/calls' to say;
// how a call ends, the table's. What is told is http/later_responses.
//
// A call of this kind goes on when its caller has gone.
//
// Threads: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include <asio/io_context.hpp>

#include "daemon/io/batches.hpp"
#include "exchange/calls.hpp"
#include "http/decide.hpp"
#include "http/io/api.hpp"
#include "http/later_wish.hpp"
#include "http/request.hpp"
#include "os/io/loop_timer.hpp"

namespace mqtt_bridge {

/// What the log says of a call.
struct LaterSubject {
  std::string request_id;
  std::string from;
  std::string netid = {};
  std::string action = {};
  std::string route = {};
  std::string trace_id = {};
  std::size_t bytes = 0;  // of its text
};

class LaterCalls {
 public:
  /// Who makes the calls.
  class Host {
   public:
    /// What it is over MQTT.
    virtual std::variant<MqttRequest, Failure> request_of(BatchCall call) = 0;
    /// The exchange, or why there is none; ended() follows. act() comes after it.
    virtual std::variant<ExchangeId, Failure> begin_later(const CallId& id, LaterSubject subject,
                                                          MqttRequest request) = 0;
    virtual void act() = 0;
    virtual void give_up(ExchangeId exchange) = 0;
    /// Answers a request whose call there is not, and says so in the log.
    virtual void refuse_call(HttpRequest& request, const Failure& failure) = 0;

   protected:
    ~Host() = default;
  };

  LaterCalls(asio::io_context& loop, HttpApi& api, Host& host);

  void begin(const std::shared_ptr<HttpRequest>& request, BatchCall call, const LaterWish& wish);
  /// Answers GET, HEAD and DELETE.
  void answer(const std::shared_ptr<HttpRequest>& request, const CallQuestion& question);
  /// The exchange of a call has ended.
  void ended(const CallId& id, Ended ended);

  const Calls& calls() const { return calls_; }
  /// The file that keeps them over a restart; empty: there is none.
  std::string state() const { return {}; }

 private:
  struct Waiter {
    CallId id;
    std::shared_ptr<HttpRequest> request;
    std::string applied;         // of its preferences; empty: it waits for the answer, and no less
    std::optional<Instant> due;  // then it waits no longer
  };

  Digest owner_of(const HttpRequest& request) const;
  void join(const std::shared_ptr<HttpRequest>& request, const CallId& id, const Digest& content,
            const LaterWish& wish, Instant deadline);
  void answer_or_wait(const std::shared_ptr<HttpRequest>& request, const CallId& id,
                      const Preferences& preferences, std::optional<Instant> due);
  void wait(const std::shared_ptr<HttpRequest>& request, const CallId& id, std::string applied,
            std::optional<Instant> due);
  void give_up(const std::shared_ptr<HttpRequest>& request, const CallId& id);
  void tell_outcome(HttpRequest& request, const Calls::Call& call);
  void tell_accepted(HttpRequest& request, const CallId& id, const std::string& applied);
  void tell(HttpRequest& request, HttpResponse response);
  std::shared_ptr<HttpRequest> take(WaiterId waiter);
  void expire();
  void set_timer();

  HttpApi& api_;
  Host& host_;
  Calls calls_;
  std::map<WaiterId, Waiter> waiters_;
  std::set<std::pair<Instant, WaiterId>> due_;
  WaiterId last_waiter_ = 0;
  LoopTimer timer_;
};

}  // namespace mqtt_bridge
