// Responses on one topic that answered no call there: how many came, and what the last few looked
// like, for the callers that got no answer. Never their text.
// Value; the owner serialises. Bounded by limits::unmatched_notes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace mqtt_bridge {

class Unmatched {
 public:
  enum class Looks {
    other,
    json,       // begins and ends as a JSON object, array or string does
    case_only,  // differs from a right answer in letter case or white space at most
    late,       // answers a call that has ended
    error,      // an error answer without correlation data
    not_utf8,
    unchecked,  // was too large to be compared without correlation data
  };

  void add(std::size_t bytes, Looks looks);
  void add(std::string_view response);  // other, json or not_utf8

  /// All that ever came.
  std::uint64_t count() const { return count_; }
  /// What came since the count was `before`, in words; empty when nothing did.
  std::string since(std::uint64_t before) const;

 private:
  struct Note {
    std::size_t bytes;
    Looks looks;
  };

  std::uint64_t count_ = 0;
  std::deque<Note> last_;
};

}  // namespace mqtt_bridge
