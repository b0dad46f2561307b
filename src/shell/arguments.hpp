// The door to CLI11's parser: a command line in the form that every release of it reads alike, byte
// for byte, and its errors in our words.
//
// On its own CLI11 takes `[a,b]` apart into values; newer releases read `[[aa]]` as an escape for
// `[a]` and turn `{}` into `%%`, older ones take `-5` for an option, and `--name=` takes the next
// argument for its value. So whatever is no option is marked before the parse, and unmarked after.
// Pure functions on values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace mqtt_bridge {

/// The arguments after the program's name, in the reverse order that CLI::App::parse(vector) wants.
std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv);

/// The argument as the user gave it, from what CLI11 hands back.
std::string original_argument(std::string_view parsed);

/// Says in one line what is wrong with the command line. REQUIRES: `app` threw `error`.
std::string usage_fault(const CLI::App& app, const CLI::ParseError& error);

}  // namespace mqtt_bridge
