// SHA-256 (FIPS 180-4), and signatures with it. Stateless.
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mqtt_bridge {

using Sha256 = std::array<unsigned char, 32>;

/// Of all parts, each with its length, so that no two lists are alike.
Sha256 digest_of(std::initializer_list<std::string_view> parts);

/// HMAC (RFC 2104), in lower-case hexadecimal digits.
std::string hmac_sha256_hex(std::string_view key, std::string_view message);

}  // namespace mqtt_bridge
