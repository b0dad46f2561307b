// Cuts what comes in pieces into lines, one call each. Value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

struct InputLine {
  std::string text;          // without its LF or CR LF
  bool is_too_long = false;  // then it is cut
};

/// Holds the piece that was fed last and the beginning of one line, of which it keeps `most` bytes.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t most) : most_(most) {}

  /// REQUIRES: next() gave nothing.
  void feed(std::string_view piece);
  /// Nothing more comes: what is left is a line, if it is not empty.
  void end() { ended_ = true; }
  std::optional<InputLine> next();

 private:
  void keep(std::string_view bytes);
  InputLine take();

  const std::size_t most_;
  std::string piece_;
  std::size_t at_ = 0;  // in piece_
  std::string line_;
  bool began_ = false;  // a line of which no end has come
  bool is_too_long_ = false;
  bool ended_ = false;
};

}  // namespace mqtt_bridge
