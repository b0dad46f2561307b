#include "client/call_window.hpp"

namespace mqtt_bridge {

bool CallWindow::is_full() const {
  return !calls_.empty() && (calls_.size() >= most_calls_ || bytes_ >= most_bytes_);
}

std::uint64_t CallWindow::begin(std::size_t bytes) {
  bytes_ += bytes;
  calls_.push_back({bytes, std::nullopt});
  return first_ + calls_.size() - 1;
}

void CallWindow::end(std::uint64_t number, CallResult result) {
  Waiting& call = calls_[number - first_];
  bytes_ -= call.bytes;
  call.bytes = result.text.size() + result.json.size();
  bytes_ += call.bytes;
  call.result = std::move(result);
}

std::optional<std::pair<std::uint64_t, CallResult>> CallWindow::next() {
  if (calls_.empty() || !calls_.front().result)
    return std::nullopt;
  std::pair result(first_++, *std::move(calls_.front().result));
  bytes_ -= calls_.front().bytes;
  calls_.pop_front();
  return result;
}

}  // namespace mqtt_bridge
