#include "mqtt/io/paho/idle_client.hpp"

namespace mqtt_bridge::paho {

MQTTAsync idle_client() {
  static const MQTTAsync instance = [] {
    // OpenSSL sets itself up once TLS is used (OPENSSL_init_ssl(3)). The library would have it do
    // so at the start of a program that uses none: a sixth of the work of a call without a daemon.
    MQTTAsync_init_options without_openssl = MQTTAsync_init_options_initializer;
    MQTTAsync_global_init(&without_openssl);
    MQTTAsync client = nullptr;
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.struct_version = 2;  // the first that has the members below
    options.sendWhileDisconnected = 1;
    options.allowDisconnectedSendAtAnyTime = 1;
    options.maxBufferedMessages = 1;
    options.deleteOldestMessages = 1;
    MQTTAsync_createWithOptions(&client, "tcp://127.0.0.1:1", "idler", MQTTCLIENT_PERSISTENCE_NONE,
                                nullptr, &options);
    return client;
  }();
  return instance;
}

}  // namespace mqtt_bridge::paho
