#include "mqtt/io/paho/workarounds.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "mqtt/io/paho/idle_client.hpp"
#include "mqtt/io/paho/read_ahead.hpp"
#include "mqtt/io/paho/security_level.hpp"
#include "mqtt/io/paho/send_thread.hpp"
#include "mqtt/io/paho/trace.hpp"

namespace mqtt_bridge::paho {
namespace {

/// Up to the port.
std::string without_port(const std::string& uri) {
  return uri.substr(0, uri.rfind(':') + 1);
}

std::uint16_t port_of(const std::string& uri) {
  std::uint16_t port = 0;
  std::from_chars(uri.data() + without_port(uri).size(), uri.data() + uri.size(), port);
  return port;
}

}  // namespace

Workarounds::Workarounds(const MqttConnectOptions& options)
    : uri_(options.uri),
      peer_(options.peer),
      hand_over_(options.socket, port_of(options.uri), options.version) {
  idle_client();
  silence_trace();
}

std::string Workarounds::uri() const {
  return without_port(uri_) + std::to_string(hand_over_.port());
}

void Workarounds::connected() {
  if (const int descriptor = hand_over_.descriptor(); descriptor >= 0)
    socket_.tune(descriptor);
  else
    socket_.tune(peer_);
  receive_thread_.has(ReceiveThread::Need::connected);
}

void Workarounds::kick() const {
  kick_send_thread();
}

std::vector<std::string> Workarounds::missing() const {
  const std::array<std::pair<bool, const char*>, 5> all{{
      {hand_over_.descriptor() >= 0,
       "connect() is not ours: over TLS one address of the broker's name is tried, and a slow name "
       "server blocks everything"},
      {is_security_level_kept(),
       "SSL_CTX_set_security_level() is not ours: keys and signatures that this system's policy "
       "takes for too weak are accepted from the broker"},
      {is_receive_thread_woken(),
       "usleep() is not ours: a call after a second of silence takes 100 ms more"},
      {is_poll_seen(), "poll() is not ours: connecting to the broker takes 1 s more"},
      {is_writev_seen(), "writev() is not ours: a call costs twice the processor time"},
  }};
  std::vector<std::string> missing = socket_.missing();
  for (const auto& [is_in_effect, what] : all) {
    if (!is_in_effect)
      missing.emplace_back(what);
  }
  return missing;
}

}  // namespace mqtt_bridge::paho
