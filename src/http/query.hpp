// The query of a request's target, taken apart. Says nothing about what a parameter means. Pure
// function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

struct QueryParameter {
  std::string name;
  std::string value;  // empty also without a '='
};

/// The parameters of `query` (what follows the first '?'), in their order. Names and values are
/// percent-decoded and may then hold any byte; '+' is a space, as forms send it (WHATWG URL 5.1).
/// What is empty between two '&' is left out. A '%' without two hex digits stands for itself.
std::vector<QueryParameter> parse_query(std::string_view query);

}  // namespace mqtt_bridge
