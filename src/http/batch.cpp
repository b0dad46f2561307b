#include "http/batch.hpp"

#include <algorithm>
#include <utility>

namespace mqtt_bridge {
namespace {

Failure too_long() {
  return {Problem::payload_too_large, "the line is longer than this bridge takes", {}};
}

}  // namespace

void Batch::take(std::string_view piece) {
  body_.erase(0, std::exchange(begin_, 0));
  searched_ = body_.size();
  if (skips_line_) {
    const std::size_t end = piece.find('\n');
    if (end == std::string_view::npos)
      return;
    piece.remove_prefix(end + 1);
    skips_line_ = false;
  }
  body_.append(piece);
  if (body_.size() > limits::batch_line_bytes && body_.find('\n', searched_) == std::string::npos)
    refuse_line(too_long());
}

void Batch::refuse_line(Failure failure) {
  ++number_;
  refused_ = BadLine{number_, std::to_string(number_), std::move(failure)};
  skips_line_ = true;
  std::string().swap(body_);  // an assignment would keep its memory
  begin_ = searched_ = 0;
}

void Batch::stop() {
  is_stopped_ = true;
  std::string().swap(body_);
  begin_ = searched_ = 0;
}

bool Batch::has_room_for(std::size_t bytes) const {
  return running_ == 0 || (running_ < window_ && running_bytes_ + bytes <= limits::batch_bytes);
}

std::optional<std::string_view> Batch::next_line() {
  const std::string_view body = body_;
  std::size_t end = body.find('\n', std::max(begin_, searched_));
  if (end == std::string_view::npos) {
    searched_ = body.size();
    if (!body_ended_ || begin_ == body.size())
      return std::nullopt;
    end = body.size();
  }
  const std::string_view line = body.substr(begin_, end - begin_);
  begin_ = std::min(end + 1, body.size());
  return line;
}

std::optional<BatchItem> Batch::next_item() {
  if (refused_) {
    BadLine refused = *std::move(refused_);
    refused_.reset();
    return refused;
  }
  while (const auto line = next_line()) {
    ++number_;
    if (line->find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    if (line->size() > limits::batch_line_bytes)
      return BadLine{number_, std::to_string(number_), too_long()};
    return parse_batch_line(*line, number_);
  }
  return std::nullopt;
}

std::optional<BatchItem> Batch::next() {
  if (is_stopped_ || waits_for_end_ || (running_ > 0 && running_ >= window_))
    return std::nullopt;
  std::optional<BatchItem> item;
  if (put_back_) {
    item = *std::move(put_back_);
    put_back_.reset();
  } else {
    item = next_item();
  }
  auto* const line = item ? std::get_if<BatchLine>(&*item) : nullptr;
  if (line == nullptr)
    return item;
  if (!has_room_for(line->message.size())) {
    put_back_ = std::move(*line);
    waits_for_end_ = true;
    return std::nullopt;
  }
  ++running_;
  running_bytes_ += line->message.size();
  return item;
}

void Batch::put_back(BatchLine line) {
  --running_;
  running_bytes_ -= line.message.size();
  waits_for_end_ = running_ > 0;
  put_back_ = std::move(line);
}

void Batch::ended(std::size_t bytes, std::optional<Duration> took) {
  --running_;
  running_bytes_ -= bytes;
  waits_for_end_ = false;
  if (took && *took <= timeout_ / 4)
    window_ = std::min(window_ + 1, most_);
  else if (took && *took >= timeout_ / 2)
    window_ = std::max<std::size_t>(window_ / 2, 1);
}

std::uint64_t Batch::next_number() const {
  if (put_back_)
    return put_back_->number;
  return refused_ ? refused_->number : number_ + 1;
}

bool Batch::wants_body() const {
  return !body_ended_ && !is_stopped_ && !put_back_ && !refused_ && searched_ == body_.size();
}

bool Batch::is_done() const {
  const bool is_read = body_ended_ && !put_back_ && !refused_ && begin_ == body_.size();
  return running_ == 0 && (is_read || is_stopped_);
}

}  // namespace mqtt_bridge
