// How a program begins and ends, and with which exit code.
//
// Exit codes: 2 for what was wrong before the loop began, and stays wrong until an operator
// corrects it (the configuration, a secret, a port that is taken); the units do not start us again
// then. 1 for everything after that, and for what the system lacked at the start and may have
// later.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include <asio/io_context.hpp>

#include "os/exit_now.hpp"

namespace mqtt_bridge {

/// Runs `body` and gives its exit code; an exception becomes one line on stderr and the exit code
/// that it deserves, see above: `exit_of_fault` for a fault of ours or of the operator's. What ends
/// the process elsewhere, in a thread of a library, is logged. Call first in main().
int run_main(std::string_view program, const std::function<int()>& body,
             int exit_of_fault = exit_usage);

/// Runs the loop until it is stopped. After an exception, which is logged, the process ends here
/// with exit_failed and without a farewell: the broker is to see the connection break, and to
/// publish the will (MQTT 5.0 3.1.2.5), which a DISCONNECT would discard.
void run_loop(asio::io_context& loop);

/// Destroys the loop, or what holds it, and gives `code`. A look-up of an address that is under way
/// cannot be ended, nor can a file that is being read, and the loop waits for it: where that takes
/// longer than a moment, the process ends here with `code`. REQUIRES: nothing else of ours is left
/// to be destroyed.
int end_loop(std::shared_ptr<void> loop, int code);

}  // namespace mqtt_bridge
