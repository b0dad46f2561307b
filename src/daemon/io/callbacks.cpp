#include "daemon/io/callbacks.hpp"

#include <algorithm>
#include <chrono>

#include <asio/post.hpp>
#include <httplib.h>

#include "base/limits/later.hpp"
#include "http/callback_url.hpp"
#include "os/io/digest.hpp"

namespace mqtt_bridge {

Callbacks::~Callbacks() {
  if (!thread_.joinable())
    return;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    if (client_)
      client_->stop();
  }
  has_news_.notify_one();
  thread_.join();
}

void Callbacks::set_secret(std::string secret) {
  const std::lock_guard lock(mutex_);
  secret_ = std::move(secret);
}

bool Callbacks::send(Message message, Done done) {
  if (!thread_.joinable())
    thread_ = std::thread([this] { run(); });
  {
    const std::lock_guard lock(mutex_);
    if (due_.size() >= limits::callbacks)
      return false;
    due_.emplace(Clock::now(), Delivery{std::move(message), std::move(done)});
  }
  has_news_.notify_one();
  return true;
}

// The thread ----------------------------------------------------------------------------------

void Callbacks::run() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    if (due_.empty()) {
      has_news_.wait(lock);
      continue;
    }
    if (const Instant next = due_.begin()->first; next > Clock::now()) {
      has_news_.wait_until(lock, next);
      continue;
    }
    Delivery delivery = std::move(due_.extract(due_.begin()).mapped());
    const CallbackTarget target = callback_target(delivery.message.url);
    client_ = std::make_shared<httplib::Client>(target.origin);
    const auto secret = secret_;
    lock.unlock();
    const std::string why_not = attempt(delivery.message, secret);
    lock.lock();
    client_.reset();
    if (is_ending_)
      return;
    if (why_not.empty() || ++delivery.attempts >= limits::callback_attempts) {
      const auto result = why_not.empty() ? Result::taken : Result::given_up;
      asio::post(loop_,
                 [done = std::move(delivery.done), result, why_not] { done(result, why_not); });
      continue;
    }
    const auto pause = std::min<Duration>(
        limits::callback_base * (1U << static_cast<unsigned>(delivery.attempts - 1)),
        limits::callback_cap);
    due_.emplace(Clock::now() + pause, std::move(delivery));
  }
}

/// Why it was not taken; empty: it was. No redirect is followed: it could lead to where the
/// operator does not want it.
std::string Callbacks::attempt(const Message& message, const std::string& secret) {
  httplib::Client& client = *client_;
  client.set_connection_timeout(limits::callback_timeout);
  client.set_read_timeout(limits::callback_timeout);
  client.set_write_timeout(limits::callback_timeout);
  client.set_follow_location(false);
  const auto time = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
  const std::string status = std::to_string(message.status);
  const std::string content = time + "." + message.call + "." + status + "." + message.body;
  const httplib::Headers headers{
      {"Callback-Call", message.call},
      {"Callback-Status", status},
      {"Callback-Time", time},
      {"Callback-Signature", "sha256=" + hmac_sha256_hex(secret, content)}};
  const auto answer = client.Post(
      callback_target(message.url).target.c_str(), headers, message.body,
      message.content_type.empty() ? "application/octet-stream" : message.content_type.c_str());
  if (!answer)
    return httplib::to_string(answer.error());
  return answer->status / 100 == 2 ? "" : "it answered " + std::to_string(answer->status);
}

}  // namespace mqtt_bridge
