#include "config/io/option_values.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/ascii.hpp"
#include "base/duration.hpp"
#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "base/limits/mqtt.hpp"
#include "base/utf8.hpp"
#include "exchange/topic.hpp"
#include "http/access.hpp"
#include "http/callback_url.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

/// MQTT 5.0 1.5.4: a string of the protocol is UTF-8, without U+0000 and better without controls.
bool is_mqtt_text(const std::string& text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

/// MQTT allows one, but what is meant are several.
std::string netid_with_comma(const std::string& text) {
  return "'" + text + "' has a comma, so it is not taken for one NetID";
}

/// Empty when it can be the name of an action besides the five.
std::string fault_of_action(const std::string& name) {
  if (!is_action_name(name)) {
    return "'" + name + "' is not the name of an action: 1 to 64 of A-Z, a-z, 0-9, '-', '.', '_'";
  }
  return parse_action(name) ? "'" + name + "' is served anyway" : "";
}

}  // namespace

Setter setter(std::string& to) {
  return [&to](const std::string& text) -> std::string {
    if (text.empty())
      return "needs a value";
    if (!is_mqtt_text(text))
      return "must be UTF-8 without control characters";
    to = text;
    return {};
  };
}

Setter topic_level_setter(std::string& to) {
  return [&to](const std::string& text) -> std::string {
    if (text.empty() || !is_mqtt_text(text) || text.find_first_of("/+#") != std::string::npos) {
      return "'" + text + "' is not one level of a topic: not empty, and without '/', '+' and '#'";
    }
    to = text;
    return {};
  };
}

Setter setter(std::filesystem::path& to) {
  return [&to](const std::string& text) -> std::string {
    // Never taken for none: an unset shell variable must not switch a token off.
    if (text.empty() || text.find('\0') != std::string::npos)
      return "needs the path of a file";
    to = text;
    return {};
  };
}

Setter setter(std::vector<std::filesystem::path>& to) {
  return [&to](const std::string& text) -> std::string {
    std::filesystem::path path;
    std::string fault = setter(path)(text);
    if (fault.empty())
      to.push_back(std::move(path));
    return fault;
  };
}

Setter setter(bool& to) {
  return [&to](const std::string& text) -> std::string {
    if (text != "true" && text != "false")
      return "'" + text + "' is neither true nor false";
    to = text == "true";
    return {};
  };
}

Setter setter(std::chrono::milliseconds& to, std::chrono::milliseconds most) {
  return [&to, most](const std::string& text) -> std::string {
    const auto duration = parse_duration(text);
    if (!duration)
      return "'" + text + "' is not a duration, such as 1500ms, 2s, 1.5s or 1m";
    if (*duration < limits::min_timeout || *duration > most) {
      return "must be from " + duration_text(limits::min_timeout) + " to " + duration_text(most) +
             ", not " + text;
    }
    to = *duration;
    return {};
  };
}

Setter setter(std::size_t& to, std::size_t most) {
  return [&to, most](const std::string& text) -> std::string {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > most) {
      return "must be a number from 1 to " + std::to_string(most) + ", not '" + text + "'";
    }
    to = value;
    return {};
  };
}

Setter file_mode_setter(unsigned& to) {
  return [&to](const std::string& text) -> std::string {
    constexpr int octal = 8;
    constexpr unsigned most = 0777;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, octal);
    if (error != std::errc{} || end != text.data() + text.size() || value > most) {
      return "'" + text + "' is not a file mode, such as 0660";
    }
    to = value;
    return {};
  };
}

Setter brokers_setter(std::vector<BrokerUrl>& to) {
  return [&to, is_default = true](const std::string& text) mutable -> std::string {
    auto parsed = parse_broker_url(text);
    if (const auto* fault = std::get_if<std::string>(&parsed))
      return *fault;
    auto& broker = std::get<BrokerUrl>(parsed);
    if (std::exchange(is_default, false))
      to.clear();
    if (std::find(to.begin(), to.end(), broker) != to.end())
      return to_string(broker) + " is given twice";
    if (!to.empty() && to.front().scheme != broker.scheme)
      return "mqtt:// and mqtts:// exclude each other: what is meant for TLS is not sent without "
             "it";
    if (to.size() == limits::brokers)
      return "there can be at most " + std::to_string(limits::brokers) + " of them";
    to.push_back(std::move(broker));
    return {};
  };
}

Setter setter(std::vector<Listen>& to) {
  return [&to](const std::string& text) -> std::string {
    auto parsed = parse_listen(text);
    if (const auto* fault = std::get_if<std::string>(&parsed))
      return *fault;
    to.push_back(std::get<Listen>(std::move(parsed)));
    return {};
  };
}

Setter netid_setter(std::string& to) {
  return [&to](const std::string& text) -> std::string {
    if (text.find(',') != std::string::npos)
      return netid_with_comma(text) + "; more than one go into --netids";
    if (const auto why = why_not_netid(text))
      return *why;
    to = text;
    return {};
  };
}

Setter netids_setter(std::vector<std::string>& to) {
  return [&to](const std::string& text) -> std::string {
    if (text.find(',') != std::string::npos)
      return netid_with_comma(text);
    if (text != "*") {
      if (const auto why = why_not_netid(text))
        return *why;
    }
    to.push_back(text);
    return {};
  };
}

Setter actions_setter(std::vector<std::string>& to) {
  return [&to](const std::string& text) -> std::string {
    if (std::string fault = fault_of_action(text); !fault.empty())
      return fault;
    to.push_back(text);
    return {};
  };
}

Setter serve_setter(std::vector<ServedCommand>& to) {
  return [&to](const std::string& text) -> std::string {
    auto parsed = parse_served_command(text);
    if (const auto* fault = std::get_if<std::string>(&parsed))
      return *fault;
    auto served = std::get<ServedCommand>(std::move(parsed));
    if (std::string fault = fault_of_action(served.action); !fault.empty())
      return fault;
    const bool is_second = std::any_of(to.begin(), to.end(), [&](const ServedCommand& each) {
      return each.action == served.action;
    });
    if (is_second)
      return "'" + served.action + "' is given twice";
    // They are announced together, and mqtt_bridged takes only so many.
    constexpr std::size_t most = limits::birth_actions - all_actions.size();
    if (to.size() == most)
      return "more than " + std::to_string(most) + " actions cannot be announced";
    to.push_back(std::move(served));
    return {};
  };
}

Setter hosts_setter(std::vector<std::string>& to) {
  return [&to](const std::string& text) -> std::string {
    const bool bracketed = text.starts_with('[') && text.ends_with(']');
    std::string host = bracketed ? text.substr(1, text.size() - 2) : text;
    if (!is_host(host))
      return "'" + text + "' is not a host name or an address, without a port";
    std::transform(host.begin(), host.end(), host.begin(), ascii::to_lower);
    to.push_back(std::move(host));
    return {};
  };
}

Setter callbacks_setter(std::vector<std::string>& to) {
  return [&to](const std::string& text) -> std::string {
    if (!is_callback_prefix(text))
      return "'" + text + "' is no URL such as https://example.org/hooks/";
    to.push_back(text);
    return {};
  };
}

Setter origins_setter(std::vector<std::string>& to) {
  return [&to](const std::string& text) -> std::string {
    if (!is_web_origin(text))
      return "'" + text + "' is not the origin of a web page, such as https://example.org";
    to.push_back(text);
    return {};
  };
}

Setter users_setter(std::vector<std::string>& to) {
  return [&to](const std::string& text) -> std::string {
    if (text.empty() || !is_mqtt_text(text) || text.find(',') != std::string::npos)
      return "'" + text + "' is not the name or the number of a user";
    to.push_back(text);
    return {};
  };
}

}  // namespace mqtt_bridge
