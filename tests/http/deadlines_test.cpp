#include "http/deadlines.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "http/pace.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Instant start = Instant{} + 1h;

struct Owner {
  explicit Owner(char its_name) : name(its_name) {}
  char name;
  Deadlines<Owner>::Entry entry{*this};
};

/// The names of those that are due, in their order.
std::string due(Deadlines<Owner>& deadlines, Instant now) {
  std::string names;
  while (const Owner* const owner = deadlines.take_due(now))
    names += owner->name;
  return names;
}

TEST(Deadlines, AreDueInTheirOrderAndOnce) {
  Deadlines<Owner> deadlines;
  Owner a('a'), b('b'), c('c');
  EXPECT_EQ(deadlines.next(), std::nullopt);
  deadlines.set(a.entry, start + 3s);
  deadlines.set(b.entry, start + 1s);
  deadlines.set(c.entry, start + 2s);
  EXPECT_EQ(deadlines.next(), start + 1s);
  EXPECT_EQ(due(deadlines, start + 1s - 1ns), "");
  EXPECT_EQ(due(deadlines, start + 2s), "bc");
  EXPECT_EQ(b.entry.deadline(), Instant::max());
  EXPECT_EQ(due(deadlines, start + 2s), "");
  EXPECT_EQ(due(deadlines, start + 1h), "a");
  EXPECT_EQ(deadlines.next(), std::nullopt);
}

TEST(Deadlines, AreWhatTheyWereLastSetTo) {
  Deadlines<Owner> deadlines;
  Owner a('a'), b('b');
  deadlines.set(a.entry, start + 1s);
  deadlines.set(b.entry, start + 3s);
  deadlines.set(a.entry, start + 5s);
  EXPECT_EQ(a.entry.deadline(), start + 5s);
  EXPECT_EQ(due(deadlines, start + 1s), "");
  EXPECT_EQ(deadlines.next(), start + 3s) << "looked at once more, and put in its place";
  deadlines.set(b.entry, start + 2s);
  EXPECT_EQ(deadlines.next(), start + 2s);
  EXPECT_EQ(due(deadlines, start + 2s), "b");
  deadlines.set(a.entry, start + 4s);
  EXPECT_EQ(due(deadlines, start + 4s), "a");
  deadlines.set(a.entry, start + 5s);
  EXPECT_EQ(due(deadlines, start + 5s), "a") << "anew";
}

TEST(Deadlines, GoWithTheirOwners) {
  Deadlines<Owner> deadlines;
  Owner a('a');
  {
    Owner b('b');
    deadlines.set(b.entry, start + 1s);
    deadlines.set(b.entry, start + 2s);
    deadlines.set(a.entry, start + 2s);
    deadlines.remove(b.entry);
    deadlines.remove(b.entry);
  }
  EXPECT_EQ(deadlines.next(), start + 2s);
  EXPECT_EQ(due(deadlines, start + 1h), "a");
}

TEST(Deadlines, OfWhatIsIdleCostNothing) {
  Deadlines<Owner> deadlines;
  std::deque<Owner> idle;
  for (int i = 0; i < 1000; ++i)
    deadlines.set(idle.emplace_back('i').entry, start + 600s);
  Owner busy('b');
  deadlines.set(busy.entry, start + 5s);
  int turns = 0;
  while (deadlines.next() < start + 500s) {
    const Instant now = *deadlines.next();
    for (int calls = 0; calls < 100; ++calls)
      deadlines.set(busy.entry, now + 5s);
    ASSERT_EQ(due(deadlines, now), "");
    ++turns;
  }
  EXPECT_EQ(turns, 99) << "one look in five seconds, however many calls and idle ones there are";
  EXPECT_EQ(due(deadlines, start + 600s), "b" + std::string(1000, 'i'));
}

TEST(Deadlines, AreThoseOfANaiveTableWhateverIsDoneToThem) {
  std::mt19937 chance(7);
  const auto below = [&chance](int bound) {
    return static_cast<int>(chance() % static_cast<unsigned>(bound));
  };
  Deadlines<Owner> deadlines;
  std::deque<Owner> owners;
  for (char name = 'a'; name < 'a' + 20; ++name)
    owners.emplace_back(name);
  std::map<char, Instant> naive;
  Instant now = start;
  for (int step = 0; step < 20'000; ++step) {
    Owner& owner = owners[static_cast<std::size_t>(below(20))];
    switch (below(4)) {
      case 0:
        now += std::chrono::milliseconds(below(10));
        break;
      case 1:
        deadlines.remove(owner.entry);
        naive.erase(owner.name);
        break;
      default:
        naive[owner.name] = now + std::chrono::milliseconds(below(100));
        deadlines.set(owner.entry, naive[owner.name]);
    }
    std::string expected;
    for (const auto& [name, deadline] : naive)
      expected += deadline <= now ? std::string(1, name) : "";
    std::string found = due(deadlines, now);
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, expected) << step;
    for (const char name : found)
      naive.erase(name);
    ASSERT_EQ(deadlines.next().has_value(), !naive.empty());
    for (const auto& [name, deadline] : naive)
      ASSERT_LE(*deadlines.next(), deadline) << name;
  }
}

TEST(Pace, IsKeptByEnoughBytesSinceTheLastLook) {
  Pace pace;
  pace.begin(start);
  EXPECT_EQ(pace.looked(), start);
  EXPECT_TRUE(pace.look(start + 1s, -500, 100)) << "the first look only notes";
  EXPECT_EQ(pace.looked(), start + 1s);
  EXPECT_TRUE(pace.look(start + 2s, -400, 100));
  EXPECT_FALSE(pace.look(start + 3s, -301, 100));
  EXPECT_TRUE(pace.look(start + 4s, -201, 100));
  pace.begin(start + 5s);
  EXPECT_TRUE(pace.look(start + 6s, -201, 100));
  EXPECT_FALSE(pace.look(start + 7s, -201, 100));
}

}  // namespace
}  // namespace mqtt_bridge
