#include "mqtt/io/paho/security_level.hpp"

#include <openssl/ssl.h>

#include "mqtt/io/paho/interposed.hpp"

namespace mqtt_bridge::paho {

bool is_security_level_kept() {
  return is_ours("SSL_CTX_set_security_level");
}

}  // namespace mqtt_bridge::paho

extern "C" __attribute__((visibility("default"))) void SSL_CTX_set_security_level(SSL_CTX* context,
                                                                                  int level) {
  using namespace mqtt_bridge::paho;
  static const auto next = hidden<void(SSL_CTX*, int)>("SSL_CTX_set_security_level");
  if (level > SSL_CTX_get_security_level(context))
    next(context, level);
}
