// A serialised HTTP response on its way out. A large text is neither copied nor escaped all at
// once: it goes out in pieces, so that no turn of the loop takes long. Value.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace mqtt_bridge {

class HttpResponse {
 public:
  enum class Text { plain, inside_json_string };

  HttpResponse() = default;
  /// All of it.
  HttpResponse(std::string whole) : begin_(std::move(whole)) {}
  /// `begin` is the head, and the body up to `text`. REQUIRES: in JSON, `text` is UTF-8.
  HttpResponse(std::string begin, std::string text, Text kind, std::string end)
      : begin_(std::move(begin)), text_(std::move(text)), kind_(kind), end_(std::move(end)) {}

  /// Makes of `piece`, whose memory is used again, what is to be sent next; empty at the end.
  void take(std::string& piece);
  bool is_taken() const { return is_taken_; }

  /// That it holds.
  std::size_t bytes() const { return begin_.size() + text_.size() + end_.size(); }

 private:
  std::string begin_;
  std::string text_;
  Text kind_ = Text::plain;
  std::string end_;
  std::size_t at_ = 0;  // in text_
  bool is_taken_ = false;
};

/// All that is left of it.
std::string whole(HttpResponse response);

}  // namespace mqtt_bridge
