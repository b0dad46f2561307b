// The file that keeps calls over a restart, by SQLite: each change whole or not at all, also over a
// crash of the program or of the machine. It says nothing of threads and when to write: that is
// call_store.hpp.
//
// Its version is in it (PRAGMA user_version); a newer one is refused. One program has it open.
// Blocks for the disk. Threads: the owner serialises.
#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/stored_call.hpp"

struct sqlite3;

namespace mqtt_bridge {

class CallDatabase {
 public:
  /// What SQLite says is wrong, in one sentence.
  class Error : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
  };

  /// Makes the file where there is none. Throws an Error.
  explicit CallDatabase(const std::filesystem::path& file);
  ~CallDatabase();

  /// All of them, those that have ended in the order of their ends.
  std::vector<StoredCall> all();

  // Changes: between begin() and commit(), after which they are in the file, and
  // on the disk once its log of changes is ("-wal"); an Error of any of
  // them undoes all since begin().
  void begin();
  void commit();
  void undo() noexcept;
  void insert(const StoredCall& call);
  void done(const CallId& id, DoneBefore done);
  /// Of all calls that wait and were not published: they may be from now on.
  void all_perhaps_published();
  void end(const CallId& id, const std::string& outcome, WallTime ended);
  void called_back(const CallId& id);
  void remove(const CallId& id);

 private:
  class Statement;

  void run(const char* sql);
  void check_version();

  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::unique_ptr<Statement> insert_, done_, all_perhaps_published_, end_, called_back_, remove_;
};

}  // namespace mqtt_bridge
