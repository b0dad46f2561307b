#include "client/option_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <variant>

#include "base/ascii.hpp"
#include "base/duration.hpp"
#include "client/daemon_place.hpp"

namespace mqtt_bridge {
namespace {

using Group = ClientFlag::Group;
using Where = ClientFlag::Where;

static_assert(limits::default_timeout == std::chrono::seconds(5), "--timeout says so below");
constexpr std::array table{
    ClientFlag{"timeout", 0, "DURATION", Group::call, Where::anywhere,
               "How long to wait for the answer, such as 1500ms or 2s, or in seconds; 5s by "
               "default"},
    ClientFlag{"route", 0, "PATH", Group::call, Where::flag_only,
               "Call a route of mqtt_bridged instead of an action"},
    ClientFlag{"file", 0, "FILE", Group::call, Where::flag_only,
               "Read MESSAGE from this file; - is stdin"},
    ClientFlag{"lines", 0, "", Group::call, Where::flag_only,
               "Make a call of each line of FILE, or of stdin, and print an answer a line, in "
               "their order"},
    ClientFlag{"repeat", 0, "N", Group::call, Where::flag_only,
               "Make the call N times, one after the other, and print how long they took"},
    ClientFlag{"broker", 0, "URL", Group::broker, Where::anywhere,
               "The MQTT broker: mqtt://host:port or mqtts://host:port; mqtt://localhost:1883 by "
               "default"},
    ClientFlag{"host", 0, "HOST", Group::broker, Where::flag_only,
               "Its host alone; localhost by default"},
    ClientFlag{"port", 'p', "PORT", Group::broker, Where::flag_only,
               "Its port alone; 1883 by default"},
    ClientFlag{"username", 0, "NAME", Group::broker, Where::anywhere, "User name for the broker"},
    ClientFlag{"password-file", 0, "FILE", Group::broker, Where::anywhere,
               "File that holds the password for the broker"},
    ClientFlag{"ca-file", 0, "FILE", Group::broker, Where::anywhere,
               "CA certificates (PEM) for mqtts; the system's by default"},
    ClientFlag{"cert-file", 0, "FILE", Group::broker, Where::anywhere,
               "Client certificate (PEM) for mqtts"},
    ClientFlag{"key-file", 0, "FILE", Group::broker, Where::anywhere,
               "Private key (PEM) of the client certificate"},
    ClientFlag{"daemon", 0, "URL", Group::daemon, Where::anywhere,
               "Where mqtt_bridged is: http://host:port or unix:PATH", "MQTT_BRIDGE_URL"},
    ClientFlag{"token-file", 0, "FILE", Group::daemon, Where::anywhere,
               "File that holds the token that mqtt_bridged asks for"},
    ClientFlag{"direct", 0, "", Group::daemon, Where::anywhere,
               "Ask the broker itself, without mqtt_bridged"},
    ClientFlag{"json", 0, "", Group::output, Where::flag_only,
               "Print the answer as JSON, with how it was matched and how long it took; or the "
               "problem"},
    ClientFlag{"explain", 0, "", Group::output, Where::flag_only,
               "Make the call, and say what was tried, what came of it, and what to do where no "
               "answer came"},
    ClientFlag{"verbose", 'v', "", Group::output, Where::flag_only,
               "Say on stderr what is being done"},
    ClientFlag{"config", 0, "FILE", Group::general, Where::not_in_file,
               "Read options from this TOML file; ~/.config/mqtt-bridge/client.toml by default"},
    ClientFlag{"section", 0, "NAME", Group::general, Where::anywhere,
               "Use the options below [NAME] in that file, too"},
    ClientFlag{"help", 'h', "", Group::general, Where::flag_only, "Print this help, and exit"},
    ClientFlag{"version", 'V', "", Group::general, Where::flag_only, "Print the version, and exit"},
};

/// What a broker's address brings with it, and a daemon's. `direct` is the choice of no daemon.
constexpr std::array<std::string_view, 3> broker_names{"broker", "host", "port"};
constexpr std::array<std::string_view, 5> broker_belongings{"username", "password-file", "ca-file",
                                                            "cert-file", "key-file"};
constexpr std::array<std::string_view, 2> daemon_names{"daemon", "direct"};
constexpr std::array<std::string_view, 1> daemon_belongings{"token-file"};

bool is_in(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool names_one_of(const SettingLayer& layer, std::span<const std::string_view> names) {
  return std::any_of(layer.begin(), layer.end(), [names](const GivenSetting& given) {
    return is_in(names, given.name) && given.text != "false";  // of `direct`, which then names none
  });
}

/// An address and what belongs to it, in the layers that are left.
struct Family {
  std::span<const std::string_view> names;
  std::span<const std::string_view> belongings;
  bool is_named = false;  // by a stronger layer

  /// Whether `given`, of `layer`, is overruled by a stronger layer's address.
  bool is_overruled(const GivenSetting& given, const SettingLayer& layer) const {
    if (!is_named)
      return false;
    return is_in(names, given.name) ||
           (is_in(belongings, given.name) && names_one_of(layer, names));
  }
};

/// The settings that count, each once.
SettingLayer settings_that_count(std::span<const SettingLayer> layers) {
  std::array families{Family{broker_names, broker_belongings},
                      Family{daemon_names, daemon_belongings}};
  SettingLayer chosen;
  for (const SettingLayer& layer : layers) {
    const std::size_t of_stronger = chosen.size();
    for (const GivenSetting& given : layer) {
      const auto same_name = [&given](const GivenSetting& other) {
        return other.name == given.name;
      };
      const auto stronger_end = chosen.begin() + static_cast<std::ptrdiff_t>(of_stronger);
      const bool is_overruled =
          std::any_of(chosen.begin(), stronger_end, same_name) ||
          std::any_of(families.begin(), families.end(),
                      [&](const Family& family) { return family.is_overruled(given, layer); });
      if (is_overruled)
        continue;
      chosen.erase(std::remove_if(stronger_end, chosen.end(), same_name), chosen.end());
      chosen.push_back(given);
    }
    for (Family& family : families)
      family.is_named = family.is_named || names_one_of(layer, family.names);
  }
  return chosen;
}

std::string in_quotes(const std::string& text) {
  return "'" + text + "'";
}

std::string take_broker(const std::string& text, BrokerUrl& to) {
  auto parsed = parse_broker_url(text);
  if (const auto* const fault = std::get_if<std::string>(&parsed))
    return *fault;
  to = std::get<BrokerUrl>(std::move(parsed));
  return {};
}

std::string take_host(std::string_view text, std::string& to) {
  if (text.starts_with('[') && text.ends_with(']'))
    text = text.substr(1, text.size() - 2);
  if (!is_host(text)) {
    return in_quotes(std::string(text)) + " is not a host name or an address, without a port" +
           (text.find("://") == std::string_view::npos ? "" : "; for a URL there is --broker");
  }
  to = text;
  return {};
}

std::string take_port(const std::string& text, std::uint16_t& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (error == std::errc{} && end == text.data() + text.size() && to != 0)
    return {};
  return in_quotes(text) + " is not a port from 1 to 65535";
}

std::string take_repeat(const std::string& text, std::uint32_t& to) {
  constexpr std::uint32_t most = 1'000'000;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (error == std::errc{} && end == text.data() + text.size() && to > 0 && to <= most)
    return {};
  return in_quotes(text) + " is not a number from 1 to " + std::to_string(most);
}

std::string take_timeout(const std::string& text, std::chrono::milliseconds& to) {
  const auto duration = parse_duration(text);
  if (!duration || *duration < limits::min_timeout || *duration > limits::max_timeout) {
    return in_quotes(text) + " is not a duration from " + duration_text(limits::min_timeout) +
           " to " + duration_text(limits::max_timeout) + ", such as 1500ms or 2s";
  }
  to = *duration;
  return {};
}

std::string take_daemon(const std::string& text, std::string& to) {
  if (!parse_daemon_url(text))
    return in_quotes(text) + " is neither http://host:port nor unix:PATH";
  to = text;
  return {};
}

std::string take_route(const std::string& text, std::string& to) {
  if (!text.starts_with('/') || text.find_first_of("?#") != std::string::npos)
    return in_quotes(text) + " is not a path, such as /z2m/device/rename";
  to = text;
  return {};
}

std::string take_text(const std::string& text, std::string& to) {
  if (text.empty() || text.find('\0') != std::string::npos)
    return "must not be empty";
  to = text;
  return {};
}

std::string take_boolean(const std::string& text, bool& to) {
  if (text != "true" && text != "false")
    return in_quotes(text) + " is neither true nor false";
  to = text == "true";
  return {};
}

/// What is wrong with its text, or nothing.
std::string take(const GivenSetting& given, ClientOptions& to) {
  const auto& [name, text, origin] = given;
  to.names_broker = to.names_broker || is_in(broker_names, name);
  if (name == "broker")
    return take_broker(text, to.broker);
  if (name == "host")
    return take_host(text, to.broker.host);
  if (name == "port")
    return take_port(text, to.broker.port);
  if (name == "timeout")
    return take_timeout(text, to.timeout);
  if (name == "daemon")
    return take_daemon(text, to.daemon);
  if (name == "route")
    return take_route(text, to.route);
  if (name == "direct")
    return take_boolean(text, to.direct);
  if (name == "file")
    return take_text(text, to.file);
  if (name == "json")
    return take_boolean(text, to.json);
  if (name == "lines")
    return take_boolean(text, to.lines);
  if (name == "explain")
    return take_boolean(text, to.explain);
  if (name == "repeat")
    return take_repeat(text, to.repeat);
  if (name == "verbose")
    return take_boolean(text, to.verbose);
  std::string* const texts[] = {&to.username,  &to.password_file, &to.ca_file,
                                &to.cert_file, &to.key_file,      &to.token_file};
  constexpr std::array<std::string_view, 6> names{"username",  "password-file", "ca-file",
                                                  "cert-file", "key-file",      "token-file"};
  const auto at = std::find(names.begin(), names.end(), name) - names.begin();
  return static_cast<std::size_t>(at) < names.size() ? take_text(text, *texts[at]) : "";
}

/// Where each of those came from that exclude or need each other.
class Origins {
 public:
  explicit Origins(const SettingLayer& settings) : settings_(settings) {}

  /// Empty: not given.
  std::string operator()(std::string_view name) const {
    for (const GivenSetting& given : settings_) {
      if (given.name == name)
        return given.origin;
    }
    return {};
  }
  std::string first_of(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      if (auto origin = (*this)(name); !origin.empty())
        return origin;
    }
    return {};
  }

 private:
  const SettingLayer& settings_;
};

std::string fault_between(const SettingLayer& settings, const ClientOptions& options) {
  const Origins origin_of(settings);
  const std::string part = origin_of.first_of({"host", "port"});
  if (!origin_of("broker").empty() && !part.empty())
    return origin_of("broker") + " and " + part + " exclude each other";
  if (!options.password_file.empty() && options.username.empty())
    return origin_of("password-file") + " needs --username as well";
  if (options.cert_file.empty() != options.key_file.empty())
    return origin_of.first_of({"cert-file", "key-file"}) +
           ": --cert-file and --key-file need each other";
  const std::string tls = origin_of.first_of({"ca-file", "cert-file"});
  if (!tls.empty() && options.broker.scheme != BrokerUrl::Scheme::mqtts) {
    return tls + " needs a broker with TLS, such as --broker mqtts://" + options.broker.host +
           ", not " + to_string(options.broker);
  }
  if (options.direct && !options.daemon.empty()) {
    return origin_of("direct") + " asks the broker itself; leave out " + origin_of("daemon") +
           ", or " + origin_of("direct");
  }
  if (options.direct && !options.route.empty())
    return "--route needs mqtt_bridged; leave out " + origin_of("direct");
  if (options.lines && options.repeat > 0)
    return "--lines and --repeat exclude each other";
  if (options.explain && (options.lines || options.repeat > 0 || options.json)) {
    return "--explain and " + origin_of.first_of({"lines", "repeat", "json"}) +
           " exclude each other";
  }
  if (options.json && !options.route.empty())
    return "--json is for actions; what a route answers is as its service says it";
  return {};
}

}  // namespace

std::span<const ClientFlag> client_flags() {
  return table;
}

std::string variable_of(const ClientFlag& flag) {
  if (!flag.variable.empty())
    return std::string(flag.variable);
  std::string name = "MQTT_CLIENT_";
  for (const char c : flag.name)
    name += c == '-' ? '_' : ascii::is_alpha(c) ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string take_layers(std::span<const SettingLayer> layers, ClientOptions& to) {
  const SettingLayer settings = settings_that_count(layers);
  for (const GivenSetting& given : settings) {
    if (const std::string fault = take(given, to); !fault.empty())
      return given.origin + ": " + fault;
  }
  return fault_between(settings, to);
}

}  // namespace mqtt_bridge
