#include "responder/job_queue.hpp"

namespace mqtt_bridge {
namespace {

/// One that arrives with nothing left, since brokers count whole seconds, may run at once.
bool is_expired(const Job& job, Instant now) {
  return job.expires && *job.expires < now;
}

}  // namespace

std::optional<Job> JobQueue::push(Job job, Instant now) {
  if (!has_room(job))
    drop_expired(now);
  if (is_closed_ || !has_room(job))
    return job;
  bytes_ += job.payload.size();
  waiting_.push_back(std::move(job));
  return std::nullopt;
}

/// One that can run at once needs none.
bool JobQueue::has_room(const Job& job) const {
  if (waiting_.empty() && running_ < bounds_.running)
    return true;
  return waiting_.size() < bounds_.waiting && bytes_ + job.payload.size() <= bounds_.bytes;
}

void JobQueue::drop_expired(Instant now) {
  expired_ += std::erase_if(waiting_, [&](const Job& job) {
    if (!is_expired(job, now))
      return false;
    bytes_ -= job.payload.size();
    return true;
  });
}

std::optional<Job> JobQueue::next(Instant now) {
  while (running_ < bounds_.running && !waiting_.empty()) {
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= job.payload.size();
    if (is_expired(job, now)) {
      ++expired_;
      continue;
    }
    ++running_;
    return job;
  }
  return std::nullopt;
}

std::deque<Job> JobQueue::close() {
  is_closed_ = true;
  bytes_ = 0;
  return std::exchange(waiting_, {});
}

}  // namespace mqtt_bridge
