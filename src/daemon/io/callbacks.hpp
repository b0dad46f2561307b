// Sends answers to where their callers want them, by cpp-httplib's client on a thread of its own:
// signed, and again after pauses that double, until the receiver takes them with 2xx.
//
// Threads: the owner's, which is the loop's, but for the private part that says otherwise.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <asio/io_context.hpp>

#include "base/instant.hpp"

namespace httplib {
class Client;
}

namespace mqtt_bridge {

class Callbacks {
 public:
  struct Message {
    std::string url;
    std::string call;  // its path
    int status;        // that GET would have
    std::string content_type;
    std::string body;
  };
  enum class Result { taken, given_up };
  using Done = std::function<void(Result result, const std::string& why_not)>;

  explicit Callbacks(asio::io_context& loop) : loop_(loop) {}
  /// What was not taken yet is not sent any more, and nobody is told.
  ~Callbacks();

  void set_secret(std::string secret);
  /// `done`: on the loop. False when too many wait.
  bool send(Message message, Done done);

 private:
  struct Delivery {
    Message message;
    Done done;
    int attempts = 0;
  };

  // The thread's.
  void run();
  std::string attempt(const Message& message, const std::string& secret);

  asio::io_context& loop_;
  std::mutex mutex_;
  std::condition_variable has_news_;
  // Guarded by mutex_:
  std::multimap<Instant, Delivery> due_;
  std::string secret_;
  std::shared_ptr<httplib::Client> client_;  // of the attempt under way
  bool is_ending_ = false;
  std::thread thread_;  // from the first message on
};

}  // namespace mqtt_bridge
