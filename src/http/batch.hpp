// A batch: takes a body of lines apart as it comes in pieces, and says which line to begin next. It
// holds one piece of the body, and the lines that are begun are few: it begins with one, and more
// as answers come quickly, so that a slow service does not let lines time out while they wait for
// those before them.
//
// Invariants:
//  1. Each line that is not blank is given out once, in the order of the body.
//  2. At most `most` lines, of limits::batch_bytes together, are begun and not ended; of those with
//     more bytes, one.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.hpp"
#include "base/limits/batch.hpp"
#include "http/batch_line.hpp"

namespace mqtt_bridge {

class Batch {
 public:
  /// `timeout`: of each call.
  explicit Batch(Duration timeout, std::size_t most = limits::batch_window)
      : timeout_(timeout), most_(most) {}

  /// The next piece of the body. REQUIRES: wants_body().
  void take(std::string_view piece);
  /// There is no more of it. What is left without a newline is a line.
  void end_of_body() { body_ended_ = true; }
  /// The part of a line that has come is refused, and the rest of it left out.
  void refuse_line(Failure failure);
  /// No further line is begun.
  void stop();

  /// The next line, where one more may be begun, and counts as begun unless it is bad.
  std::optional<BatchItem> next();
  /// It could not be begun now: next() gives it again once another one has ended. REQUIRES: there
  /// is another one.
  void put_back(BatchLine line);
  /// A line with a message of so many bytes has ended. `took`: nothing where no call was made.
  void ended(std::size_t bytes, std::optional<Duration> took);

  /// Whether next() needs more of the body.
  bool wants_body() const;
  /// Whether everything has been given out and has ended.
  bool is_done() const;
  /// Bytes of the body that it holds.
  std::size_t held() const { return body_.size() - begin_; }
  std::size_t running() const { return running_; }
  std::size_t window() const { return window_; }
  /// The first line that was not given out.
  std::uint64_t next_number() const;

 private:
  bool has_room_for(std::size_t bytes) const;
  std::optional<std::string_view> next_line();
  std::optional<BatchItem> next_item();

  const Duration timeout_;
  const std::size_t most_;
  std::string body_;  // read, from begin_ on not given out
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;  // of body_: there is no newline before it
  bool body_ended_ = false;
  bool is_stopped_ = false;
  bool skips_line_ = false;   // up to the next newline
  std::uint64_t number_ = 0;  // of the last line
  std::optional<BadLine> refused_;
  std::optional<BatchLine> put_back_;
  bool waits_for_end_ = false;  // of any line, before put_back_ is given again
  std::size_t window_ = 1;
  std::size_t running_ = 0;
  std::size_t running_bytes_ = 0;
};

}  // namespace mqtt_bridge
