#include "config/io/programs.hpp"

namespace mqtt_bridge {
namespace {

/// `prefix` is that of the environment.
std::string meaning_of_variables(const std::string& prefix) {
  return "An option as a variable: --log-level is " + prefix +
         "LOG_LEVEL. Commas separate the values of a repeatable one. A flag beats the environment, "
         "and that beats the file of --config, where the same option is log-level = \"debug\"";
}

std::vector<Manual::Entry> exit_codes() {
  return {{"0", "It was stopped, or what was asked for is so"},
          {"1", "It failed, or --check-health says that it is not ready"},
          {"2", "An option, a variable or the configuration is wrong; a restart does not help"}};
}

Manual::Entry no_color() {
  return {"NO_COLOR", "Where it is set, the log has no colours"};
}

}  // namespace

Program bridged_program() {
  return {
      .manual =
          {.program = "mqtt_bridged",
           .section = 8,
           .summary = "HTTP daemon that makes MQTT request/response services callable",
           .purpose = "HTTP daemon: POST /transform/<action> becomes an MQTT request; its response "
                      "is the answer.",
           .usages = {"mqtt_bridged [OPTION]..."},
           .groups = {},
           .examples = {{"mqtt_bridged",
                         "Serve http://localhost:8426 with the broker at localhost:1883"},
                        {"curl --data hello localhost:8426/transform/uppercase", "Call it"},
                        {"mqtt_bridged --broker mqtts://broker.example --username bridge \\\n"
                         "    --password-file /etc/mqtt-bridge/password",
                         "With a broker that wants TLS and a password"},
                        {"mqtt_bridged --config bridge.toml --check-config",
                         "Check a configuration file"}},
           .exit_codes = exit_codes(),
           .environment = {{"MQTT_BRIDGE_<OPTION>", meaning_of_variables("MQTT_BRIDGE_")},
                           {"STATE_DIRECTORY", "Of systemd: the default of --state-dir"},
                           {"RUNTIME_DIRECTORY", "Of systemd: where bridge.sock is by default"},
                           no_color()},
           .files = {{"/etc/mqtt-bridge/mqtt_bridged.toml",
                      "The configuration of the systemd unit; it has each option at its default"}},
           .see_also = {"mqtt_client(1)", "mqtt_responder(8)", "mosquitto(8)"}},
      .environment_prefix = "MQTT_BRIDGE_",
      .version = MQTT_BRIDGE_VERSION};
}

Program responder_program() {
  return {
      .manual =
          {.program = "mqtt_responder",
           .section = 8,
           .summary = "service that answers MQTT requests",
           .purpose = "MQTT service: answers requests on <netid>/<action>/request, for every NetID "
                      "and the actions uppercase, lowercase, title-case, reverse and shuffle; with "
                      "--serve any program can answer one more.",
           .usages = {"mqtt_responder [OPTION]..."},
           .groups = {},
           .examples = {{"mqtt_responder", "Answer with the broker at localhost:1883"},
                        {"mqtt_responder --serve count='wc --chars'",
                         "Answer <netid>/count/request with the output of a program"},
                        {"mqtt_responder --share workers",
                         "Run this on several machines, and each request is answered by one"}},
           .exit_codes = exit_codes(),
           .environment = {{"MQTT_RESPONDER_<OPTION>", meaning_of_variables("MQTT_RESPONDER_")},
                           no_color()},
           .files = {{"/etc/mqtt-bridge/mqtt_responder.toml",
                      "The configuration of the systemd unit; it has each option at its default"}},
           .see_also = {"mqtt_client(1)", "mqtt_bridged(8)", "mosquitto(8)"}},
      .environment_prefix = "MQTT_RESPONDER_",
      .version = MQTT_BRIDGE_VERSION};
}

}  // namespace mqtt_bridge
