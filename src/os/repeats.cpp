#include "os/repeats.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/limits/log.hpp"

namespace mqtt_bridge {

std::optional<std::uint64_t> Repeats::take(std::string_view text, Instant now) {
  const std::size_t key = std::hash<std::string_view>{}(text);
  const auto known = entries_.find(key);
  if (known != entries_.end())
    return take(known->second, now);
  const Entry fresh{std::string(text), now, now + limits::repeat_pause, limits::repeat_pause, 0};
  if (make_room(now)) {
    entries_.emplace(key, fresh);
    return 0;
  }
  if (others_)
    return take(*others_, now);
  others_ = fresh;
  return 0;
}

std::optional<std::uint64_t> Repeats::take(Entry& entry, Instant now) {
  const bool is_new = now - std::exchange(entry.seen, now) >= limits::repeat_memory;
  if (!is_new && now < entry.due) {
    ++entry.left_out;
    return std::nullopt;
  }
  entry.pause = is_new ? Duration(limits::repeat_pause)
                       : std::min<Duration>(2 * entry.pause, limits::repeat_pause_cap);
  entry.due = now + entry.pause;
  return std::exchange(entry.left_out, 0);
}

std::vector<Repeats::LeftOut> Repeats::begin_anew(Instant now) {
  if (begun_anew_ && now - *begun_anew_ < limits::repeat_pause)
    return {};
  begun_anew_ = now;
  std::vector<LeftOut> all;
  for (auto& [key, entry] : entries_) {
    if (entry.left_out > 0)
      all.push_back({std::move(entry.text), entry.left_out});
  }
  if (others_ && others_->left_out > 0)
    all.push_back({"other lines like these", others_->left_out});
  entries_.clear();
  others_.reset();
  return all;
}

/// Whether there is any for one more text; those that would be new again are forgotten.
bool Repeats::make_room(Instant now) {
  if (entries_.size() < limits::repeat_texts)
    return true;
  std::erase_if(entries_, [now](const auto& entry) {
    return now - entry.second.seen >= limits::repeat_memory;
  });
  return entries_.size() < limits::repeat_texts;
}

}  // namespace mqtt_bridge
