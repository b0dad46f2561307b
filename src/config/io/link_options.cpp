#include "config/io/link_options.hpp"

#include <stdexcept>
#include <utility>

#include "mqtt/io/tls_check.hpp"
#include "os/io/secrets.hpp"

namespace mqtt_bridge {

MqttLinkOptions link_options_of(const BrokerOptions& broker) {
  MqttLinkOptions link;
  link.brokers = broker.urls;
  link.protocol = broker.protocol;
  link.client_id = broker.client_id;
  if (!broker.username.empty())
    link.username = broker.username;
  if (!broker.username_file.empty())
    link.username = read_secret(broker.username_file, "--username-file");
  if (!broker.password_file.empty())
    link.password = read_secret(broker.password_file, "--password-file");
  if (broker.urls.front().scheme == BrokerUrl::Scheme::mqtts) {
    MqttTls tls{broker.ca_file, broker.cert_file, broker.key_file};
    for (const auto& [file, option] : {std::pair(broker.ca_file, "--ca-file"),
                                       {broker.cert_file, "--cert-file"},
                                       {broker.key_file, "--key-file"}}) {
      if (!file.empty())
        tls.fingerprint = 31 * tls.fingerprint + fingerprint_of(file, option);
    }
    if (const auto why = why_not_usable(tls))
      throw std::runtime_error(*why);
    link.tls = tls;
  }
  return link;
}

}  // namespace mqtt_bridge
