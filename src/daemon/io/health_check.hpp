// Asks a running daemon whether it is ready, for a supervisor that has no HTTP client:
// a container's health check, above all. Says nothing about a responder. Blocks for some seconds at
// most; stateless.
#pragma once

#include <optional>
#include <string>

#include "http/listen_address.hpp"

namespace mqtt_bridge {

/// Why the daemon that listens on `address` is not ready, in one line; nothing when it is. An
/// address that stands for all is asked over loopback. `token`: what callers must send, if
/// anything. REQUIRES: SIGPIPE is ignored.
std::optional<std::string> why_not_ready(const Listen& address,
                                         const std::optional<std::string>& token);

}  // namespace mqtt_bridge
