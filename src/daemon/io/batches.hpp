// Batches: requests with a call in each line, whose results go out a line each, as they come. It
// reads a body no faster than its lines are begun, and begins them no faster than their results are
// read. What is a line, and how many are begun, is http/batch's to say; how a call ends, the
// table's.
//
// A batch that cannot go on, because its body breaks or the daemon stops, ends with a line whose id
// is null; its problem names the first line that was not begun. One whose caller has gone is
// forgotten, and those of its calls that were not published end.
//
// Threads: everything on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include <asio/io_context.hpp>

#include "exchange/call.hpp"
#include "http/batch.hpp"
#include "http/io/api.hpp"
#include "http/request.hpp"
#include "http/stream.hpp"
#include "route/route_request.hpp"

namespace mqtt_bridge {

/// The call that each line of a batch makes, with a message of its own.
using BatchCall = std::variant<Call, RouteCall>;

class Batches {
 public:
  class Run;

  /// Which line of which batch a call is.
  struct Line {
    std::shared_ptr<Run> run;
    std::uint64_t number = 0;
    std::string id = {};
    std::size_t bytes = 0;  // of its message

    std::shared_ptr<HttpRequest> request() const;
    /// That of the batch, and the line's number.
    std::string request_id() const;
  };

  /// Who makes the calls.
  class Host {
   public:
    /// The exchange, or why there is none; answered() follows.
    virtual std::variant<ExchangeId, Failure> begin_line(const Line& line, BatchCall call) = 0;
    /// After one or more of them.
    virtual void act() = 0;
    /// A line made no call, because of `failure`.
    virtual void record_refused(const Line& line, const BatchCall& call,
                                const Failure& failure) = 0;
    /// Its caller has gone; act() follows.
    virtual void withdraw(ExchangeId exchange) = 0;

   protected:
    ~Host() = default;
  };

  Batches(asio::io_context& loop, Host& host);
  ~Batches();

  /// `head`: of the answer. `call`: as the request asks for it, without a message.
  void begin(const std::shared_ptr<HttpRequest>& request, std::shared_ptr<HttpStream> stream,
             HttpResponse head, BatchCall call);
  /// A call has ended. Takes the answer's text.
  void answered(const Line& line, Ended& ended);
  /// No further line is begun.
  void drain();

 private:
  void advance(const std::shared_ptr<Run>& run);
  void begin_lines(const std::shared_ptr<Run>& run);
  void begin_line(const std::shared_ptr<Run>& run, BatchLine line);
  void refuse(const Line& line, const Failure& failure);
  void read(const std::shared_ptr<Run>& run);
  void take(const std::shared_ptr<Run>& run, std::string piece, HttpStream::Body body);
  void wait_for_reader(const std::shared_ptr<Run>& run);
  void end(const std::shared_ptr<Run>& run);
  void forget(const std::shared_ptr<Run>& run);
  void advance_soon(const std::shared_ptr<Run>& run);
  void count_held(Run& run);

  asio::io_context& loop_;
  Host& host_;
  std::unordered_set<std::shared_ptr<Run>> runs_;
  std::vector<std::shared_ptr<Run>> to_advance_;
  std::size_t held_ = 0;  // of the bodies of all
  bool is_draining_ = false;
};

}  // namespace mqtt_bridge
