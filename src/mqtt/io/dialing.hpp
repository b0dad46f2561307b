// Finds, of the addresses of one host, one that takes a TCP connection, and gives that connection
// (RFC 8305, "Happy Eyeballs"): an address that swallows packets delays the next one by 250 ms, not
// by a time-out. The names have been looked up by then.
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace mqtt_bridge {

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

/// In turns of the two families, the first one's first, else as they were (RFC 8305 4).
Endpoints interleaved(const Endpoints& endpoints);

class Dialing {
 public:
  /// Gets the connection; nothing when every address failed.
  using Done = std::function<void(std::optional<asio::ip::tcp::socket>)>;

  /// REQUIRES: at least one endpoint. Calls `done` once, from the loop, if it still exists by then;
  /// it may be destroyed there. Its owner limits its time.
  Dialing(asio::io_context& loop, const Endpoints& endpoints, Done done);
  ~Dialing();
  Dialing(const Dialing&) = delete;
  Dialing& operator=(const Dialing&) = delete;

  /// The addresses, in words.
  std::string targets() const;
  /// Why there is no connection, in words; at any time.
  std::string why_none() const;

 private:
  class Race;
  std::shared_ptr<Race> race_;  // which lives on until its last operation has ended
};

}  // namespace mqtt_bridge
