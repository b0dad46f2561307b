// decide.hpp, as values: the table of endpoints against what is decided. What a library is needed
// for is in io/api_test.cpp.
#include "http/decide.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "route/route_of.hpp"

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
  return {.brokers = {{BrokerUrl::Scheme::mqtt, "localhost", 1883}},
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
  if (endpoint.kind == Endpoint::Kind::runbook)
    return "/problems/overloaded";
  return endpoint.kind == Endpoint::Kind::transform ? "/transform/reverse"
                                                    : std::string(endpoint.path);
}

std::string served_as(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::transform:
      return "call";
    case Endpoint::Kind::alive:
    case Endpoint::Kind::runbook:
    case Endpoint::Kind::page:
      return "200";
    case Endpoint::Kind::call:
    case Endpoint::Kind::ready:
    case Endpoint::Kind::metrics:
    case Endpoint::Kind::status:
    case Endpoint::Kind::events:
    case Endpoint::Kind::openapi:
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
      const bool is_let_in = each.token == Endpoint::Token::never ||
                             (is_open && each.token == Endpoint::Token::unless_open);
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
    EXPECT_EQ(reply.response.field("Allow"), "DELETE, GET, HEAD, OPTIONS, POST");
  }
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

// Routes -----------------------------------------------------------------------------------------

struct RouteRequest : Request {
  RouteRequest(std::string its_method, std::string path, const RouteTable& routes,
               std::vector<Asked::Field> fields = {})
      : Request(std::move(its_method), std::move(path), std::move(fields)) {
    asked->routes = routes.find(asked->path);
  }
};

RouteTable routes_with(const RouteKeys& more, const std::string& path = "/a/{x}") {
  RouteKeys keys{{"path", text(path)}, {"topic", text("a/{x}")}};
  keys.insert(keys.end(), more.begin(), more.end());
  return RouteTable({route_of(keys)});
}

/// As outcome(), and `route` for a call of one.
std::string route_outcome(const Request& request, const HttpApiOptions& these = options()) {
  const Decision decision = decide(request, these);
  return std::holds_alternative<RouteCall>(decision) ? "route" : outcome(request, these);
}

HttpReply reply_to(const Request& request, const HttpApiOptions& these = options()) {
  Decision decision = decide(request, these);
  EXPECT_TRUE(std::holds_alternative<HttpReply>(decision));
  return std::get<HttpReply>(std::move(decision));
}

TEST(DecideRoutes, MakesACallOfARequestToAPath) {
  const RouteTable routes = routes_with({});
  RouteRequest request("POST", "/a/lamp", routes);
  request.content_type = "application/cbor";
  request.arrived = Instant{} + 1s;
  const Decision decision = decide(request, options());
  const auto* const call = std::get_if<RouteCall>(&decision);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->route, routes.all().front());
  EXPECT_EQ(call->values, (PathValues{{"x", "lamp"}}));
  EXPECT_EQ(call->content_type, "application/cbor");
  EXPECT_EQ(call->deadline, Instant{} + 6s);
}

TEST(DecideRoutes, ServesTheMethodsOfARouteAndNamesThemElse) {
  for (const auto& [methods, allow] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"POST"}, "POST"}, {{"GET"}, "GET"}, {{"POST", "GET"}, "POST, GET"}}) {
    const RouteTable routes = routes_with({{"methods", texts(methods)}});
    for (const std::string method :
         {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}) {
      const RouteRequest request(method, "/a/lamp", routes);
      const bool is_allowed = std::find(methods.begin(), methods.end(), method) != methods.end();
      EXPECT_EQ(route_outcome(request), is_allowed ? "route" : "method-not-allowed") << method;
      if (is_allowed)
        continue;
      const HttpReply reply = reply_to(request);
      EXPECT_EQ(reply.response.field("Allow"), allow) << method;
      EXPECT_EQ(reply.route, "/a/{x}");
      EXPECT_TRUE(reply.was_to_call);
    }
    EXPECT_EQ(route_outcome(RouteRequest("BREW", "/a/lamp", routes)), "not-implemented");
  }
}

TEST(DecideRoutes, NameEachMethodOnceWhereSeveralRoutesServeAPath) {
  const RouteTable routes(
      {route_of({{"path", text("/a/{x}")}, {"topic", text("a")}, {"methods", texts({"GET"})}}),
       route_of({{"path", text("/a/{r...}")},
                 {"topic", text("b")},
                 {"methods", texts({"GET", "POST"})}})});
  const HttpReply reply = reply_to(RouteRequest("PUT", "/a/lamp", routes));
  EXPECT_EQ(reply.response.field("Allow"), "GET, POST");
  const auto route_for = [&routes](const char* method) {
    return std::get<RouteCall>(decide(RouteRequest(method, "/a/lamp", routes), options()))
        .route->path;
  };
  EXPECT_EQ(route_for("GET"), "/a/{x}");
  EXPECT_EQ(route_for("POST"), "/a/{r...}");
}

/// A page of a guest's asks first; nothing is called for that.
TEST(DecideRoutes, AnswersAPreflight) {
  HttpApiOptions these = options();
  these.allow_list.origins = {"http://page.example"};
  const RouteRequest request(
      "OPTIONS", "/a/lamp", routes_with({}),
      {{"Origin", "http://page.example"}, {"Access-Control-Request-Method", "POST"}});
  EXPECT_EQ(reply_to(request, these).response.status, 200);
}

TEST(DecideRoutes, RefusesAnEncodedSlash) {
  RouteRequest request("POST", "/a/lamp", routes_with({}, "/a/{x...}"));
  request.asked->has_encoded_slash = true;
  EXPECT_EQ(route_outcome(request), "not-found");
}

TEST(DecideRoutes, RefusesABodyWithGet) {
  RouteRequest request("GET", "/a/lamp", routes_with({{"methods", texts({"GET"})}}));
  EXPECT_EQ(route_outcome(request), "route");
  request.body = "x";
  EXPECT_EQ(route_outcome(request), "invalid-payload");
}

TEST(DecideRoutes, KnowsTheParametersOfRoutes) {
  const RouteTable routes = routes_with({});
  const auto with_query = [&routes](const char* query) {
    RouteRequest request("POST", "/a/lamp", routes);
    request.query = query;
    return route_outcome(request);
  };
  EXPECT_EQ(with_query("timeout=2s"), "route");
  EXPECT_EQ(with_query("broker=localhost"), "route");
  EXPECT_EQ(with_query("broker=other"), "wrong-broker");
  for (const char* const query : {"netid=alice", "x=lamp", "timeout=2s&timeout=2s",
                                  "timeout=", "timeout=61s", "timeout=0s", "=", "timout=2s"}) {
    EXPECT_EQ(with_query(query), "invalid-parameter") << query;
  }
}

TEST(Decide, TakesAnyOfItsBrokersForTheOneThatACallerMeans) {
  HttpApiOptions these = options();
  these.brokers.push_back({BrokerUrl::Scheme::mqtt, "other", 1884});
  Request request("POST", "/transform/reverse");
  for (const auto& [query, expected] : {std::pair("broker=localhost", "call"),
                                        {"broker=other:1884", "call"},
                                        {"broker=other", "wrong-broker"}}) {
    request.query = query;
    EXPECT_EQ(outcome(request, these), expected) << query;
  }
}

TEST(DecideRoutes, WaitsAsLongAsTheCallerOrTheRouteOrTheBridgeSays) {
  HttpApiOptions these = options();
  const auto waits = [&these](const RouteTable& routes, const char* query) {
    RouteRequest request("POST", "/a/lamp", routes);
    request.query = query;
    const Decision decision = decide(request, these);
    const auto* const call = std::get_if<RouteCall>(&decision);
    return call != nullptr ? call->deadline - call->arrived : Duration{};
  };
  const RouteTable slow = routes_with({{"timeout", text("20s")}});
  EXPECT_EQ(waits(slow, ""), 20s);
  EXPECT_EQ(waits(slow, "timeout=30s"), 30s);
  EXPECT_EQ(waits(slow, "timeout=1ms"), 1ms);
  EXPECT_EQ(waits(routes_with({}), ""), 5s);
  these.max_timeout = 10s;
  EXPECT_EQ(waits(slow, ""), 10s);
  EXPECT_EQ(waits(slow, "timeout=11s"), Duration{});
}

TEST(DecideRoutes, TellsTheServiceWhatTheBodyIs) {
  const RouteTable routes = routes_with({});
  const auto told = [&routes](const std::string& type) {
    RouteRequest request("POST", "/a/lamp", routes);
    request.content_type = type;
    const Decision decision = decide(request, options());
    const auto* const call = std::get_if<RouteCall>(&decision);
    return call != nullptr ? call->content_type : "refused";
  };
  for (const char* const type : {"", "application/json", "text/plain; charset=iso-8859-1",
                                 "image/jpeg", "anything", "application/x-www-form-urlencodedly"})
    EXPECT_EQ(told(type), type);
  for (const char* const form :
       {"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded ; charset=utf-8"})
    EXPECT_EQ(told(form), "") << form;
  EXPECT_EQ(told("text/\xff"), "");
  EXPECT_EQ(told("a/\xc2\x85"), "");
  EXPECT_EQ(told("a/" + std::string(253, 'b')), "a/" + std::string(253, 'b'));
  EXPECT_EQ(told("a/" + std::string(254, 'b')), "");
  EXPECT_EQ(told("multipart/form-data; boundary=x"), "refused");
}

TEST(DecideRoutes, LetsTheUsersOfARouteCallOnly) {
  auto route = *routes_with({{"allow-user", texts({"them"})}}).all().front();
  route.users = {1000, 1001};
  const RouteTable routes({std::make_shared<const Route>(route)});
  RouteRequest request("POST", "/a/lamp", routes);
  EXPECT_EQ(route_outcome(request), "forbidden-user");  // over TCP nobody is known
  request.user = 0;
  EXPECT_EQ(route_outcome(request), "forbidden-user");
  request.user = 1001;
  EXPECT_EQ(route_outcome(request), "route");
}

/// One's token is not the other's.
TEST(DecideRoutes, AsksForARoutesOwnToken) {
  auto route = *routes_with({{"token-file", text("its-token")}}, "/own/{x}").all().front();
  route.token = "of-the-route";
  const RouteTable routes({std::make_shared<const Route>(route), routes_with({}).all().front()});
  const auto with_token = [&routes](const char* path, const char* token,
                                    const HttpApiOptions& these) {
    std::vector<Asked::Field> fields;
    if (token != nullptr)
      fields.push_back({"Authorization", std::string("Bearer ") + token});
    return route_outcome(RouteRequest("POST", path, routes, fields), these);
  };
  HttpApiOptions these = options();
  EXPECT_EQ(with_token("/a/lamp", nullptr, these), "route");
  EXPECT_EQ(with_token("/own/lamp", nullptr, these), "unauthorized");
  these.token = "of-the-bridge";
  EXPECT_EQ(with_token("/a/lamp", "of-the-bridge", these), "route");
  EXPECT_EQ(with_token("/a/lamp", "of-the-route", these), "unauthorized");
  EXPECT_EQ(with_token("/own/lamp", "of-the-bridge", these), "unauthorized");
  EXPECT_EQ(with_token("/own/lamp", "of-the-route", these), "route");
  const HttpReply reply = reply_to(RouteRequest("POST", "/own/lamp", routes), these);
  EXPECT_EQ(reply.response.field("WWW-Authenticate"), "Bearer");
  EXPECT_NE(
      reply.response.body.text.find("send the token of this route: Authorization: Bearer TOKEN"),
      std::string::npos);
}

TEST(DecideRoutes, AnswersWithWhatTheServiceSaid) {
  const RouteRequest request("POST", "/a/lamp", routes_with({}));
  Ended ended{.exchange = 1,
              .outcome = Answer{"ON", MatchedBy::topic, "", "text/x-state"},
              .arrived = Instant{},
              .published = {},
              .published_last = {},
              .acknowledged = {},
              .ended = Instant{} + 1ms};
  const HttpReply reply = respond(request, options(), ended);
  EXPECT_EQ(reply.response.status, 200);
  EXPECT_EQ(reply.response.field("Content-Type"), "text/x-state");
  EXPECT_EQ(reply.response.field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(reply.response.field("Cache-Control"), "no-store");
  EXPECT_EQ(reply.response.field("Server-Timing"), "total;dur=1.0");
  EXPECT_EQ(reply.response.body.text, "ON");
}

}  // namespace
}  // namespace mqtt_bridge
