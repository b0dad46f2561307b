// The messages of many calls: the lines of a file or of stdin, or one message again and again.
// Threads: the loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "client/line_splitter.hpp"

namespace mqtt_bridge {

class LineInput {
 public:
  /// Reads `file`, or stdin where it is empty; throws std::runtime_error where it cannot be opened.
  /// A line has `most` bytes.
  LineInput(asio::io_context& loop, const std::string& file, std::size_t most);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  /// Nothing: none is there yet, or is_at_end(). Throws std::runtime_error where it cannot be read.
  std::optional<InputLine> next();
  bool is_at_end() const { return is_at_end_; }
  /// Calls `action` once more may be there.
  void when_ready(std::function<void()> action);
  /// How much of it has been read, from 0 to 1; nothing where its size is not known.
  std::optional<double> part() const;

 private:
  bool read_piece();

  const std::string name_;
  const bool is_ours_;  // to close
  asio::posix::stream_descriptor stream_;
  int descriptor_ = -1;
  bool has_to_wait_ = false;  // a read may block
  bool is_ready_ = false;
  bool is_at_end_ = false;
  std::optional<std::uint64_t> size_;
  std::uint64_t read_ = 0;
  LineSplitter lines_;
};

}  // namespace mqtt_bridge
