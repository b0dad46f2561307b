// decide.hpp, as values: the table of endpoints against what is decided. What a library is needed
// for is in io/api_test.cpp.
#include "http/decide.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

struct Request : HttpRequest {
  Request(std::string its_method, std::string path, std::vector<Asked::Field> fields = {}) {
    method = std::move(its_method);
    asked = Asked{.path = std::move(path), .fields = std::move(fields)};
    asked->endpoint = endpoint::of(asked->path);
    request_id = "r1";
  }
  void answer(HttpResponse) override {}
  void when_gone(std::function<void()>) override {}
};

HttpApiOptions options() {
  return {.broker = {BrokerUrl::Scheme::mqtt, "localhost", 1883},
          .netid = "alice",
          .netids = {},
          .actions = {},
          .timeout = 5s,
          .max_timeout = 60s,
          .token = {}};
}

/// The slug of the problem, the status, `call`, or `told`.
std::string outcome(const Request& request, const HttpApiOptions& these = options()) {
  const Decision decision = decide(request, these);
  if (const auto* reply = std::get_if<HttpReply>(&decision)) {
    return reply->problem ? std::string(describe(*reply->problem).slug)
                          : std::to_string(reply->response.status);
  }
  return std::holds_alternative<Call>(decision) ? "call" : "told";
}

std::string path_of(const Endpoint& endpoint) {
  return endpoint.kind == Endpoint::Kind::transform ? "/transform/reverse"
                                                    : std::string(endpoint.path);
}

std::string served_as(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::transform:
      return "call";
    case Endpoint::Kind::alive:
      return "200";
    case Endpoint::Kind::ready:
    case Endpoint::Kind::metrics:
    case Endpoint::Kind::status:
      break;
  }
  return "told";
}

TEST(Decide, ServesEachEndpointByTheMethodsOfTheTableAndNamesThemElse) {
  for (const Endpoint& each : endpoint::all) {
    for (const std::string method :
         {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}) {
      const Request request(method, path_of(each));
      const bool is_allowed = each.allows(method);
      EXPECT_EQ(outcome(request), is_allowed ? served_as(each.kind) : "method-not-allowed")
          << method << " " << each.path;
      if (is_allowed)
        continue;
      const auto reply = std::get<HttpReply>(decide(request, options()));
      EXPECT_EQ(reply.response.field("Allow"), each.allow) << method << " " << each.path;
    }
    EXPECT_EQ(outcome({"BREW", path_of(each)}), "not-implemented") << each.path;
  }
}

TEST(Decide, AsksForTheTokenAsTheTableSays) {
  HttpApiOptions these = options();
  these.token = "secret";
  for (const bool is_open : {false, true}) {
    these.open_health = is_open;
    for (const Endpoint& each : endpoint::all) {
      const std::string method = each.allows("GET") ? "GET" : "POST";
      const bool is_let_in = is_open && each.token == Endpoint::Token::unless_open;
      EXPECT_EQ(outcome({method, path_of(each)}, these),
                is_let_in ? served_as(each.kind) : "unauthorized")
          << each.path;
      EXPECT_EQ(outcome({method, path_of(each), {{"Authorization", "Bearer secret"}}}, these),
                served_as(each.kind))
          << each.path;
    }
  }
}

TEST(Decide, LooksAtTheParametersOfTheTableOnly) {
  for (const Endpoint& each : endpoint::all) {
    Request request(each.allows("GET") ? "GET" : "POST", path_of(each));
    request.query = "nonsense=1";
    EXPECT_EQ(outcome(request),
              each.parameters.empty() ? served_as(each.kind) : "invalid-parameter")
        << each.path;
  }
  for (const std::string_view name : endpoint::call_parameters) {
    Request request("POST", "/transform/reverse");
    request.query = std::string(name) + "=";
    const auto reply = std::get<HttpReply>(decide(request, options()));
    EXPECT_EQ(reply.response.body.text.find("there is no parameter"), std::string::npos) << name;
  }
}

TEST(Decide, AnswersForTheServerAsAWhole) {
  for (const char* const path : {"*", "/"}) {
    const auto reply = std::get<HttpReply>(decide(Request("OPTIONS", path), options()));
    EXPECT_EQ(reply.response.status, 200);
    EXPECT_EQ(reply.response.field("Allow"), "GET, HEAD, OPTIONS, POST");
  }
  EXPECT_EQ(outcome({"GET", "/"}), "not-found");
}

TEST(Decide, RefusesAnEncodedSlash) {
  Request request("POST", "/transform/reverse");
  request.asked->has_encoded_slash = true;
  EXPECT_EQ(outcome(request), "not-found");
  EXPECT_FALSE(std::get<HttpReply>(decide(request, options())).was_to_call);
}

TEST(Decide, GivesEveryResponseTheFieldsThatAllHave) {
  for (const char* const path : {"/healthz", "/nothing", "*"}) {
    const auto reply = std::get<HttpReply>(decide(Request("OPTIONS", path), options()));
    EXPECT_EQ(reply.response.field("Request-Id"), "r1") << path;
    EXPECT_EQ(reply.response.field("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(reply.response.field("Cache-Control"), "no-store") << path;
    EXPECT_EQ(reply.response.field("Connection"), std::nullopt) << path;
  }
}

/// RFC 9110 15.5.6: whoever named it.
TEST(Decide, NamesTheMethodsAlsoWhereAResponderRefusesThem) {
  const auto reply = refuse(Request("POST", "/transform/reverse"), options(),
                            {Problem::responder_error, "no", 405});
  EXPECT_EQ(reply.response.field("Allow"), "POST");
}

}  // namespace
}  // namespace mqtt_bridge
