// Topics whose requests made the broker close the connection, and what follows for later requests
// to them. A request counts only when it was alone on the connection, so those beside it never do;
// and one break proves nothing, since networks break connections, too.
//
// A topic that is condemned is refused for a while that doubles each time; only sizes that the
// broker has acknowledged on it since, or that are below what broke the connection, still pass.
// After a connection broke, and for longer where several topics are refused at once, requests to
// all topics that are not known to be good go out alone, so that fresh names are no way round this.
// Value; the owner serialises. Bounded by limits::offenders.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/instant.hpp"

namespace mqtt_bridge {

class Offenders {
 public:
  /// A request to `topic` was alone on a connection that broke at once; how many did so since the
  /// broker took one to it.
  int broke_alone(const std::string& topic, Instant now);
  /// Requests of so many bytes are known to break connections.
  void condemn(const std::string& topic, std::size_t bytes, Instant now);
  /// A connection broke on which several were unacknowledged.
  void broke_in_company(Instant now);
  /// One of them, which is not published twice: later ones have to go out alone.
  void broke_in_company(const std::string& topic);
  /// The broker took one.
  void acknowledged(const std::string& topic, std::size_t bytes, Instant now);

  /// Until when a request like this is refused; nothing when it is not.
  std::optional<Instant> refused_until(const std::string& topic, std::size_t bytes,
                                       Instant now) const;
  /// Whether a request like this has to be alone on the connection.
  bool goes_alone(const std::string& topic, std::size_t bytes, Instant now) const;
  /// Whether the broker has taken such a request since one to this topic was suspected;
  /// where none is, one that was not much smaller.
  bool is_trusted(const std::string& topic, std::size_t bytes) const;
  /// Whether one to this topic was alone on a connection that broke, and none was taken
  /// since.
  bool has_broken(const std::string& topic) const;
  /// Whether fresh names are not trusted.
  bool is_careful(Instant now) const { return now < careful_until_; }
  /// When the next one may go out that is likely to break the connection.
  Instant next_trial() const { return next_trial_; }

  std::size_t size() const { return topics_.size(); }

 private:
  struct Topic {
    std::optional<std::size_t> proven;  // the most bytes that the broker took
    std::optional<std::size_t> deadly;  // from so many bytes on requests are refused
    int breaks = 0;    // by requests that were alone, since one was acknowledged or condemned
    Duration pause{};  // the last one; 0: it was never condemned
    Instant refused_until{};
  };

  bool is_proven(const std::string& topic, std::size_t bytes) const;
  void note_good(const std::string& topic, std::size_t bytes);
  Topic& of(const std::string& topic);
  void make_room();

  std::map<std::string, Topic> topics_;
  // The others: the most bytes that the broker took, of the topics of late.
  std::map<std::string, std::size_t> good_;
  Instant careful_until_{};
  Instant next_trial_{};
};

}  // namespace mqtt_bridge
