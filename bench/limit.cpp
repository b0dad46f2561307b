// The limit of what a bridge can reach: the same exchange without any bridge or library, from one
// connection to the broker, with so many requests in flight at once.
//
//   bench_limit --port PORT --window N --seconds S --warm-up S --payload BYTES
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "arguments.hpp"
#include "figures.hpp"
#include "raw_mqtt.hpp"

namespace {

using namespace bench;

struct Call {
  Instant sent;
  std::string expected;
};

std::string text_of(std::uint32_t number, std::size_t size, char letter) {
  std::string text = std::to_string(number);
  text.resize(std::max(text.size(), size), letter);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const auto window = static_cast<std::uint32_t>(arguments.number("--window", 1));
  const auto size = static_cast<std::size_t>(arguments.number("--payload", 16));
  const std::string net_id = "limit-" + std::to_string(getpid());
  const std::string request_topic = net_id + "/uppercase/request";
  const std::string response_topic = net_id + "/uppercase/response";

  RawMqtt mqtt(static_cast<std::uint16_t>(arguments.number("--port", 1883)), net_id);
  mqtt.subscribe(response_topic);

  std::vector<Call> calls(window);
  std::vector<std::uint32_t> idle(window);
  for (std::uint32_t i = 0; i < window; ++i) {
    idle[i] = i;
  }
  Figures figures;
  std::uint32_t number = 0;
  const Instant from = Clock::now() + arguments.duration("--warm-up", 0.2);
  const Instant until = from + arguments.duration("--seconds", 1);
  double cpu = 0;
  Instant now = Clock::now();
  Instant last_answer = now;
  while (now < until || idle.size() < window) {
    while (now < until && !idle.empty() && mqtt.unacknowledged() < mqtt.receive_maximum()) {
      const std::uint32_t slot = idle.back();
      idle.pop_back();
      const std::string text = text_of(++number, size, 'x');
      calls[slot] = {Clock::now(), text_of(number, size, 'X')};
      const std::string_view correlation(reinterpret_cast<const char*>(&slot), sizeof slot);
      mqtt.publish(request_topic, text, response_topic, correlation);
    }
    mqtt.flush();
    mqtt.read(1000);
    now = Clock::now();
    while (const auto answer = mqtt.next()) {
      mqtt.acknowledge(answer->packet_id);
      last_answer = now;
      std::uint32_t slot = window;
      if (answer->correlation.size() == sizeof slot) {
        std::memcpy(&slot, answer->correlation.data(), sizeof slot);
      }
      if (slot >= window || answer->payload != calls[slot].expected) {
        figures.add_failure("a wrong answer");
        continue;
      }
      if (calls[slot].sent >= from) {
        if (cpu == 0) {
          cpu = cpu_seconds();
        }
        figures.add(now - calls[slot].sent);
      }
      idle.push_back(slot);
    }
    if (now - last_answer > std::chrono::seconds(10)) {
      for (std::size_t lost = window - idle.size(); lost > 0; --lost) {
        figures.add_failure("no answer");
      }
      break;
    }
  }
  mqtt.flush();
  std::puts(figures.json(std::max(now, until) - from, cpu_seconds() - cpu).c_str());
}
