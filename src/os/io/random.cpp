#include "os/io/random.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/random.h>

namespace mqtt_bridge {
namespace {

class Batch {
 public:
  unsigned char next() {
    if (next_ == bytes_.size())
      refill();
    return std::exchange(bytes_[next_++], static_cast<unsigned char>(0));
  }

 private:
  void refill() {
    // Up to 256 bytes come whole, or not at all (getrandom(2)).
    while (getrandom(bytes_.data(), bytes_.size(), 0) < 0) {
      if (errno != EINTR)
        throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    next_ = 0;
  }

  std::array<unsigned char, 256> bytes_{};
  std::size_t next_ = 256;
};

thread_local Batch batch;

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes)
    byte = static_cast<char>(batch.next());
  return bytes;
}

std::string random_hex(std::size_t bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) {
    const unsigned char byte = batch.next();
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string random_text(std::size_t characters) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text(characters, '\0');
  for (char& c : text)
    c = alphabet[batch.next() % alphabet.size()];
  return text;
}

std::uint32_t random_below(std::uint32_t bound) {
  const auto draw = [] {
    std::uint32_t number = 0;
    for (int i = 0; i < 4; ++i)
      number = number << 8 | batch.next();
    return number;
  };
  const std::uint32_t uneven = (0U - bound) % bound;  // the first numbers come once too often
  std::uint32_t number = draw();
  while (number < uneven)
    number = draw();
  return number % bound;
}

}  // namespace mqtt_bridge
