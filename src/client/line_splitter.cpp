#include "client/line_splitter.hpp"

#include <algorithm>
#include <utility>

namespace mqtt_bridge {

void LineSplitter::feed(std::string_view piece) {
  piece_ = piece;
  at_ = 0;
}

std::optional<InputLine> LineSplitter::next() {
  if (at_ < piece_.size()) {
    const std::string_view rest = std::string_view(piece_).substr(at_);
    const std::size_t end = rest.find('\n');
    keep(rest.substr(0, end));
    at_ += end == std::string_view::npos ? rest.size() : end + 1;
    if (end != std::string_view::npos)
      return take();
  }
  return ended_ && began_ ? std::optional(take()) : std::nullopt;
}

/// One byte more than the line may have, since that may be a carriage return.
void LineSplitter::keep(std::string_view bytes) {
  const std::size_t room = most_ + 1 - line_.size();
  is_too_long_ = is_too_long_ || bytes.size() > room;
  line_ += bytes.substr(0, room);
  began_ = true;
}

InputLine LineSplitter::take() {
  InputLine line{std::exchange(line_, {}), std::exchange(is_too_long_, false)};
  began_ = false;
  if (!line.is_too_long && line.text.ends_with('\r'))
    line.text.pop_back();
  line.is_too_long = line.is_too_long || line.text.size() > most_;
  return line;
}

}  // namespace mqtt_bridge
