// Which of the lines that a peer can cause again and again go to the log: each text at once when it
// is new, then after limits::repeat_pause, and ever more rarely while it goes on, with how many
// were left out; so it does not matter how many texts take turns. A text that has not come for
// limits::repeat_memory is new again. Beyond limits::repeat_texts of them the others count as one.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.hpp"

namespace mqtt_bridge {

class Repeats {
 public:
  /// How many times the text was left out since it was logged last; nothing when it is to be left
  /// out now.
  std::optional<std::uint64_t> take(std::string_view text, Instant now);

  struct LeftOut {
    std::string text;
    std::uint64_t times;  // since it was logged last
  };
  /// What the texts are about has changed meanwhile: each is new again. Those that were left out
  /// and would not be told of otherwise. Heeded once in limits::repeat_pause, since a peer can
  /// cause that, too.
  std::vector<LeftOut> begin_anew(Instant now);

 private:
  struct Entry {
    std::string text;
    Instant seen;
    Instant due;  // to be logged again
    Duration pause;
    std::uint64_t left_out;
  };

  std::optional<std::uint64_t> take(Entry& entry, Instant now);
  bool make_room(Instant now);

  std::map<std::size_t, Entry> entries_;  // by the text's hash
  std::optional<Entry> others_;
  std::optional<Instant> begun_anew_;
};

}  // namespace mqtt_bridge
