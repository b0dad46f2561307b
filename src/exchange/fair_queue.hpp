// Exchanges that wait to be published, served in turn by a key (the NetID): the oldest of each key,
// one key after the other. A busy key delays only itself. Value; the owner serialises.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace mqtt_bridge {

class FairQueue {
 public:
  using Id = std::uint64_t;  // grows, so the smallest is the oldest

  void insert(const std::string& key, Id id) {
    if (queues_[key].insert(id).second)
      ++size_;
  }

  /// Harmless when it is not there.
  void erase(const std::string& key, Id id) {
    const auto queue = queues_.find(key);
    if (queue == queues_.end() || queue->second.erase(id) == 0)
      return;
    --size_;
    if (queue->second.empty())
      queues_.erase(queue);
  }

  /// Takes out the next one. REQUIRES: there is one.
  Id pop() {
    auto queue = queues_.upper_bound(last_served_);
    if (queue == queues_.end())
      queue = queues_.begin();
    last_served_ = queue->first;
    const Id id = *queue->second.begin();
    erase(last_served_, id);
    return id;
  }

  bool empty() const { return queues_.empty(); }
  std::size_t size() const { return size_; }

 private:
  std::map<std::string, std::set<Id>> queues_;  // none of them empty
  std::string last_served_;
  std::size_t size_ = 0;
};

}  // namespace mqtt_bridge
