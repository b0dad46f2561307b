// Writes calls to their file on threads of its own, so that the loop never waits for the disk. What
// is asked for meanwhile goes into one transaction. One thread writes, after which the end of this
// program costs nothing any more; another one waits until the disk has it, and then it is told. So
// what happens is written at once, however long the disk takes.
//
// Threads: the owner's, which is the loop's, but for the private part that says otherwise.
#pragma once

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>

#include "daemon/io/call_database.hpp"

namespace mqtt_bridge {

class CallStore {
 public:
  /// On the loop, once it is on the disk, or with why it is not.
  using Done = std::function<void(const std::optional<std::string>& why_not)>;
  using Change = std::function<void(CallDatabase& database)>;

  CallStore(asio::io_context& loop, std::filesystem::path file);
  /// Once all that was asked for is on the disk, or cannot be. What was to be told is not.
  ~CallStore();

  /// What an earlier run left; nothing where there is no file. Blocks for the disk; only before any
  /// change. Throws what is wrong with the file, as a std::runtime_error.
  std::vector<StoredCall> load();

  /// `written`: on the loop, once the end of this program costs nothing of it any more, or it could
  /// not be written.
  void change(Change change, Done done = {}, std::function<void()> written = {});

  const std::filesystem::path& file() const { return file_; }

 private:
  struct Job {
    Change change;
    Done done;
    std::function<void()> written;
    std::optional<std::string> why_not = {};
  };

  // The threads'.
  void run();
  void synchronise();
  void tell_written(const std::vector<Job>& jobs);
  void tell(std::vector<Job> jobs);
  void carry_out(std::vector<Job>& jobs);
  bool try_all(std::vector<Job>& jobs);
  void try_one(Job& job);

  asio::io_context& loop_;
  const std::filesystem::path file_;
  std::unique_ptr<CallDatabase> database_;  // the thread's, once it runs

  std::mutex mutex_;
  std::condition_variable has_news_;
  std::condition_variable has_written_;
  // Guarded by mutex_:
  std::vector<Job> jobs_;
  std::vector<Job> written_;  // and not told yet
  bool is_ending_ = false;
  bool is_written_ = false;  // all, at the end
  std::thread writer_;       // both from the first change on
  std::thread synchroniser_;
};

}  // namespace mqtt_bridge
