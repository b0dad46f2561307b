#include "core/offenders.hpp"

#include <algorithm>
#include <utility>

#include "core/limits.hpp"

namespace mqtt_bridge {
namespace {

// So many topics that are refused at the same time are taken for an attack with fresh names.
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
  if (found == topics_.end()) {
    if (is_careful(now))
      of(topic).proven = bytes;
    return;
  }
  Topic& known = found->second;
  known.proven = std::max(known.proven.value_or(0), bytes);
  known.breaks = 0;
  const bool was_condemned = known.pause > Duration{};
  const bool is_forgiven = !was_condemned || now >= known.refused_until + limits::refusal_cap;
  if (is_forgiven && !is_careful(now))
    topics_.erase(found);
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
  return !is_proven(topic, bytes) && (topics_.contains(topic) || is_careful(now));
}

bool Offenders::is_proven(const std::string& topic, std::size_t bytes) const {
  const auto found = topics_.find(topic);
  return found != topics_.end() && found->second.proven && bytes <= *found->second.proven;
}

bool Offenders::has_broken(const std::string& topic) const {
  const auto found = topics_.find(topic);
  return found != topics_.end() && found->second.breaks > 0;
}

Offenders::Topic& Offenders::of(const std::string& topic) {
  if (!topics_.contains(topic) && topics_.size() >= limits::offenders)
    make_room();
  return topics_[topic];
}

/// Forgets the topic that is refused for the shortest time, or not any more; one that is known to
/// be good only when all are.
void Offenders::make_room() {
  const auto value = [](const auto& each) {
    return std::pair(each.second.proven.has_value(), each.second.refused_until);
  };
  topics_.erase(std::min_element(topics_.begin(), topics_.end(), [&](const auto& a, const auto& b) {
    return value(a) < value(b);
  }));
}

}  // namespace mqtt_bridge
