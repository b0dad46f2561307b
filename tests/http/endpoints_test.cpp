// endpoints.hpp: the tables, walked.
#include "http/endpoints.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

/// A path that leads to it.
std::string example_of(const Endpoint& endpoint) {
  std::string path(endpoint.path);
  const auto placeholder = path.find('{');
  if (placeholder != std::string::npos)
    path.replace(placeholder, std::string::npos, "reverse");
  return path;
}

TEST(Endpoints, AreFoundByTheirPathAndByNoOther) {
  for (const Endpoint& each : endpoint::all) {
    const std::string path = example_of(each);
    EXPECT_EQ(endpoint::of(path), &each) << path;
    for (const std::string& other : {path + "/", "/" + path, path.substr(1), " " + path})
      EXPECT_EQ(endpoint::of(other), nullptr) << other;
  }
  for (const char* const path : {"", "*", "/transform", "/transform/a/b", "/Healthz"})
    EXPECT_EQ(endpoint::of(path), nullptr) << path;
}

TEST(Endpoints, TakeAnyActionAlsoAnEmptyOne) {
  for (const char* const action : {"", "reverse", "\xff", "{action}", "a\nb"}) {
    const std::string path = "/transform/" + std::string(action);
    ASSERT_NE(endpoint::of(path), nullptr);
    EXPECT_EQ(endpoint::of(path)->kind, Endpoint::Kind::transform);
    EXPECT_EQ(endpoint::action_in(path), action);
  }
  EXPECT_EQ(endpoint::action_in("/healthz"), "");
}

TEST(Endpoints, AllowTheMethodsThatTheyListAndNoOther) {
  for (const Endpoint& each : endpoint::all) {
    std::string listed;
    for (const std::string method :
         {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}) {
      if (each.allows(method))
        listed += (listed.empty() ? "" : ", ") + method;
    }
    EXPECT_EQ(listed, each.allow) << each.path;
    for (const char* const other : {"", "ET", "GET, HEAD", "get", ", "})
      EXPECT_FALSE(each.allows(other)) << each.path << " " << other;
    EXPECT_EQ(each.allows("GET"), each.allows("HEAD")) << each.path;  // RFC 9110 9.3.2
  }
}

TEST(Endpoints, TellThePagesOfGuestsWhatTheyMaySend) {
  EXPECT_EQ(all_methods(), "DELETE, GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(methods_of_pages(), "DELETE, GET, HEAD, POST");
  EXPECT_EQ(
      fields_of_pages(),
      "Accept, Authorization, Content-Type, Idempotency-Key, Prefer, Request-Id, traceparent, "
      "tracestate");
}

TEST(Endpoints, KnowTheMethodsOfHttp) {
  for (const char* const method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"})
    EXPECT_TRUE(is_known_method(method)) << method;
  for (const char* const method : {"", "BREW", "get", "CONNECT"})
    EXPECT_FALSE(is_known_method(method)) << method;
}

TEST(Endpoints, ReadAFieldWhateverItsCase) {
  for (const ReadField& each : read_fields)
    EXPECT_EQ(read_field(each.name), &each);
  ASSERT_NE(read_field("REQUEST-ID"), nullptr);
  EXPECT_EQ(read_field("request-id")->name, "Request-Id");
  EXPECT_EQ(read_field("Cookie"), nullptr);
  EXPECT_EQ(read_field(""), nullptr);
}

}  // namespace
}  // namespace mqtt_bridge
