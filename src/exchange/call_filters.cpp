#include "exchange/call_filters.hpp"

#include <algorithm>
#include <utility>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {

bool CallFilters::has_room(const std::vector<CallFilter>& filters) const {
  const auto fresh = static_cast<std::size_t>(
      std::count_if(filters.begin(), filters.end(),
                    [this](const CallFilter& each) { return !entries_.contains(each.filter); }));
  return fresh == 0 || entries_.size() - unused_.size() + filters.size() <= limits::call_filters;
}

std::size_t CallFilters::enter(Id call, const std::vector<CallFilter>& filters) {
  std::size_t missing = 0;
  for (const CallFilter& filter : filters) {
    const auto [found, is_new] = entries_.try_emplace(filter.filter);
    Entry& entry = found->second;
    if (is_new)
      shapes_.add(filter.filter);
    else if (entry.users.empty())
      unused_.erase(entry.unused);
    // To subscribe once more changes what a subscription brings (MQTT 5.0 3.8.4).
    const bool is_other = filter.no_local && !entry.filter.no_local;
    entry.filter.filter = filter.filter;
    entry.filter.no_local |= filter.no_local;
    if (!std::exchange(entry.is_asked, true) || is_other) {
      entry.is_live = false;
      changes_.push_back({entry.filter, true});
    }
    entry.users.insert(call);
    if (!entry.is_live) {
      entry.waiting.push_back(call);
      ++waiting_;
      ++missing;
    }
  }
  while (entries_.size() > limits::call_filters && !unused_.empty()) {
    const auto oldest = entries_.find(unused_.front());
    changes_.push_back({std::move(oldest->second.filter), false});
    forget(oldest);
    unused_.pop_front();
  }
  return missing;
}

void CallFilters::leave(Id call, const std::vector<CallFilter>& filters) {
  for (const CallFilter& filter : filters) {
    const auto found = entries_.find(filter.filter);
    if (found == entries_.end())
      continue;
    Entry& entry = found->second;
    waiting_ -= std::erase(entry.waiting, call);
    entry.users.erase(call);
    if (!entry.users.empty())
      continue;
    if (entry.is_asked)
      entry.unused = unused_.insert(unused_.end(), filter.filter);
    else
      forget(found);
  }
}

std::vector<CallFilters::Id> CallFilters::granted(const std::string& filter) {
  const auto found = entries_.find(filter);
  if (found == entries_.end())
    return {};
  found->second.is_live = true;
  waiting_ -= found->second.waiting.size();
  return std::exchange(found->second.waiting, {});
}

std::vector<CallFilters::Id> CallFilters::refused(const std::string& filter) {
  const auto found = entries_.find(filter);
  if (found == entries_.end())
    return {};
  Entry& entry = found->second;
  waiting_ -= entry.waiting.size();
  entry.waiting.clear();
  std::vector<Id> users(entry.users.begin(), entry.users.end());
  changes_.push_back({entry.filter, false});
  entry.is_asked = false;
  entry.is_live = false;
  if (users.empty()) {
    unused_.erase(entry.unused);
    forget(found);
  }
  return users;
}

void CallFilters::forget(Entries::iterator entry) {
  shapes_.remove(entry->first);
  entries_.erase(entry);
}

bool CallFilters::cover(std::string_view topic) const {
  const auto masked = shapes_.masked(topic);
  return entries_.contains(std::string(topic)) ||
         std::any_of(masked.begin(), masked.end(),
                     [this](const std::string& filter) { return entries_.contains(filter); });
}

std::optional<CallFilters::Change> CallFilters::next_change() {
  if (changes_.empty())
    return std::nullopt;
  Change change = std::move(changes_.front());
  changes_.pop_front();
  return change;
}

}  // namespace mqtt_bridge
