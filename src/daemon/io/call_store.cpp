#include "daemon/io/call_store.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <asio/post.hpp>

#include "os/io/state_file.hpp"

namespace mqtt_bridge {

CallStore::CallStore(asio::io_context& loop, std::filesystem::path file)
    : loop_(loop), file_(std::move(file)) {}

CallStore::~CallStore() {
  if (!writer_.joinable())
    return;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  has_news_.notify_one();
  writer_.join();
  synchroniser_.join();
}

std::vector<StoredCall> CallStore::load() {
  if (!std::filesystem::exists(file_))
    return {};
  try {
    database_ = std::make_unique<CallDatabase>(file_);
    return database_->all();
  } catch (const CallDatabase::Error& error) {
    throw std::runtime_error("--state-dir: the calls in " + file_.string() +
                             " cannot be taken up: " + error.what());
  }
}

void CallStore::change(Change change, Done done, std::function<void()> written) {
  if (!writer_.joinable()) {
    writer_ = std::thread([this] { run(); });
    synchroniser_ = std::thread([this] { synchronise(); });
  }
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = jobs_.empty();
    jobs_.push_back({std::move(change), std::move(done), std::move(written)});
  }
  if (was_empty)
    has_news_.notify_one();
}

// The thread ----------------------------------------------------------------------------------

void CallStore::run() {
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      has_news_.wait(lock, [this] { return !jobs_.empty() || is_ending_; });
      is_written_ = jobs_.empty();
      jobs.swap(jobs_);
    }
    carry_out(jobs);
    tell_written(jobs);
    const std::lock_guard lock(mutex_);
    std::move(jobs.begin(), jobs.end(), std::back_inserter(written_));
    has_written_.notify_one();
    if (is_written_)
      return;
  }
}

void CallStore::synchronise() {
  std::filesystem::path changes = file_;
  changes += "-wal";
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      has_written_.wait(lock, [this] { return !written_.empty() || is_written_; });
      if (written_.empty())
        return;
      jobs.swap(written_);
    }
    if (const auto why_not = sync_file(changes)) {
      for (Job& job : jobs)
        job.why_not = job.why_not ? job.why_not : why_not;
    }
    tell(std::move(jobs));
  }
}

void CallStore::tell_written(const std::vector<Job>& jobs) {
  std::vector<std::function<void()>> all;
  for (const Job& job : jobs) {
    if (job.written)
      all.push_back(job.written);
  }
  if (all.empty())
    return;
  asio::post(loop_, [all = std::move(all)] {
    for (const auto& each : all)
      each();
  });
}

void CallStore::tell(std::vector<Job> jobs) {
  asio::post(loop_, [jobs = std::move(jobs)] {
    for (const Job& job : jobs) {
      if (job.done)
        job.done(job.why_not);
    }
  });
}

/// All at once; where that fails, one by one, so that it is known which cannot be.
void CallStore::carry_out(std::vector<Job>& jobs) {
  if (jobs.empty() || try_all(jobs))
    return;
  for (Job& job : jobs)
    try_one(job);
}

bool CallStore::try_all(std::vector<Job>& jobs) {
  try {
    if (!database_)
      database_ = std::make_unique<CallDatabase>(file_);
    database_->begin();
    for (const Job& job : jobs)
      job.change(*database_);
    database_->commit();
    return true;
  } catch (const std::exception&) {
    if (database_)
      database_->undo();
    return false;
  }
}

void CallStore::try_one(Job& job) {
  try {
    if (!database_)
      database_ = std::make_unique<CallDatabase>(file_);
    database_->begin();
    job.change(*database_);
    database_->commit();
  } catch (const std::exception& error) {
    if (database_)
      database_->undo();
    job.why_not = error.what();
  }
}

}  // namespace mqtt_bridge
