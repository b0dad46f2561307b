#include "os/io/digest.hpp"

#include <cstdint>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace mqtt_bridge {

Sha256 digest_of(std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  Sha256 digest{};
  bool is_good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const std::string_view part : parts) {
    const std::uint64_t size = part.size();
    is_good = is_good && EVP_DigestUpdate(context.get(), &size, sizeof size) == 1 &&
              EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  if (!is_good || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
    throw std::runtime_error("OpenSSL has no SHA-256");
  return digest;
}

std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
  constexpr std::string_view digits = "0123456789abcdef";
  Sha256 digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
           &size) == nullptr)
    throw std::runtime_error("OpenSSL has no HMAC");
  std::string text;
  for (const unsigned char byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace mqtt_bridge
