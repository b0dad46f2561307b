#include "exchange/offenders.hpp"

#include <algorithm>
#include <iterator>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

// So many topics that are refused at the same time are taken for an attack with fresh
// names.
constexpr int many = 3;

}  // namespace

int Offenders::broke_alone(const std::string& topic, Instant now) {
  careful_until_ = std::max<Instant>(careful_until_, now + limits::refusal_base);
  next_trial_ = now + limits::trial_pause;
  return ++of(topic).breaks;
}

void Offenders::condemn(const std::string& topic, std::size_t bytes, Instant now) {
  Topic& offender = of(topic);
  offender.breaks = 0;
  // Halved each time that a smaller request breaks one, so that a caller who shrinks a request byte
  // by byte breaks few connections.
  const std::size_t above_proven = offender.proven ? *offender.proven + 1 : 0;
  const std::size_t known = offender.deadly.value_or(bytes);
  offender.deadly = std::max(bytes < known ? std::min(bytes, known / 2) : known, above_proven);
  offender.pause =
      std::clamp<Duration>(2 * offender.pause, limits::refusal_base, limits::refusal_cap);
  offender.refused_until = now + offender.pause;
  const auto refused = std::count_if(topics_.begin(), topics_.end(), [now](const auto& each) {
    return now < each.second.refused_until;
  });
  if (refused >= many)
    careful_until_ = now + limits::refusal_cap;
}

void Offenders::broke_in_company(Instant now) {
  careful_until_ = std::max<Instant>(careful_until_, now + limits::refusal_base);
}

void Offenders::broke_in_company(const std::string& topic) {
  of(topic);
}

void Offenders::acknowledged(const std::string& topic, std::size_t bytes, Instant now) {
  const auto found = topics_.find(topic);
  if (found == topics_.end())
    return note_good(topic, bytes);
  Topic& known = found->second;
  known.proven = std::max(known.proven.value_or(0), bytes);
  known.breaks = 0;
  const bool was_condemned = known.pause > Duration{};
  if (was_condemned && now < known.refused_until + limits::refusal_cap)
    return;
  note_good(topic, *known.proven);
  topics_.erase(found);
}

void Offenders::note_good(const std::string& topic, std::size_t bytes) {
  const auto [known, is_new] = good_.emplace(topic, bytes);
  known->second = std::max(known->second, bytes);
  if (is_new && good_.size() > limits::offenders)
    good_.erase(known == good_.begin() ? std::prev(good_.end()) : good_.begin());
}

std::optional<Instant> Offenders::refused_until(const std::string& topic, std::size_t bytes,
                                                Instant now) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || now >= found->second.refused_until || is_proven(topic, bytes) ||
      bytes < found->second.deadly) {
    return std::nullopt;
  }
  return found->second.refused_until;
}

bool Offenders::goes_alone(const std::string& topic, std::size_t bytes, Instant now) const {
  return !is_trusted(topic, bytes) && (topics_.contains(topic) || is_careful(now));
}

bool Offenders::is_proven(const std::string& topic, std::size_t bytes) const {
  const auto found = topics_.find(topic);
  return found != topics_.end() && found->second.proven && bytes <= *found->second.proven;
}

bool Offenders::is_trusted(const std::string& topic, std::size_t bytes) const {
  constexpr std::size_t small = 256;
  if (topics_.contains(topic))
    return is_proven(topic, bytes);
  const auto known = good_.find(topic);
  return known != good_.end() && bytes <= 2 * known->second + small;
}

bool Offenders::has_broken(const std::string& topic) const {
  const auto found = topics_.find(topic);
  return found != topics_.end() && found->second.breaks > 0;
}

Offenders::Topic& Offenders::of(const std::string& topic) {
  if (!topics_.contains(topic) && topics_.size() >= limits::offenders)
    make_room();
  Topic& known = topics_[topic];
  if (const auto good = good_.extract(topic); !good.empty())
    known.proven = good.mapped();
  return known;
}

/// Forgets the topic that is refused for the shortest time, or not any more.
void Offenders::make_room() {
  topics_.erase(std::min_element(topics_.begin(), topics_.end(), [](const auto& a, const auto& b) {
    return a.second.refused_until < b.second.refused_until;
  }));
}

}  // namespace mqtt_bridge
