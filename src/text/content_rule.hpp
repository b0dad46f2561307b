// The content rule: for the known actions a response can be checked against a request, so an
// answer that carries no correlation data still finds its exchange and never a wrong one.
// Pure functions on values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/action.hpp"

namespace mqtt_bridge {

/// The key of every right answer to `request`, without duplicates: a response answers the request
/// exactly when its response_key() is one of them. REQUIRES: is_utf8(request).
/// - reverse: by byte, by code point, by grapheme cluster;
/// - uppercase, lowercase: ICU's full mappings, single code points, ASCII only;
/// - title-case: by word boundaries, by spaces (U+0020 only, all white space, or collapsed to one
///   space as Python's string.capwords does), and as Python's str.title does (every run of cased
///   letters), each over those three mappings, the first letter in title or in upper case;
/// - shuffle: one key that all permutations of the request's bytes share (and so all permutations
///   of its code points and clusters).
std::vector<std::string> answer_keys(Action action, std::string_view request);

/// Any bytes: a response need not be UTF-8.
std::string response_key(Action action, std::string_view response);

/// How a response relates to the right answers to a request. `newline_more`, `newline_less`: it is
/// one of them but for one final newline, which it has too many or lacks.
enum class Fit { none, exact, newline_more, newline_less };

/// Exact when response_key() is one of answer_keys(), without making more of them than it takes.
/// What that may cost: check_cost().
Fit fit(Action action, std::string_view request, std::string_view response);

/// The work that comparing a text with one other costs at most, in bytes of a comparison of ASCII
/// letters (some 10 ns each, see bench/README.md): what is not ASCII and what looks for words
/// costs a multiple.
std::size_t check_cost(Action action, std::string_view text);

/// What a request, its answers, and all that is equal to them under folding have in common: a cheap
/// way to see that a response is not for a request. Any bytes.
std::string prefilter_key(Action action, std::string_view text);

/// For the case actions, what a request and each of its answers by other case mappings (of another
/// Unicode version, say) have in common: the full case folding; Turkish "ı" and "İ" are the
/// exception. Nothing for the other actions, or when `text` is not UTF-8.
std::optional<std::string> folded_key(Action action, std::string_view text);

}  // namespace mqtt_bridge
