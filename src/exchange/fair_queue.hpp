// Exchanges that wait to be published, served in turn by a key (the NetID): the oldest of each key,
// one key after the other. A busy key delays only itself. A key can be held back, while as many of
// it are out as may be. Value; the owner serialises.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace mqtt_bridge {

class FairQueue {
 public:
  using Id = std::uint64_t;  // grows, so the smallest is the oldest

  void insert(const std::string& key, Id id) {
    if ((held_keys_.contains(key) ? held_ : queues_)[key].insert(id).second)
      ++size_;
  }

  /// Harmless when it is not there.
  void erase(const std::string& key, Id id) {
    auto& queues = held_keys_.contains(key) ? held_ : queues_;
    const auto queue = queues.find(key);
    if (queue == queues.end() || queue->second.erase(id) == 0)
      return;
    --size_;
    if (queue->second.empty())
      queues.erase(queue);
  }

  /// What is in the queue of `key` stays there until release().
  void hold(const std::string& key) {
    if (held_keys_.insert(key).second)
      move(key, queues_, held_);
  }
  void release(const std::string& key) {
    if (held_keys_.erase(key) > 0)
      move(key, held_, queues_);
  }

  /// Takes out the next one. REQUIRES: has_next().
  Id pop() {
    auto queue = queues_.upper_bound(last_served_);
    if (queue == queues_.end())
      queue = queues_.begin();
    last_served_ = queue->first;
    const Id id = *queue->second.begin();
    erase(last_served_, id);
    return id;
  }

  bool has_next() const { return !queues_.empty(); }
  std::size_t size() const { return size_; }

 private:
  using Queues = std::map<std::string, std::set<Id>>;  // none of them empty

  static void move(const std::string& key, Queues& from, Queues& to) {
    if (auto queue = from.extract(key); !queue.empty())
      to.insert(std::move(queue));
  }

  Queues queues_;
  Queues held_;
  std::set<std::string> held_keys_;
  std::string last_served_;
  std::size_t size_ = 0;
};

}  // namespace mqtt_bridge
