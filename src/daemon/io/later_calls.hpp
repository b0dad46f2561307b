// Calls that their callers come back to: answered later (Prefer), or sent again (Idempotency-Key).
// Which call is meant, how long its answer is kept and who waits for it is exchange/calls' to say;
// how a call ends, the table's. What is told is http/later_responses.
//
// A call of this kind goes on when its caller has gone. Where there is a state directory, it goes
// on over a restart, too: nobody is told of it, nor is it published, before it is on the disk, and
// nobody is told its answer before that is.
//
// Threads: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <asio/io_context.hpp>

#include "base/wall_clock.hpp"
#include "daemon/io/batches.hpp"
#include "daemon/io/call_store.hpp"
#include "daemon/io/callbacks.hpp"
#include "daemon/stored_call.hpp"
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

LaterSubject subject_of(const HttpRequest& request, const BatchCall& call);

class LaterCalls {
 public:
  /// Who makes the calls.
  class Host {
   public:
    /// Gives it what its answer will be known by, where it has none.
    virtual void identify(BatchCall& call) = 0;
    /// What it is over MQTT.
    virtual std::variant<MqttRequest, Failure> request_of(BatchCall call) = 0;
    /// The exchange, or why there is none; ended() follows. act() comes after it.
    virtual std::variant<ExchangeId, Failure> begin_later(const CallId& id, LaterSubject subject,
                                                          MqttRequest request) = 0;
    virtual void act() = 0;
    virtual void give_up(ExchangeId exchange) = 0;
    virtual bool may_publish() const = 0;
    /// A call of an earlier run had no exchange any more.
    virtual void called_back(bool is_taken) = 0;
    virtual void record_later(const LaterSubject& subject, const Ended& ended) = 0;
    /// Answers a request whose call there is not, and says so in the log.
    virtual void refuse_call(HttpRequest& request, const Failure& failure) = 0;

   protected:
    ~Host() = default;
  };

  /// `state_dir`: empty where nothing is kept over a restart.
  LaterCalls(asio::io_context& loop, HttpApi& api, Host& host,
             const std::filesystem::path& state_dir);

  void set_callback_secret(std::string secret) { callbacks_.set_secret(std::move(secret)); }
  /// What an earlier run left. Blocks for the disk. Throws what is wrong with the file, as a
  /// std::runtime_error.
  void take_up();

  void begin(const std::shared_ptr<HttpRequest>& request, BatchCall call, const LaterWish& wish);
  /// Answers GET, HEAD and DELETE.
  void answer(const std::shared_ptr<HttpRequest>& request, const CallQuestion& question);
  /// The exchange of a call has ended.
  void ended(const CallId& id, Ended ended);

  // What happens to the exchange of a call, for the next run.
  bool are_kept() const { return store_.has_value(); }
  /// Whether an answer has come that the end of this program would cost.
  bool have_unwritten() const { return unwritten_ > 0; }
  void acknowledged(const CallId& id, Subscribers subscribers);
  /// Calls `go_on`, once it is on the disk that those that wait may be published from now on; at
  /// once where that is known.
  void before_publishing(std::function<void()> go_on);
  /// The exchanges that end from now on go on in the next run, where calls are kept.
  void end_run() { is_ending_ = true; }

  const Calls& calls() const { return calls_; }
  /// The file that keeps them over a restart; empty: there is none.
  std::string state() const { return store_ ? store_->file().string() : std::string(); }

 private:
  struct Waiter {
    CallId id;
    std::shared_ptr<HttpRequest> request;
    std::string applied;         // of its preferences; empty: it waits for the answer, and no less
    std::optional<Instant> due;  // then it waits no longer
  };

  /// A call that is not on the disk yet, and those who are told of it then.
  struct Pending {
    LaterSubject subject;
    MqttRequest mqtt;
    struct Asker {
      std::shared_ptr<HttpRequest> request;
      Preferences preferences;
      std::optional<Instant> due;
    };
    std::vector<Asker> askers = {};
  };

  void store(const CallId& id, const StoredCall& call);
  void stored(const CallId& id, const std::optional<std::string>& why_not);
  std::optional<Failure> go(const CallId& id, Pending& pending);
  void conclude(const CallId& id, const Calls::Outcome& outcome);
  void keep_outcome(const CallId& id, const Calls::Outcome& outcome);
  void call_back(const CallId& id, const Calls::Call& call);
  void keep_again(const CallId& id, const Calls::Outcome& outcome);
  void forget_on_disk(const CallId& id);
  void forget_dropped();
  void take_up(const StoredCall& kept, const WallClock& clock);
  void take_up_waiting(const StoredCall& kept, Calls::Call call, const StoredRequest& asked);
  std::variant<ExchangeId, Failure> begin_again(const StoredCall& kept, const Calls::Call& call,
                                                HttpRequest& request, const StoredRequest& asked,
                                                LaterSubject& subject);
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
  std::optional<CallStore> store_;
  Callbacks callbacks_;
  std::map<CallId, std::string> callback_urls_;  // of calls that have one, until it was called
  Calls calls_;
  std::map<CallId, Pending> pending_;
  std::map<CallId, Calls::Outcome> unkept_;  // that could not be written, and are tried again
  std::size_t unwritten_ = 0;                // outcomes that the file has not got yet
  bool has_unpublished_ = false;             // on the disk
  bool is_ending_ = false;
  std::map<WaiterId, Waiter> waiters_;
  std::set<std::pair<Instant, WaiterId>> due_;
  WaiterId last_waiter_ = 0;
  LoopTimer timer_;
  LoopTimer again_;  // for unkept_
};

}  // namespace mqtt_bridge
