// How mqtt_client hands a call, or many, over to mqtt_client_direct, which is started for it, and
// why no daemon was of use. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/option_table.hpp"
#include "client/verdict.hpp"

namespace mqtt_bridge {

/// Why a daemon is not asked, or was not of use; empty: as was wished.
struct Reason {
  std::string text;
  bool is_there = false;  // a daemon: the user is told even where the broker itself answers
};

struct NotDirect {
  std::string sentence;
  ExitCode code = ExitCode::failed;
};

/// Why the broker itself is not asked in place of a daemon that was of no use; nothing: it is. A
/// daemon that was named is the only way. `remedy` as in Decision.
std::optional<NotDirect> why_not_direct(const ClientOptions& options, const Reason& reason,
                                        std::string_view remedy);

/// The command line by which mqtt_client_direct has these options, but for the message. Every value
/// is joined to its flag, so that none can be read as another flag.
std::vector<std::string> hand_over(const ClientOptions& options);

/// That it is none of the five, in words.
std::string unknown_action(std::string_view action);

}  // namespace mqtt_bridge
