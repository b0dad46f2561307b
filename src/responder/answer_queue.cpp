#include "responder/answer_queue.hpp"

#include <algorithm>
#include <iterator>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

// What a PUBLISH has beside its topic, its payload and its properties' bytes: the fixed header, a
// packet identifier and the lengths (MQTT 5.0 3.3), and something to spare; and each user property.
constexpr std::size_t packet_overhead = 32;
constexpr std::size_t property_overhead = 5;
// What a message costs beside its texts.
constexpr std::size_t entry_bytes = 256;

constexpr int breaks_until_given_up = 2;
// Requesters choose the topics, so only so many are remembered, and so much of each.
constexpr std::size_t remembered_topics = 4096;
constexpr std::size_t remembered_bytes = 256;

std::string beginning_of(const std::string& topic) {
  return topic.substr(0, remembered_bytes);
}

std::size_t packet_bytes_of(const Outgoing& message) {
  std::size_t bytes =
      packet_overhead + message.topic.size() + message.payload.size() + message.correlation.size();
  for (const auto& [name, value] : message.user_properties)
    bytes += property_overhead + name.size() + value.size();
  return bytes;
}

/// After the `breaks`th connection that broke: it doubles.
Duration pause_after(int breaks, Duration first, Duration longest) {
  Duration pause = first;
  for (int i = 1; i < breaks && pause < longest; ++i)
    pause *= 2;
  return std::min(pause, longest);
}

}  // namespace

AnswerQueue::Entry AnswerQueue::entry_of(Outgoing message) {
  Entry entry;
  entry.bytes = entry_bytes + packet_bytes_of(message);
  entry.message = std::move(message);
  return entry;
}

void AnswerQueue::push(Outgoing message, Instant now) {
  Entry entry = entry_of(std::move(message));
  make_room(entry.bytes);
  if (bytes_ + entry.bytes > bounds_.bytes)
    return lose(Reason::no_room, entry.message);
  bytes_ += entry.bytes;
  enqueue(std::move(entry), now);
}

void AnswerQueue::enqueue(Entry entry, Instant now) {
  if (is_breaker(entry.message.topic, now))
    return put_aside(std::move(entry));
  Entries& entries = is_on_probation(entry.message.topic, now) ? probation_ : waiting_;
  entries.push_back(std::move(entry));
}

/// What broke connections goes first. What is suspect is little, and stays.
void AnswerQueue::make_room(std::size_t bytes) {
  const auto is_full = [&] {
    return bytes_ + bytes > bounds_.bytes ||
           waiting_.size() + probation_.size() + aside_.size() >= bounds_.entries;
  };
  for (Entries* entries : {&aside_, &probation_, &waiting_}) {
    while (is_full() && !entries->empty())
      drop(*entries);
  }
}

void AnswerQueue::put_aside(Entry entry) {
  if (aside_.size() >= bounds_.aside)
    drop(aside_);
  aside_.push_back(std::move(entry));
}

void AnswerQueue::drop(Entries& entries) {
  lose(Reason::no_room, entries.front().message);
  bytes_ -= entries.front().bytes;
  entries.pop_front();
}

// What the responder says of itself -----------------------------------------------------------

void AnswerQueue::announce(Outgoing announcement, Instant now) {
  Entry entry = entry_of(std::move(announcement));
  // One that waits already keeps its place: it may be that one on which the connection broke.
  for (Entries* entries : {&suspects_, &waiting_, &aside_}) {
    for (Entry& earlier : *entries) {
      if (!earlier.message.retained)
        continue;
      bytes_ += entry.bytes - earlier.bytes;
      entry.breaks = earlier.breaks;
      earlier = std::move(entry);
      return;
    }
  }
  bytes_ += entry.bytes;
  if (is_breaker(entry.message.topic, now))
    return put_aside(std::move(entry));
  waiting_.push_front(std::move(entry));
}

void AnswerQueue::say_farewell(Outgoing farewell) {
  remove_announcements();
  Entry entry = entry_of(std::move(farewell));
  bytes_ += entry.bytes;
  waiting_.push_back(std::move(entry));
}

void AnswerQueue::remove_announcements() {
  for (Entries* entries : {&suspects_, &waiting_, &aside_}) {
    std::erase_if(*entries, [this](const Entry& entry) {
      if (entry.message.retained)
        bytes_ -= entry.bytes;
      return entry.message.retained;
    });
  }
}

// The link ------------------------------------------------------------------------------------

void AnswerQueue::link_up(std::size_t window, std::size_t packet_bytes) {
  is_up_ = true;
  window_ = std::clamp<std::size_t>(window, 1, limits::publish_window);
  packet_bytes_ = packet_bytes;
}

void AnswerQueue::link_down(LinkEnd end, Instant now) {
  is_up_ = false;
  const bool was_alone = std::exchange(is_alone_, false);
  auto lost = std::exchange(unacknowledged_, {});
  if (was_alone && end == LinkEnd::broken && !lost.empty())
    return broke_alone(std::move(lost.begin()->second), now);
  Entries& entries = was_alone || end == LinkEnd::broken ? suspects_ : waiting_;
  for (auto each = lost.rbegin(); each != lost.rend(); ++each)
    entries.push_front(std::move(each->second));
}

void AnswerQueue::broke_alone(Entry entry, Instant now) {
  const bool is_new = now - last_break_ > limits::breaks_memory;
  breaks_ = is_new ? 1 : breaks_ + 1;
  last_break_ = now;
  aside_due_ = now + pause_after(breaks_, limits::aside_pause, limits::aside_pause_cap);
  const bool is_known = is_breaker(entry.message.topic, now);
  remember_breaker(entry.message.topic, now);
  if (!is_known && !entry.message.retained)
    suspect_new_topics(now);
  if (++entry.breaks < breaks_until_given_up && !is_known)
    return put_aside(std::move(entry));
  lose(Reason::breaks_connections, entry.message);
  bytes_ -= entry.bytes;
}

void AnswerQueue::remember_breaker(const std::string& topic, Instant now) {
  std::erase_if(breakers_, [now](const auto& each) { return each.second <= now; });
  if (breakers_.size() < remembered_topics)
    breakers_.insert_or_assign(beginning_of(topic), now + limits::breaks_memory);
}

bool AnswerQueue::is_breaker(const std::string& topic, Instant now) const {
  if (breakers_.empty())
    return false;
  const auto known = breakers_.find(beginning_of(topic));
  return known != breakers_.end() && now < known->second;
}

/// The first time may be a single one, so the others are not to wait for it.
void AnswerQueue::suspect_new_topics(Instant now) {
  breaks_of_new_topics_ = now < suspicious_until_ ? breaks_of_new_topics_ + 1 : 0;
  suspicious_until_ = now + limits::breaks_memory;
  probation_due_ = now;
  if (breaks_of_new_topics_ > 0)
    probation_due_ +=
        pause_after(breaks_of_new_topics_, limits::reconnect_base, limits::reconnect_cap);
}

bool AnswerQueue::is_on_probation(const std::string& topic, Instant now) const {
  return now < suspicious_until_ && !proven_.contains(topic);
}

// Publishing ----------------------------------------------------------------------------------

std::optional<AnswerQueue::Sending> AnswerQueue::next(Instant now) {
  while (auto entry = take(now)) {
    if (!make_fit(entry->message)) {
      bytes_ -= entry->bytes;
      is_alone_ = false;
      continue;
    }
    const auto sent = unacknowledged_.emplace(++last_id_, *std::move(entry)).first;
    return Sending{sent->first, sent->second.message};
  }
  return std::nullopt;
}

std::optional<AnswerQueue::Entry> AnswerQueue::take(Instant now) {
  if (!is_up_ || is_alone_ || unacknowledged_.size() >= window_)
    return std::nullopt;
  Entries* const alone = next_alone(now);
  Entries& entries = alone != nullptr ? *alone : waiting_;
  if (entries.empty() || (alone != nullptr && !unacknowledged_.empty()))
    return std::nullopt;
  is_alone_ = alone != nullptr;
  sent_since_alone_ = is_alone_ ? 0 : sent_since_alone_ + 1;
  Entry entry = std::move(entries.front());
  entries.pop_front();
  return entry;
}

/// Where the next message comes from, if it is to go alone.
AnswerQueue::Entries* AnswerQueue::next_alone(Instant now) {
  if (!suspects_.empty())
    return &suspects_;
  const bool is_turn_of_others = sent_since_alone_ < window_ && !waiting_.empty();
  if (is_turn_of_others)
    return nullptr;
  if (!probation_.empty() && now >= probation_due_)
    return &probation_;
  return !aside_.empty() && now >= aside_due_ ? &aside_ : nullptr;
}

std::optional<Outgoing> AnswerQueue::acknowledged(std::uint64_t id) {
  auto message = extract(id);
  if (!message)
    return std::nullopt;
  if (!breakers_.empty())
    breakers_.erase(beginning_of(message->topic));
  if (proven_.size() >= remembered_topics)
    proven_.clear();
  if (message->topic.size() <= remembered_bytes && !message->retained)
    proven_.insert(message->topic);
  return message;
}

std::optional<Outgoing> AnswerQueue::refused(std::uint64_t id, Refusal why) {
  auto message = extract(id);
  if (!message || message->retained || why != Refusal::too_large)
    return message;
  lose(Reason::too_large, *message);
  const bool is_error_already = message->payload.empty();
  if (!is_error_already && make_error(*message)) {
    Entry entry = entry_of(*message);
    bytes_ += entry.bytes;
    waiting_.push_front(std::move(entry));
  }
  return message;
}

std::optional<Outgoing> AnswerQueue::extract(std::uint64_t id) {
  auto sent = unacknowledged_.extract(id);
  if (sent.empty())
    return std::nullopt;
  is_alone_ = false;
  bytes_ -= sent.mapped().bytes;
  return std::move(sent.mapped().message);
}

bool AnswerQueue::fits(const Outgoing& message) const {
  return packet_bytes_of(message) <= packet_bytes_;
}

/// A broker that gets more than it takes ends the connection (MQTT 5.0 3.2.2.3.6).
bool AnswerQueue::make_fit(Outgoing& message) {
  if (fits(message))
    return true;
  lose(Reason::too_large, message);
  return make_error(message) && fits(message);
}

/// Nothing where an error would be taken for an answer.
bool AnswerQueue::make_error(Outgoing& message) const {
  if (message.correlation.empty() || message.retained)
    return false;
  message.payload.clear();
  std::erase_if(message.user_properties, [](const auto& property) {  // of a longer error
    return property.first == "status" || property.first == "error";
  });
  message.user_properties.emplace_back("status", "413");
  message.user_properties.emplace_back("error", "the answer is larger than the broker takes");
  return true;
}

std::optional<Instant> AnswerQueue::next_deadline() const {
  std::optional<Instant> next;
  if (!is_up_ || is_alone_ || !suspects_.empty())
    return next;
  if (!probation_.empty())
    next = probation_due_;
  if (!aside_.empty())
    next = std::min(next.value_or(aside_due_), aside_due_);
  return next;
}

bool AnswerQueue::is_idle() const {
  return suspects_.empty() && probation_.empty() && waiting_.empty() && unacknowledged_.empty();
}

// What is dropped -----------------------------------------------------------------------------

void AnswerQueue::lose(Reason reason, const Outgoing& message) {
  Losses& losses = losses_[static_cast<std::size_t>(reason)];
  ++losses.count;
  losses.topic = beginning_of(message.topic);
  losses.bytes = message.payload.size();
}

std::optional<AnswerQueue::Loss> AnswerQueue::next_loss(Instant now) {
  for (std::size_t reason = 0; reason < reasons; ++reason) {
    Losses& losses = losses_[reason];
    if (losses.count == 0 || now < losses.not_before)
      continue;
    losses.not_before = now + limits::loss_pause;
    return Loss{static_cast<Reason>(reason), std::exchange(losses.count, 0),
                std::exchange(losses.topic, {}), losses.bytes};
  }
  return std::nullopt;
}

}  // namespace mqtt_bridge
