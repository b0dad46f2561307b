#include "daemon/io/call_database.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

#include <sqlite3.h>

namespace mqtt_bridge {
namespace {

constexpr int version = 1;

// The file is this program's alone, so that no memory is shared with others, which some file
// systems cannot. NORMAL: what is committed outlives this program at once, and a crash of the
// machine once call_store.cpp has synchronised the log of changes (https://sqlite.org/wal.html).
constexpr const char* settings =
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
    "PRAGMA journal_size_limit = 16777216;";
constexpr const char* tables =
    "BEGIN; CREATE TABLE calls (id BLOB PRIMARY KEY NOT NULL, owner BLOB NOT NULL, key BLOB, "
    "content BLOB NOT NULL, begun INTEGER NOT NULL, deadline INTEGER NOT NULL, "
    "done INTEGER NOT NULL, request BLOB NOT NULL, outcome BLOB, ended INTEGER, "
    "callback BLOB NOT NULL); "
    "PRAGMA user_version = 1; COMMIT;";

std::int64_t milliseconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime time_of(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

/// A statement of SQL, prepared once.
class CallDatabase::Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK)
      throw Error(sqlite3_errmsg(database));
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// `bytes` must stay until run() or next() is through.
  Statement& bind(int place, std::string_view bytes) {
    sqlite3_bind_blob64(statement_, place, bytes.data(), bytes.size(), SQLITE_STATIC);
    return *this;
  }
  Statement& bind(int place, std::int64_t number) {
    sqlite3_bind_int64(statement_, place, number);
    return *this;
  }
  Statement& bind_nothing(int place) {
    sqlite3_bind_null(statement_, place);
    return *this;
  }
  void run() {
    const int result = sqlite3_step(statement_);
    const std::string why = result == SQLITE_DONE ? "" : sqlite3_errmsg(database_);
    sqlite3_reset(statement_);
    if (result != SQLITE_DONE)
      throw Error(why);
  }
  bool next() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
      throw Error(sqlite3_errmsg(database_));
    return result == SQLITE_ROW;
  }

  std::string_view bytes(int column) const {
    const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data != nullptr ? std::string_view(data, size) : std::string_view();
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  Digest digest(int column) const {
    Digest digest{};
    const std::string_view found = bytes(column);
    if (found.size() != digest.size())
      throw Error("an id in it has another length");
    std::copy(found.begin(), found.end(), digest.begin());
    return digest;
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

void CallDatabase::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

CallDatabase::CallDatabase(const std::filesystem::path& file) {
  sqlite3* opened = nullptr;
  const int result =
      sqlite3_open_v2(file.c_str(), &opened,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database_.reset(opened);
  if (result != SQLITE_OK)
    throw Error(opened != nullptr ? sqlite3_errmsg(opened) : "no memory");
  std::error_code ignored;
  std::filesystem::permissions(
      file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
  if (sqlite3_db_readonly(opened, "main") == 1)
    throw Error("it cannot be written to");
  run(settings);
  check_version();
  insert_ = std::make_unique<Statement>(
      opened,
      "INSERT INTO calls (id, owner, key, content, begun, deadline, done, request, callback) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  done_ = std::make_unique<Statement>(opened, "UPDATE calls SET done = ? WHERE id = ?");
  all_perhaps_published_ = std::make_unique<Statement>(
      opened, "UPDATE calls SET done = 1 WHERE done = 0 AND outcome IS NULL");
  end_ = std::make_unique<Statement>(
      opened, "UPDATE calls SET outcome = ?, request = x'', ended = ? WHERE id = ?");
  called_back_ =
      std::make_unique<Statement>(opened, "UPDATE calls SET callback = x'' WHERE id = ?");
  remove_ = std::make_unique<Statement>(opened, "DELETE FROM calls WHERE id = ?");
}

CallDatabase::~CallDatabase() {
  insert_.reset();
  done_.reset();
  all_perhaps_published_.reset();
  end_.reset();
  called_back_.reset();
  remove_.reset();
}

void CallDatabase::run(const char* sql) {
  char* why = nullptr;
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, &why) == SQLITE_OK)
    return;
  const std::string text = why != nullptr ? why : "no memory";
  sqlite3_free(why);
  throw Error(text);
}

void CallDatabase::check_version() {
  std::int64_t found = 0;
  {
    Statement asked(database_.get(), "PRAGMA user_version");
    found = asked.next() ? asked.number(0) : 0;
  }
  if (found == 0)
    run(tables);
  if (found > version)
    throw Error("it was written by a newer version of mqtt_bridged");
}

std::vector<StoredCall> CallDatabase::all() {
  Statement rows(
      database_.get(),
      "SELECT id, owner, key, content, begun, deadline, done, request, outcome, callback "
      "FROM calls ORDER BY ended, begun");
  std::vector<StoredCall> calls;
  while (rows.next()) {
    calls.push_back({.id = rows.digest(0),
                     .owner = rows.digest(1),
                     .key = rows.bytes(2).empty() ? std::nullopt : std::optional(rows.digest(2)),
                     .content = rows.digest(3),
                     .begun = time_of(rows.number(4)),
                     .deadline = time_of(rows.number(5)),
                     .done = static_cast<DoneBefore>(rows.number(6)),
                     .request = std::string(rows.bytes(7)),
                     .outcome = std::string(rows.bytes(8)),
                     .callback = std::string(rows.bytes(9))});
  }
  return calls;
}

void CallDatabase::begin() {
  run("BEGIN IMMEDIATE");
}

void CallDatabase::commit() {
  run("COMMIT");
}

void CallDatabase::undo() noexcept {
  if (sqlite3_get_autocommit(database_.get()) == 0)
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void CallDatabase::insert(const StoredCall& call) {
  insert_->bind(1, bytes_of(call.id)).bind(2, bytes_of(call.owner)).bind(4, bytes_of(call.content));
  if (call.key)
    insert_->bind(3, bytes_of(*call.key));
  else
    insert_->bind_nothing(3);
  insert_->bind(5, milliseconds_of(call.begun)).bind(6, milliseconds_of(call.deadline));
  insert_->bind(7, static_cast<std::int64_t>(call.done)).bind(8, call.request);
  insert_->bind(9, call.callback).run();
}

void CallDatabase::done(const CallId& id, DoneBefore done) {
  done_->bind(1, static_cast<std::int64_t>(done)).bind(2, bytes_of(id)).run();
}

void CallDatabase::all_perhaps_published() {
  all_perhaps_published_->run();
}

void CallDatabase::end(const CallId& id, const std::string& outcome, WallTime ended) {
  end_->bind(1, outcome).bind(2, milliseconds_of(ended)).bind(3, bytes_of(id)).run();
}

void CallDatabase::called_back(const CallId& id) {
  called_back_->bind(1, bytes_of(id)).run();
}

void CallDatabase::remove(const CallId& id) {
  remove_->bind(1, bytes_of(id)).run();
}

}  // namespace mqtt_bridge
