#include "core/content_lane.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/content_rule.hpp"
#include "core/limits.hpp"

namespace mqtt_bridge {

std::string_view to_string(MatchedBy rule) {
  switch (rule) {
    case MatchedBy::correlation:
      return "correlation";
    case MatchedBy::content:
      return "content";
    case MatchedBy::folded_content:
      return "folded-content";
    case MatchedBy::exclusive_lane:
      return "exclusive-lane";
  }
  return {};
}

void ContentLane::enter(ExchangeId exchange, std::string_view request) {
  const std::size_t likeness = likeness_of(request);
  published_.emplace(exchange, Published{request, likeness});
  by_likeness_[likeness].insert(exchange);
}

void ContentLane::leave(ExchangeId exchange, std::string request, std::optional<std::string> taken,
                        Instant now) {
  const std::size_t likeness = published_.extract(exchange).mapped().likeness;
  const auto alike = by_likeness_.find(likeness);
  alike->second.erase(exchange);
  if (alike->second.empty())
    by_likeness_.erase(alike);
  memories_.push_back(Memory{std::move(request), likeness, now, std::move(taken)});
  memory_bytes_ += bytes_of(memories_.back());
  forget(now);
  last_used_ = now;
}

std::variant<ContentLane::Match, ContentLane::NoMatch> ContentLane::find(std::string_view response,
                                                                         Instant now,
                                                                         Instant forgetful_until) {
  const std::size_t likeness = likeness_of(response);
  if (const auto exchange = exact_match(response, likeness))
    return Match{*exchange, MatchedBy::content};
  if (Memory* memory = remembered(response, likeness)) {
    if (auto match = hand_on(*memory, response))
      return *std::move(match);
    return NoMatch::late;
  }
  if (now >= std::max(forgetful_until_, forgetful_until)) {
    if (const auto exchange = folded_match(response, likeness))
      return Match{*exchange, MatchedBy::folded_content};
  }
  ++strangers;
  return NoMatch::unmatched;
}

std::size_t ContentLane::likeness_of(std::string_view text) const {
  return std::hash<std::string>{}(likeness(action_, text));
}

/// The oldest published request that has the response among its right answers; as far as can be
/// seen at a bearable cost.
std::optional<ExchangeId> ContentLane::exact_match(std::string_view response,
                                                   std::size_t likeness) const {
  const auto alike = by_likeness_.find(likeness);
  if (alike == by_likeness_.end())
    return std::nullopt;
  std::set<std::string_view> others;  // many may ask the same
  std::size_t bytes = 0;
  for (const ExchangeId exchange : alike->second) {
    const std::string_view request = published_.at(exchange).request;
    if (!others.insert(request).second)
      continue;
    if (is_answer(action_, request, response))
      return exchange;
    bytes += request.size();
    if (bytes > limits::alike_bytes)
      break;
  }
  return std::nullopt;
}

/// A request that has ended and has `response` among its right answers; best one that took another.
ContentLane::Memory* ContentLane::remembered(std::string_view response, std::size_t likeness) {
  Memory* found = nullptr;
  for (Memory& memory : memories_) {
    const bool took_another = memory.taken && *memory.taken != response;
    if (memory.likeness != likeness || (found != nullptr && !took_another) ||
        !is_answer(action_, memory.request, response)) {
      continue;
    }
    if (took_another)
      return &memory;
    found = &memory;
  }
  return found;
}

/// A request that took one right answer, and now gets another one, may have taken what was meant
/// for a younger request that has it among its right answers too: that one gets it now.
std::optional<ContentLane::Match> ContentLane::hand_on(Memory& memory, std::string_view response) {
  if (!memory.taken || *memory.taken == response)
    return std::nullopt;
  std::string taken = *std::exchange(memory.taken, std::nullopt);
  memory_bytes_ -= taken.size();
  const auto exchange = exact_match(taken, likeness_of(taken));
  if (!exchange)
    return std::nullopt;
  return Match{*exchange, MatchedBy::content, std::move(taken)};
}

/// The only request that `response` could mean by a case mapping we do not know; nothing when two
/// could, one that has ended included.
std::optional<ExchangeId> ContentLane::folded_match(std::string_view response,
                                                    std::size_t likeness) const {
  const auto is_alike = [likeness](const Memory& memory) { return memory.likeness == likeness; };
  const auto alike = by_likeness_.find(likeness);
  if (alike == by_likeness_.end() || alike->second.size() > 1 ||
      std::any_of(memories_.begin(), memories_.end(), is_alike)) {
    return std::nullopt;
  }
  const ExchangeId only = *alike->second.begin();
  const auto folded = folded_key(action_, response);
  if (!folded || folded != folded_key(action_, published_.at(only).request))
    return std::nullopt;
  return only;
}

std::size_t ContentLane::bytes_of(const Memory& memory) {
  return memory.request.size() + (memory.taken ? memory.taken->size() : 0);
}

void ContentLane::forget(Instant now) {
  while (!memories_.empty()) {
    const Memory& oldest = memories_.front();
    const Instant stale = oldest.ended + limits::memory_age;
    const bool is_over =
        memories_.size() > limits::lane_memories || memory_bytes_ > limits::lane_memory_bytes;
    if (stale > now && !is_over)
      break;
    if (stale > now)
      forgetful_until_ = std::max(forgetful_until_, stale);
    memory_bytes_ -= bytes_of(oldest);
    memories_.pop_front();
  }
}

}  // namespace mqtt_bridge
