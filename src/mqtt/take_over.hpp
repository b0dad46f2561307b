// Whether another client takes our connections over with our client id. Not every broker says so:
// mosquitto 2.0.11 does not, and MQTT 3.1.1 has no word for it. What can be seen, while the broker
// accepts each connection at once:
//  - Connections end as soon as they are made, though we have sent nothing on them. So after some
//    that were short nothing is sent on the next ones for a while.
//  - The broker has forgotten a session that it had promised to keep, again and again.
// Both mean a take-over. Connections that break again and again, each before the other client would
// have come back at the latest, are a hint only: a network may break them too.
// Value; the owner serialises.
#pragma once

#include "base/instant.hpp"

namespace mqtt_bridge {

class TakeOverEvidence {
 public:
  enum class Verdict { none, hint, taken_over };

  /// How long nothing is to be sent on a connection that the broker has just accepted.
  Duration quiet_time() const;
  /// A connection ended before it had all its subscriptions. `was_idle`: within quiet_time().
  Verdict connection_ended(bool was_idle);
  /// A connection has all its subscriptions. `is_forgotten`: but not the session that the broker
  /// had promised to keep.
  void link_is_up(bool is_forgotten);
  /// It ended without a reason given. `life`: since it was up.
  Verdict link_broke(Duration life);
  /// The broker said so.
  void is_certain();
  /// The broker was not there, or did not accept us, or we ended the connection.
  void forget();
  /// Whether the present link, which has lived for `life`, may be taken over as those before it.
  bool is_suspected(Duration life) const;

 private:
  Verdict verdict();

  int short_ = 0;          // in a row
  int idle_ = 0;           // of these, in a row, those on which nothing was sent
  int broken_ = 0;         // in a row, those that ended within longest_absence
  int forgotten_ = 0;      // in a row, those without their session
  bool is_known_ = false;  // that there is such a client
};

}  // namespace mqtt_bridge
