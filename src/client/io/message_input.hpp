// The message of a call, where the command line does not hold it: on stdin, or in a file. Plain
// POSIX, since mqtt_client loads nothing. Blocks; stateless.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "client/option_table.hpp"

namespace mqtt_bridge {

/// Whether stdin is a pipe, a socket or a file: not a terminal, nor /dev/null.
bool is_piped_stdin();

/// All that can be read there, but of more than `most` bytes only one more; or the errno.
std::variant<std::string, int> read_all(int descriptor, std::size_t most);

/// Reads the message into `options`, and says in a sentence what is wrong; empty: nothing. Without
/// the line end that editors and `echo` add, unless it is for a route. With --lines nothing is
/// read, only looked at whether there is something.
std::string take_message(ClientOptions& options);

}  // namespace mqtt_bridge
