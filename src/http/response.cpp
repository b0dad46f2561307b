#include "http/response.hpp"

#include <string_view>

#include "base/json_string.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t text_in_a_piece = 64 * 1024;

}  // namespace

void HttpResponse::take(std::string& piece) {
  if (is_taken_)
    return piece.clear();
  if (at_ == 0)
    piece = std::move(begin_);
  else
    piece.clear();
  const std::string_view text = std::string_view(text_).substr(at_, text_in_a_piece);
  if (kind_ == Text::inside_json_string)
    append_json(piece, text);
  else
    piece.append(text);
  at_ += text.size();
  is_taken_ = at_ == text_.size();
  if (is_taken_)
    piece.append(end_);
}

std::string whole(HttpResponse response) {
  std::string all;
  std::string piece;
  while (!response.is_taken()) {
    response.take(piece);
    all += piece;
  }
  return all;
}

}  // namespace mqtt_bridge
