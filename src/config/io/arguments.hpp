// Prepares a command line for CLI11's parser, in the form that every release of it reads alike,
// byte for byte, and puts its errors in our words.
//
// On its own CLI11 takes `[a,b]` apart into values; newer releases read `[[aa]]` as an escape for
// `[a]` and turn `{}` into `%%`, older ones take `-5` for an option, `--name=` takes the next
// argument for its value, and `-hello` is `-h` and more. So each argument is judged here, before
// the parse, and whatever is no option is marked, and unmarked after. Pure functions on values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace mqtt_bridge {

struct Argument {
  enum class Kind { option, value, positional, end_of_options };
  Kind kind;
  std::string text;  // an option's with its value, where that is joined to it
};

/// The arguments after the program's name, as the options of `app` let them be understood. The
/// positional number `text_at`, counted from 0, is what it is even where it looks like an option.
std::vector<Argument> classify_arguments(int argc, const char* const* argv, const CLI::App& app,
                                         std::size_t text_at = SIZE_MAX);

/// The first short option that is none of ours or is joined to others, or a `-h` that asks for no
/// help; empty when there is none. `host_option` is what `-h HOST` means in other programs.
std::string short_option_fault(std::span<const Argument> arguments, std::string_view host_option);

/// In the reverse order that CLI::App::parse(vector) wants.
std::vector<std::string> arguments_for_cli11(std::span<const Argument> arguments);

/// The argument as the user gave it, from what CLI11 hands back.
std::string original_argument(std::string_view parsed);

/// Says in one line what is wrong with the command line. REQUIRES: `app` threw `error`.
std::string usage_fault(const CLI::App& app, const CLI::ParseError& error);

}  // namespace mqtt_bridge
