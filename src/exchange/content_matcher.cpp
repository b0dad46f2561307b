#include "exchange/content_matcher.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/limits/exchange.hpp"
#include "text/content_rule.hpp"

namespace mqtt_bridge {

std::string_view to_string(MatchedBy rule) {
  switch (rule) {
    case MatchedBy::correlation:
      return "correlation";
    case MatchedBy::content:
      return "content";
    case MatchedBy::folded_content:
      return "folded-content";
    case MatchedBy::turn:
      return "turn";
    case MatchedBy::topic:
      return "topic";
    case MatchedBy::id:
      return "id";
    case MatchedBy::acknowledgement:
      return "acknowledgement";
  }
  return {};
}

/// What is left of the work that one find() may do.
class ContentMatcher::Work {
 public:
  /// Whether there is room for so much more.
  bool take(std::size_t cost) {
    if (cost > left_) {
      is_exhausted_ = true;
      return false;
    }
    left_ -= cost;
    return true;
  }
  bool is_exhausted() const { return is_exhausted_; }

 private:
  std::size_t left_ = limits::checked_bytes;
  bool is_exhausted_ = false;
};

/// The published request that a response answers best.
struct ContentMatcher::Found {
  ExchangeId exchange = 0;
  Fit fit = Fit::none;
};

/// The request that has ended and that a response answers.
struct ContentMatcher::Remembered {
  Memory* exact = nullptr;  // preferably one that accepted a different response
  bool by_newline = false;
};

void ContentMatcher::enter(ExchangeId exchange, std::string_view request) {
  Published& published = published_.emplace(exchange, Published{request}).first->second;
  if (check_cost(action_, request) > limits::checked_bytes)
    ++uncheckable_;
  else if (is_lazy_)
    unindexed_.insert(exchange);
  else
    index(exchange, published);
}

void ContentMatcher::leave(ExchangeId exchange, std::string request,
                           std::optional<std::string> accepted_payload, Instant now) {
  const std::optional<std::size_t> prefilter_key =
      published_.extract(exchange).mapped().prefilter_key;
  if (prefilter_key) {
    const auto alike = by_prefilter_key_.find(*prefilter_key);
    alike->second.erase(exchange);
    if (alike->second.empty())
      by_prefilter_key_.erase(alike);
  } else if (unindexed_.erase(exchange) == 0) {
    --uncheckable_;
  }
  memories_.push_back(Memory{std::move(request), prefilter_key, now, std::move(accepted_payload)});
  memory_bytes_ += bytes_of(memories_.back());
  forget(now);
  last_used_ = now;
}

std::variant<ContentMatcher::Match, ContentMatcher::NoMatch> ContentMatcher::find(
    std::string_view response, Instant now, Instant forgetful_until) {
  index_all();
  Work work;
  if (check_cost(action_, response) > limits::checked_bytes) {
    unmatched.add(response.size(), Unmatched::Looks::unchecked);
    return NoMatch::unchecked;
  }
  const auto prefilter_keys = prefilter_keys_of(response);
  const Found found = look(response, prefilter_keys, work);
  if (found.fit == Fit::exact) {
    is_lazy_ = false;
    return Match{found.exchange, MatchedBy::content};
  }
  const Remembered remembered = remember(response, prefilter_keys, work);
  if (remembered.exact != nullptr) {
    if (auto match = reassign(*remembered.exact, response, work))
      return *std::move(match);
    unmatched.add(response.size(), Unmatched::Looks::late);
    return NoMatch::late;
  }
  if (found.fit == Fit::newline_more || found.fit == Fit::newline_less) {
    std::string answer(response);
    found.fit == Fit::newline_more ? answer.pop_back() : answer.push_back('\n');
    return Match{found.exchange, MatchedBy::content, std::move(answer)};
  }
  if (remembered.by_newline) {
    unmatched.add(response.size(), Unmatched::Looks::late);
    return NoMatch::late;
  }
  if (now >= std::max(forgetful_until_, forgetful_until)) {
    if (const auto exchange = folded_match(response, prefilter_keys.front(), work))
      return Match{*exchange, MatchedBy::folded_content};
  }
  return note_unmatched(response, prefilter_keys.front(), work);
}

ContentMatcher::NoMatch ContentMatcher::note_unmatched(std::string_view response,
                                                       std::size_t prefilter_key,
                                                       const Work& work) {
  // A case mapping shortens a text to a third at most.
  const bool may_be_uncheckable =
      uncheckable_ > 0 && response.size() >= limits::checked_bytes / 64 / 3;
  if (work.is_exhausted() || !unindexed_.empty() || may_be_uncheckable) {
    unmatched.add(response.size(), Unmatched::Looks::unchecked);
    return NoMatch::unchecked;
  }
  if (is_case_action(action_) && by_prefilter_key_.contains(prefilter_key))
    unmatched.add(response.size(), Unmatched::Looks::case_only);
  else
    unmatched.add(response);
  return NoMatch::unmatched;
}

std::size_t ContentMatcher::prefilter_key_of(std::string_view text) const {
  return std::hash<std::string>{}(prefilter_key(action_, text));
}

/// That of the response first, then those of what differs from it by a final newline.
std::vector<std::size_t> ContentMatcher::prefilter_keys_of(std::string_view response) const {
  std::vector<std::size_t> prefilter_keys{prefilter_key_of(response)};
  if (is_case_action(action_))  // for which white space makes no difference
    return prefilter_keys;
  if (response.ends_with('\n'))
    prefilter_keys.push_back(prefilter_key_of(response.substr(0, response.size() - 1)));
  prefilter_keys.push_back(prefilter_key_of(std::string(response) + '\n'));
  return prefilter_keys;
}

void ContentMatcher::index(ExchangeId exchange, Published& published) {
  published.prefilter_key = prefilter_key_of(published.request);
  by_prefilter_key_[*published.prefilter_key].insert(exchange);
}

/// Indexes what was published since a response without correlation data came last.
void ContentMatcher::index_all() {
  Work work;
  while (!unindexed_.empty()) {
    const ExchangeId exchange = *unindexed_.begin();
    Published& published = published_.at(exchange);
    if (!work.take(check_cost(action_, published.request)))
      return;
    unindexed_.erase(unindexed_.begin());
    index(exchange, published);
  }
}

/// The oldest published request that has the response among its right answers; else one that has it
/// but for a final newline.
ContentMatcher::Found ContentMatcher::look(std::string_view response,
                                           const std::vector<std::size_t>& prefilter_keys,
                                           Work& work) const {
  Found found;
  std::set<std::string_view> others;  // many may ask the same
  for (const std::size_t prefilter_key : prefilter_keys) {
    const auto alike = by_prefilter_key_.find(prefilter_key);
    if (alike == by_prefilter_key_.end())
      continue;
    for (const ExchangeId exchange : alike->second) {
      const std::string_view request = published_.at(exchange).request;
      if (!others.insert(request).second)
        continue;
      if (!work.take(check_cost(action_, request)))
        return found;
      const Fit fit = mqtt_bridge::fit(action_, request, response);
      if (fit == Fit::exact)
        return {exchange, fit};
      if (fit != Fit::none && found.fit == Fit::none)
        found = {exchange, fit};
    }
  }
  return found;
}

ContentMatcher::Remembered ContentMatcher::remember(std::string_view response,
                                                    const std::vector<std::size_t>& prefilter_keys,
                                                    Work& work) {
  Remembered remembered;
  for (Memory& memory : memories_) {
    const bool took_another = memory.accepted_payload && *memory.accepted_payload != response;
    if (remembered.exact != nullptr && !took_another)
      continue;
    if (!memory.prefilter_key && work.take(check_cost(action_, memory.request)))
      memory.prefilter_key = prefilter_key_of(memory.request);
    if (!memory.prefilter_key || std::ranges::count(prefilter_keys, *memory.prefilter_key) == 0 ||
        !work.take(check_cost(action_, memory.request))) {
      continue;
    }
    const Fit fit = mqtt_bridge::fit(action_, memory.request, response);
    if (fit == Fit::exact) {
      remembered.exact = &memory;
      if (took_another)
        return remembered;
    } else if (fit != Fit::none) {
      remembered.by_newline = true;
    }
  }
  return remembered;
}

/// A request that accepted one right answer, and now gets another one, may have accepted what was
/// meant for a younger request that has it among its right answers too: that one gets it now.
std::optional<ContentMatcher::Match> ContentMatcher::reassign(Memory& memory,
                                                              std::string_view response,
                                                              Work& work) {
  if (!memory.accepted_payload || *memory.accepted_payload == response)
    return std::nullopt;
  std::string accepted_payload = *std::exchange(memory.accepted_payload, std::nullopt);
  memory_bytes_ -= accepted_payload.size();
  const Found found = look(accepted_payload, {prefilter_key_of(accepted_payload)}, work);
  if (found.fit != Fit::exact)
    return std::nullopt;
  return Match{found.exchange, MatchedBy::content, std::move(accepted_payload)};
}

/// The only request that `response` could mean by a case mapping we do not know; nothing when two
/// could, one that has ended included.
std::optional<ExchangeId> ContentMatcher::folded_match(std::string_view response,
                                                       std::size_t prefilter_key, Work& work) {
  const auto is_alike = [prefilter_key](const Memory& memory) {
    return !memory.prefilter_key || *memory.prefilter_key == prefilter_key;
  };
  const auto alike = by_prefilter_key_.find(prefilter_key);
  if (alike == by_prefilter_key_.end() || alike->second.size() > 1 || !unindexed_.empty() ||
      uncheckable_ > 0 || std::any_of(memories_.begin(), memories_.end(), is_alike) ||
      !work.take(check_cost(action_, response))) {
    return std::nullopt;
  }
  const ExchangeId only = *alike->second.begin();
  const auto folded = folded_key(action_, response);
  if (!folded || folded != folded_key(action_, published_.at(only).request))
    return std::nullopt;
  return only;
}

std::size_t ContentMatcher::bytes_of(const Memory& memory) {
  return memory.request.size() + (memory.accepted_payload ? memory.accepted_payload->size() : 0);
}

void ContentMatcher::forget(Instant now) {
  while (!memories_.empty()) {
    const Memory& oldest = memories_.front();
    const Instant stale = oldest.ended + limits::memory_age;
    const bool is_over =
        memories_.size() > limits::topic_memories || memory_bytes_ > limits::topic_memory_bytes;
    if (stale > now && !is_over)
      break;
    if (stale > now)
      forgetful_until_ = std::max(forgetful_until_, stale);
    memory_bytes_ -= bytes_of(oldest);
    memories_.pop_front();
  }
}

}  // namespace mqtt_bridge
