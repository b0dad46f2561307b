// Answers each request with the same text in capitals, so long after it came: a service that holds
// many calls in flight at once, or with no delay one that costs as little as can be.
//
//   bench_slow_responder --port PORT --delay SECONDS [--filter +/uppercase/request]
//                        [--correlates no]
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <deque>
#include <string>

#include <unistd.h>

#include "arguments.hpp"
#include "figures.hpp"
#include "raw_mqtt.hpp"

namespace {

using namespace bench;

struct Answer {
  Instant due;
  std::string topic;
  std::string correlation;
  std::string text;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const Duration delay = arguments.duration("--delay", 1);
  RawMqtt mqtt(static_cast<std::uint16_t>(arguments.number("--port", 1883)),
               "slow-" + std::to_string(getpid()));
  mqtt.subscribe(arguments.text("--filter", "+/uppercase/request"));
  const bool correlates = arguments.text("--correlates", "yes") != "no";
  std::puts("ready");
  std::fflush(stdout);

  std::deque<Answer> answers;
  while (true) {
    const Instant now = Clock::now();
    while (!answers.empty() && answers.front().due <= now &&
           mqtt.unacknowledged() < mqtt.receive_maximum()) {
      const Answer& answer = answers.front();
      mqtt.publish(answer.topic, answer.text, {}, answer.correlation);
      answers.pop_front();
    }
    mqtt.flush();
    int wait = -1;
    if (!answers.empty() && mqtt.unacknowledged() < mqtt.receive_maximum()) {
      wait = static_cast<int>(std::max(0.0, seconds(answers.front().due - now) * 1000)) + 1;
    }
    mqtt.read(wait);
    while (const auto request = mqtt.next()) {
      mqtt.acknowledge(request->packet_id);
      std::string text(request->payload);
      for (char& c : text) {
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      }
      answers.push_back({Clock::now() + delay, std::string(request->response_topic),
                         std::string(correlates ? request->correlation : ""), std::move(text)});
    }
  }
}
