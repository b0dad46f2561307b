#include "mqtt/io/dialing.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

namespace mqtt_bridge {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

// The Connection Attempt Delay (RFC 8305 5 and 8).
constexpr auto head_start = 250ms;
// How many addresses a message names.
constexpr std::size_t named = 4;

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

/// "a", "a or b", "a, b or c".
std::string list(const std::vector<std::string>& items) {
  std::string text;
  const std::size_t shown = std::min(items.size(), named);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0)
      text += i + 1 == items.size() ? " or " : ", ";
    text += items[i];
  }
  return items.size() > shown ? text + " or " + std::to_string(items.size() - shown) + " others"
                              : text;
}

}  // namespace

Endpoints interleaved(const Endpoints& endpoints) {
  if (endpoints.empty())
    return {};
  Endpoints first;
  Endpoints second;
  for (const tcp::endpoint& each : endpoints)
    (each.protocol() == endpoints.front().protocol() ? first : second).push_back(each);
  Endpoints all;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size())
      all.push_back(first[i]);
    if (i < second.size())
      all.push_back(second[i]);
  }
  return all;
}

class Dialing::Race : public std::enable_shared_from_this<Race> {
 public:
  Race(asio::io_context& loop, const Endpoints& endpoints, Done done)
      : loop_(loop), timer_(loop), done_(std::move(done)) {
    for (const tcp::endpoint& each : interleaved(endpoints))
      runners_.push_back({.endpoint = each});
  }

  void start_next() {
    const std::size_t index = started_++;
    Runner& runner = runners_[index];
    ++running_;
    runner.socket = std::make_unique<tcp::socket>(loop_);
    runner.socket->async_connect(runner.endpoint,
                                 [self = shared_from_this(), index](const std::error_code& error) {
                                   if (self->done_)
                                     self->arrived(self->runners_[index], error);
                                 });
    if (started_ == runners_.size())
      return timer_.cancel(), void();
    timer_.expires_after(head_start);
    timer_.async_wait([self = shared_from_this()](const std::error_code& error) {
      if (!error && self->done_)
        self->start_next();
    });
  }

  void abandon() {
    done_ = nullptr;
    timer_.cancel();
    for (Runner& each : runners_)
      each.socket.reset();
  }

  std::string targets() const {
    std::vector<std::string> texts;
    for (const Runner& each : runners_)
      texts.push_back(text_of(each.endpoint));
    return list(texts);
  }

  std::string why_none() const {
    std::vector<std::string> texts;
    for (const Runner& each : runners_) {
      const bool is_refused = each.fault == asio::error::connection_refused;
      texts.push_back(text_of(each.endpoint) + (is_refused   ? ""
                                                : each.fault ? " (" + each.fault.message() + ")"
                                                             : " (no answer)"));
    }
    return "there is no broker at " + list(texts);
  }

 private:
  struct Runner {
    tcp::endpoint endpoint;
    std::unique_ptr<tcp::socket> socket = nullptr;  // while it runs
    std::error_code fault = {};
  };

  void arrived(Runner& runner, const std::error_code& error) {
    if (!error) {
      std::optional<tcp::socket> winner = std::move(*runner.socket);
      return end(std::move(winner));
    }
    --running_;
    runner.socket.reset();
    runner.fault = error;
    if (started_ < runners_.size())
      start_next();
    else if (running_ == 0)
      end(std::nullopt);
  }

  void end(std::optional<tcp::socket> winner) {
    const Done done = std::exchange(done_, nullptr);
    abandon();
    done(std::move(winner));
  }

  asio::io_context& loop_;
  asio::steady_timer timer_;  // until the next one starts
  Done done_;                 // null once it has been called, or is of no interest
  std::vector<Runner> runners_;
  std::size_t started_ = 0;
  std::size_t running_ = 0;
};

Dialing::Dialing(asio::io_context& loop, const Endpoints& endpoints, Done done)
    : race_(std::make_shared<Race>(loop, endpoints, std::move(done))) {
  race_->start_next();
}

Dialing::~Dialing() {
  race_->abandon();
}

std::string Dialing::targets() const {
  return race_->targets();
}

std::string Dialing::why_none() const {
  return race_->why_none();
}

}  // namespace mqtt_bridge
