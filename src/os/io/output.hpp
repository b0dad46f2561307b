// What a program prints before it ends: all of it, or an exit code and a sentence that say that it
// was not. Plain POSIX, since mqtt_client loads nothing. Stateless.
#pragma once

#include <string_view>

#include "os/exit_now.hpp"

namespace mqtt_bridge {

/// Where stdin, stdout or stderr is closed, no socket of ours may get its number: what is printed
/// would be sent there. Call first. Writing to such a stdout fails.
void keep_standard_streams();

/// One line on stderr: `program: sentence`.
void say(std::string_view program, std::string_view sentence);

/// Writes `text` to stdout and closes that, since a full disk may show only then. 0, or 1 when not
/// all of it was written; then stderr says why. A reader that went away, as in `| head`, is no
/// fault: then the process ends as by SIGPIPE, without a word.
int print(std::string_view program, std::string_view text);

/// Prints both texts and gives the exit code.
int exit_now(std::string_view program, const ExitNow& exit);

}  // namespace mqtt_bridge
