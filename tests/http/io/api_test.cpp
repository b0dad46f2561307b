// The HTTP contract as a function from requests to responses: no socket, no broker.
#include "http/io/api.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/call.hpp"
#include "http/head.hpp"
#include "http/response_writer.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Request : HttpRequest {
  Request(const std::string& line, std::string text, const std::string& fields = "") {
    const std::string sent = line + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
    const auto parsed = std::get<HttpHead>(parse_http_head(sent));
    set_head(parsed);
    body = std::move(text);
    arrived = Instant{} + 1h;
  }
  void answer(HttpResponse) override {}
  void when_gone(std::function<void()>) override {}
};

HttpApiOptions options() {
  return {.brokers = {{BrokerUrl::Scheme::mqtt, "localhost", 1883}},
          .netid = "alice",
          .netids = {"bob"},
          .actions = {"translate"},
          .timeout = 5s,
          .max_timeout = 60s,
          .token = {}};
}

/// A bridge that may be ready, and where nothing happens.
struct Subject : HttpApi::Subject {
  BridgeStatus status() const override {
    constexpr Instant now{100s};
    return {.clock = {now, std::chrono::sys_days(std::chrono::year{2026} / 3 / 1) + 12h},
            .started = now - 90s,
            .config_file = "/etc/bridge.toml",
            .last_reload = Happened{now - 10s, "a fault"},
            .linked_since = now - 20s,
            .last_loss = Happened{now - 30s, "it broke"},
            .responders = {{"kitchen", {"translate"}, false, now - 40s}},
            .why_not_ready = why_not_ready,
            .warning = warning,
            .broker = "mqtt://localhost:1883",
            .mqtt_version = "5",
            .times_linked = 3,
            .in_flight = 4,
            .queued = 5,
            .connections = 6,
            .dropped = {7},
            .lost = {.too_large = 8, .inbox_full = 9}};
  }
  std::string metrics() override { return "some_metric 1\n"; }
  std::optional<std::string> why_not_ready;
  std::optional<std::string> warning;
};
Subject ready;

HttpApi api_with(const HttpApiOptions& these, Subject& subject = ready) {
  return HttpApi(these, subject);
}

/// What begin() makes of a request: the response, or `call NETID ACTION PAYLOAD TIMEOUT`.
std::string outcome(HttpApi api, Request request) {
  auto decision = api.begin(request);
  if (auto* reply = std::get_if<HttpApi::Reply>(&decision))
    return whole(reply->response);
  const Call& call = std::get<Call>(decision);
  const auto timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(call.deadline - call.arrived);
  return "call " + call.netid + " " + call.action + " " + call.payload + " " +
         std::to_string(timeout.count());
}

std::string outcome(Request request) {
  return outcome(api_with(options()), std::move(request));
}

Ended ended_with(std::variant<Answer, Failure> outcome) {
  return {.exchange = 1,
          .outcome = std::move(outcome),
          .arrived = Instant{},
          .published = Instant{} + 1ms,
          .published_last = Instant{} + 1ms,
          .acknowledged = Instant{} + 2ms,
          .ended = Instant{} + 3500us};
}

std::string finish(HttpApi& api, const HttpRequest& request, Ended ended) {
  return whole(api.finish(request, ended).response);
}

TEST(HttpApi, MakesACallOfARequest) {
  EXPECT_EQ(outcome({"POST /transform/uppercase", "hello"}), "call alice uppercase hello 5000");
  EXPECT_EQ(outcome({"POST /transform/title-case?netid=bob&timeout=1500ms", "x"}),
            "call bob title-case x 1500");
  EXPECT_EQ(outcome({"POST /transform/%75ppercase?broker=127.0.0.1:1883", ""}),
            "call alice uppercase  5000");
}

TEST(HttpApi, TakesTheBodyAsItIsWhateverCurlCallsIt) {
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  EXPECT_EQ(outcome({"POST /transform/reverse", "timeout=1ms&netid=%41", form}),
            "call alice reverse timeout=1ms&netid=%41 5000");
  const std::string large(limits::payload_bytes, 'x');
  EXPECT_EQ(outcome({"POST /transform/reverse", large, form}),
            "call alice reverse " + large + " 5000");
}

TEST(HttpApi, TakesTimeoutsBetweenItsLimitsOnly) {
  const auto with = [](const std::string& timeout) {
    return outcome({"POST /transform/reverse?timeout=" + timeout, "x"});
  };
  EXPECT_THAT(with("1ms"), StartsWith("call"));
  EXPECT_THAT(with("60s"), StartsWith("call"));
  EXPECT_THAT(with("5"), StartsWith("call"));
  for (const auto* bad : {"0ms", "60001ms", "", "61", "-1s", "1h", "nan", "1e3s"}) {
    EXPECT_THAT(with(bad), HasSubstr("problems/invalid-parameter")) << bad;
  }
}

TEST(HttpApi, RefusesWhatIsNoCall) {
  struct Row {
    Request request;
    const char* status;
    const char* slug;
  };
  const std::vector<Row> rows{
      {{"POST /transform/rot13", "x"}, "404", "unknown-action"},
      {{"POST /transform/", "x"}, "404", "unknown-action"},
      {{"POST /transform/UPPERCASE", "x"}, "404", "unknown-action"},
      {{"POST /transform/%ff", "x"}, "404", "unknown-action"},
      {{"POST /transform/reverse/", "x"}, "404", "not-found"},
      {{"GET /nothing", ""}, "404", "not-found"},
      {{"GET /transform/reverse", ""}, "405", "method-not-allowed"},
      {{"BREW /transform/reverse", ""}, "501", "not-implemented"},
      {{"get /nothing", ""}, "501", "not-implemented"},
      {{"TRACE /healthz", ""}, "405", "method-not-allowed"},
      {{"POST /healthz", ""}, "405", "method-not-allowed"},
      {{"POST /transform/reverse?netid=", "x"}, "400", "invalid-netid"},
      {{"POST /transform/reverse?netid=a/b", "x"}, "400", "invalid-netid"},
      {{"POST /transform/reverse?netid=a%2fb", "x"}, "400", "invalid-netid"},
      {{"POST /transform/reverse?netid=a%00", "x"}, "400", "invalid-netid"},
      {{"POST /transform/reverse?netid=carol", "x"}, "403", "netid-not-served"},
      {{"POST /transform/reverse?broker=elsewhere", "x"}, "421", "wrong-broker"},
      {{"POST /transform/reverse?broker=localhost:1884", "x"}, "421", "wrong-broker"},
      {{"POST /transform/reverse?broker=:x", "x"}, "400", "invalid-parameter"},
      {{"POST /transform/reverse?netid=" + std::string(4000, '?'), "x"}, "400", "invalid-netid"},
      {{"POST /transform/reverse", "\xff"}, "400", "invalid-payload"},
      {{"POST /transform/reverse", "x", "Content-Type: Multipart/mixed; boundary=x\r\n"},
       "415",
       "unsupported-media-type"},
  };
  for (const auto& row : rows) {
    const std::string response = outcome(row.request);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 " + std::string(row.status))) << row.request.head;
    EXPECT_THAT(response, HasSubstr("/problems/" + std::string(row.slug)));
    EXPECT_THAT(response, HasSubstr("Content-Type: application/problem+json\r\n"));
  }
}

TEST(HttpApi, NamesTheOptionThatWouldAllowIt) {
  EXPECT_THAT(outcome({"POST /transform/reverse?netid=carol", "x"}), HasSubstr("--netids"));
  EXPECT_THAT(outcome({"POST /transform/rot13", "x"}), HasSubstr("--action"));
}

TEST(HttpApi, NeverTakesAMisspeltParameterForNone) {
  const auto with = [](const std::string& query) {
    return outcome({"POST /transform/reverse?" + query, "x"});
  };
  struct Row {
    std::string query;
    const char* detail;
  };
  const Row rows[] = {
      {"netId=bob", "there is no parameter 'netId'; did you mean netid?"},
      {"timout=100ms", "there is no parameter 'timout'; did you mean timeout?"},
      {"netid=bob&Broker=x", "there is no parameter 'Broker'; did you mean broker?"},
      {"%54imeout=1s", "there is no parameter 'Timeout'; did you mean timeout?"},
      {"text=hello", "there is no parameter 'text'; the parameters are netid, timeout and broker"},
      {"=bob", "there is no parameter ''; the parameters are"},
      {"%ff=1", "there is no such parameter; the parameters are"},
      {std::string(65, 'a') + "=1", "there is no such parameter; the parameters are"},
      {"netid=bob&netid=bob", "netid is given twice"},
      {"timeout=1s&n%65tid=bob&netid=alice", "netid is given twice"},
      {"netid&netid", "netid is given twice"},
  };
  for (const auto& row : rows) {
    const std::string response = with(row.query);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 400")) << row.query;
    EXPECT_THAT(response, HasSubstr("problems/invalid-parameter")) << row.query;
    EXPECT_THAT(response, HasSubstr(row.detail)) << row.query;
  }
}

TEST(HttpApi, TakesAParameterForWhatItsNameAndValueDecodeTo) {
  EXPECT_EQ(outcome({"POST /transform/reverse?n%65tid=b%6Fb&&%74imeout=1%73&", "x"}),
            "call bob reverse x 1000");
  auto these = options();
  these.netids = {"*"};
  EXPECT_THAT(outcome(api_with(these), {"POST /transform/reverse?netid=a+b", "x"}),
              StartsWith("call a b reverse"));
}

TEST(HttpApi, NeverReadsATextInAnotherCharsetAsUtf8) {
  const auto with = [](const std::string& type) {
    return outcome({"POST /transform/reverse", "x", "Content-Type: " + type + "\r\n"});
  };
  for (const char* const type : {"text/plain; charset=utf-8", "text/plain;charset=\"UTF-8\"",
                                 "application/json; charset=us-ascii", "text/plain; a=\"%\""}) {
    EXPECT_THAT(with(type), StartsWith("call")) << type;
  }
  for (const char* const type : {"text/plain; charset=iso-8859-1",
                                 "text/plain;charset=\"utf-16le\"", "x; a=\"%\"; charset=latin1"}) {
    EXPECT_THAT(with(type), StartsWith("HTTP/1.1 415")) << type;
    EXPECT_THAT(with(type), HasSubstr("problems/unsupported-media-type")) << type;
    EXPECT_THAT(with(type), HasSubstr("Content-Type: text/plain; charset=utf-8)")) << type;
  }
  EXPECT_THAT(with("text/plain; charset=iso-8859-1"), HasSubstr(", not as iso-8859-1\""));
  EXPECT_THAT(with("text/plain; charset=\"<x>\""), HasSubstr(", not as what its charset says"));
  EXPECT_THAT(outcome({"GET /healthz", "", "Content-Type: text/plain; charset=latin1\r\n"}),
              StartsWith("HTTP/1.1 200"));
}

TEST(HttpApi, HasNoParametersWhereThereIsNoCall) {
  EXPECT_THAT(outcome({"GET /healthz?t=1&t=2&netid=%00", ""}), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(outcome({"GET /nothing?t=1", ""}), StartsWith("HTTP/1.1 404"));
}

TEST(HttpApi, SaysWhichMethodIsAllowed) {
  EXPECT_THAT(outcome({"GET /transform/reverse", ""}), HasSubstr("Allow: POST\r\n"));
  EXPECT_THAT(outcome({"PUT /readyz", ""}), HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(outcome({"PUT /metrics", ""}), HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST(HttpApi, HasNoDefaultForTheNetIdWhereTheBridgeHasNone) {
  auto these = options();
  these.netid.clear();
  EXPECT_THAT(outcome(api_with(these), {"POST /transform/reverse", "x"}),
              HasSubstr("invalid-netid"));
}

TEST(HttpApi, ServesAnyNetIdWhereAllAreServed) {
  auto these = options();
  these.netids = {"*"};
  EXPECT_THAT(outcome(api_with(these), {"POST /transform/reverse?netid=zoe", "x"}),
              StartsWith("call zoe"));
}

TEST(HttpApi, AsksForItsTokenBeforeAnythingElse) {
  auto these = options();
  these.token = "secret";
  const auto with = [&](const std::string& field) {
    return outcome(api_with(these), {"POST /transform/reverse", "x", field});
  };
  EXPECT_THAT(with("Authorization: Bearer secret\r\n"), StartsWith("call"));
  for (const std::string field :
       {"", "Authorization: Bearer wrong\r\n", "Authorization: Basic secret\r\n"}) {
    EXPECT_THAT(with(field), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(with(field), HasSubstr("WWW-Authenticate: Bearer\r\n"));
  }
  EXPECT_THAT(outcome(api_with(these), {"GET /nothing", ""}), StartsWith("HTTP/1.1 401"));
}

TEST(HttpApi, KeepsARequestIdThatIsSafeAndMakesOneElse) {
  const auto with = [](const std::string& field) { return outcome({"GET /healthz", "", field}); };
  EXPECT_THAT(with("Request-Id: abc-1.2_3\r\n"), HasSubstr("Request-Id: abc-1.2_3\r\n"));
  EXPECT_THAT(with("X-Request-Id: abc\r\n"), HasSubstr("Request-Id: abc\r\n"));
  for (const auto& bad : {std::string("a b"), std::string("<x>"), std::string(129, 'x')}) {
    const auto response = with("Request-Id: " + bad + "\r\n");
    EXPECT_THAT(response, Not(HasSubstr(bad)));
    EXPECT_THAT(response, HasSubstr("Request-Id: "));
  }
}

TEST(HttpApi, WritesTheAnswerAndNothingElse) {
  HttpApi api = api_with(options());
  Request request("POST /transform/uppercase", "hello");
  api.begin(request);
  const std::string response =
      finish(api, request, ended_with(Answer{"HELLO", MatchedBy::content, ""}));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(response, HasSubstr("Server-Timing: queue;dur=1.0, puback;dur=1.0, "
                                  "response;dur=2.5, total;dur=3.5\r\n"));
  EXPECT_THAT(response, testing::EndsWith("\r\n\r\nHELLO"));
}

TEST(HttpApi, WritesAnEmptyAnswerAsOne) {
  HttpApi api = api_with(options());
  Request request("POST /transform/uppercase", "");
  api.begin(request);
  const std::string response = finish(api, request, ended_with(Answer{"", MatchedBy::content, ""}));
  EXPECT_THAT(response, HasSubstr("Content-Length: 0\r\n"));
}

TEST(HttpApi, WritesJsonForWhoAsksForIt) {
  HttpApi api = api_with(options());
  Request request("POST /transform/uppercase", "hello",
                  "Accept: application/json\r\nRequest-Id: r1\r\n");
  api.begin(request);
  const std::string response =
      finish(api, request, ended_with(Answer{"HE\"LLO", MatchedBy::correlation, "r"}));
  EXPECT_THAT(response,
              testing::EndsWith("{\"response\":\"HE\\\"LLO\",\"matched_by\":\"correlation\","
                                "\"request_id\":\"r1\",\"milliseconds\":{\"queue\":1.0,"
                                "\"puback\":1.0,\"response\":2.5,\"total\":3.5},"
                                "\"responder\":\"r\"}\n"));
}

TEST(HttpApi, WritesEveryProblemWithItsStatusAndSlug) {
  HttpApi api = api_with(options());
  Request request("POST /transform/uppercase", "hello");
  api.begin(request);
  for (const ProblemKind& kind : all_problems()) {
    const std::string response =
        whole(api.finish(request, Failure{kind.problem, "detail \xff", {}}).response);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 " + std::to_string(kind.status) + " "));
    EXPECT_THAT(response, HasSubstr("problems/" + std::string(kind.slug) + "\""));
    EXPECT_THAT(response, HasSubstr(kind.retryable == Retryable::yes ? "\"retryable\":true"
                                                                     : "\"retryable\":false"));
  }
}

TEST(HttpApi, NeverCallsRetryableWhatMayHaveBeenCarriedOut) {
  HttpApi api = api_with(options());
  Request request("POST /transform/uppercase", "hello");
  api.begin(request);
  Ended ended = ended_with(Failure{Problem::no_responder, "gone", {}});
  ended.may_be_carried_out = true;
  EXPECT_THAT(finish(api, request, ended), HasSubstr("\"retryable\":false"));
  ended.may_be_carried_out = false;  // the broker said that it reached no subscriber
  EXPECT_THAT(finish(api, request, ended), HasSubstr("\"retryable\":true"));
}

TEST(HttpApi, ServesTheActionsThatTheOperatorAdded) {
  EXPECT_THAT(outcome({"POST /transform/translate", "hello"}),
              StartsWith("call alice translate hello"));
  EXPECT_THAT(outcome({"POST /transform/other", "hello"}), HasSubstr("shuffle, translate"));
}

TEST(HttpApi, GivesTheStatusThatAResponderNamed) {
  HttpApi api = api_with(options());
  Request request("POST /transform/uppercase", "hello");
  api.begin(request);
  EXPECT_THAT(whole(api.finish(request, Failure{Problem::responder_error, "no", 418}).response),
              StartsWith("HTTP/1.1 418"));
}

TEST(HttpApi, SaysOfARefusalWhatItSends) {
  HttpApi api = api_with(options());
  for (const char* const path : {"/transform/uppercase", "/transform%2Fuppercase", "/healthz"}) {
    const bool is_call = std::string_view(path) == "/transform/uppercase";
    for (const ProblemKind& kind : all_problems()) {
      Request request(std::string("POST ") + path, "hello");
      const HttpApi::Reply reply = api.refuse(request, {kind.problem, "detail", {}});
      ASSERT_TRUE(reply.problem);
      EXPECT_EQ(*reply.problem, kind.problem) << path;
      EXPECT_THAT(whole(reply.response), HasSubstr("problems/" + std::string(kind.slug) + "\""))
          << path;
      EXPECT_EQ(reply.was_to_call, is_call) << path;
      EXPECT_EQ(reply.netid, is_call ? "alice" : "") << path;
    }
  }
}

TEST(HttpApi, SaysToHttp10ThatTheConnectionStays) {
  HttpApi api = api_with(options());
  Request request("GET /healthz", "");
  request.minor_version = 0;
  EXPECT_THAT(whole(std::get<HttpApi::Reply>(api.begin(request)).response),
              HasSubstr("\r\nConnection: keep-alive\r\n"));
  request.keep_alive = false;
  EXPECT_THAT(whole(std::get<HttpApi::Reply>(api.begin(request)).response),
              HasSubstr("\r\nConnection: close\r\n"));
}

TEST(HttpApi, SaysWhetherItIsReady) {
  EXPECT_THAT(outcome({"GET /readyz", ""}), StartsWith("HTTP/1.1 200"));
  Subject unready;
  unready.why_not_ready = "no broker";
  const std::string response = outcome(api_with(options(), unready), {"GET /readyz", ""});
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(response, HasSubstr("no broker"));
  EXPECT_THAT(outcome(api_with(options(), unready), {"GET /healthz", ""}),
              StartsWith("HTTP/1.1 200"));
}

TEST(HttpApi, WarnsOfWhatMayEndTheLinkThoughItIsReady) {
  Subject threatened;
  threatened.warning = "another client?";
  const std::string response = outcome(api_with(options(), threatened), {"GET /readyz", ""});
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, EndsWith("\r\n\r\nready\nwarning: another client?\n"));
  EXPECT_THAT(outcome(api_with(options(), threatened), {"GET /status", ""}),
              HasSubstr("\"warning\":\"another client?\""));
}

TEST(HttpApi, SaysThatTheConnectionClosesExactlyWhenItDoes) {
  HttpApi api = api_with(options());
  for (const auto* line : {"GET /healthz", "GET /nothing"}) {
    Request request(line, "");
    EXPECT_THAT(whole(std::get<HttpApi::Reply>(api.begin(request)).response),
                Not(HasSubstr("Connection:")));
    request.keep_alive = false;
    EXPECT_THAT(whole(std::get<HttpApi::Reply>(api.begin(request)).response),
                HasSubstr("Connection: close\r\n"));
  }
  Request refused("GET /healthz", "");
  EXPECT_THAT(whole(api.refuse(refused, {Problem::malformed_request, "x", {}}).response),
              HasSubstr("Connection: close\r\n"));
}

TEST(HttpApi, TellsWhatGoesOn) {
  const std::string status = outcome({"GET /status", ""});
  for (const char* const part :
       {"\"ready\":true", "\"mqtt_version\":\"5\"", "\"uptime_seconds\":90", "\"times_linked\":3",
        "\"calls\":{\"in_flight\":4,\"queued\":5}", "\"http_connections\":6", "\"retained\":7",
        "\"broker\":\"mqtt://localhost:1883\"", "\"started\":\"2026-03-01T11:58:30.000Z\"",
        "\"config\":\"/etc/bridge.toml\"", "\"linked_since\":\"2026-03-01T11:59:40.000Z\"",
        "\"last_reload\":{\"at\":\"2026-03-01T11:59:50.000Z\",\"ok\":false,\"why_not\":\"a "
        "fault\"}",
        "\"last_loss\":{\"at\":\"2026-03-01T11:59:30.000Z\",\"why\":\"it broke\"}",
        "\"netids\":[\"alice\",\"bob\"]",
        "\"actions\":[\"uppercase\",\"lowercase\",\"title-case\",\"reverse\",\"shuffle\","
        "\"translate\"]",
        "\"responders\":[{\"id\":\"kitchen\",\"actions\":[\"translate\"],\"here\":false,"
        "\"since\":\"2026-03-01T11:59:20.000Z\"}]"}) {
    EXPECT_THAT(status, HasSubstr(part));
  }
  const std::string metrics = outcome({"GET /metrics", ""});
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(metrics, testing::EndsWith("\r\n\r\nsome_metric 1\n"));
}

TEST(HttpApi, TakesOtherOptionsForTheRequestsToCome) {
  HttpApi api = api_with(options());
  HttpApiOptions others = options();
  others.netid = "zoe";
  api.set_options(others);
  EXPECT_THAT(outcome(std::move(api), {"POST /transform/uppercase", "x"}),
              StartsWith("call zoe uppercase x"));
}

TEST(HttpApi, LetsThePagesOfGuestsReadItsAnswersAndNobodyElses) {
  HttpApiOptions these = options();
  these.token = "secret";
  these.allow_list.origins = {"https://app.example"};
  const auto with = [&](const std::string& line, const std::string& origin) {
    return outcome(api_with(these),
                   {line, "", "Origin: " + origin + "\r\nAccess-Control-Request-Method: POST\r\n"});
  };
  const std::string preflight = with("OPTIONS /transform/uppercase", "https://app.example");
  EXPECT_THAT(preflight, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Methods: DELETE, GET, HEAD, POST\r\n"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Origin: https://app.example\r\n"));
  const std::string answer = with("GET /healthz", "https://app.example");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(answer, HasSubstr("Access-Control-Allow-Origin: https://app.example\r\n"));
  EXPECT_THAT(answer, HasSubstr("Vary: Origin\r\n"));
  EXPECT_THAT(with("OPTIONS /transform/uppercase", "https://evil.example"),
              Not(HasSubstr("Access-Control")));
  EXPECT_THAT(with("BREW /transform/uppercase", "https://app.example"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(outcome({"OPTIONS /healthz", "", "Origin: https://app.example\r\n"}),
              Not(HasSubstr("Access-Control")));
}

TEST(HttpApi, PassesOnATraceContextAndNothingThatIsNone) {
  const auto traced = [](const std::string& fields) {
    HttpApi api = api_with(options());
    Request request("POST /transform/uppercase", "hello", fields);
    const auto call = std::get<Call>(api.begin(request));
    return call.traceparent + "|" + call.tracestate;
  };
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(traced("traceparent: " + parent + "\r\ntracestate: a=1\r\nTracestate: b=2\r\n"),
            parent + "|a=1, b=2");
  EXPECT_EQ(traced("traceparent: " + parent + "\r\n"), parent + "|");
  EXPECT_EQ(traced("traceparent: 00-nonsense\r\ntracestate: a=1\r\n"), "|");
  EXPECT_EQ(traced("tracestate: a=1\r\n"), "|");
}

TEST(HttpApi, ParsesAHeadOnce) {
  HttpApi api = api_with(options());
  Request request("POST /transform/%75ppercase", "hello", "Request-Id: r1\r\n");
  EXPECT_FALSE(api.refuse_early(request));
  request.head = "no head";
  EXPECT_TRUE(std::holds_alternative<Call>(api.begin(request)));
  EXPECT_EQ(request.request_id, "r1");
}

TEST(HttpApi, ReadsTheFieldsOfTheTableThroughTheLibrary) {
  for (const ReadField& field : read_fields) {
    const bool is_said_otherwise = field.name == "Host" || field.name == "Accept";
    if (field.way == ReadField::Way::apart || is_said_otherwise)
      continue;
    HttpApi api = api_with(options());
    Request request("GET /healthz", "", std::string(field.name) + ": a-1, b\r\nCookie: c\r\n");
    api.begin(request);
    ASSERT_TRUE(request.asked);
    EXPECT_EQ(request.asked->field(field.name), "a-1, b");
    EXPECT_EQ(request.asked->field("Cookie"), "");
  }
}

TEST(HttpApi, NeverTellsTheTextOfAFault) {
  struct Faulty : ::mqtt_bridge::HttpApi::Subject {
    BridgeStatus status() const override { throw std::runtime_error("secret"); }
    std::string metrics() override { throw std::runtime_error("secret"); }
  } faulty;
  for (const char* const line : {"GET /metrics", "GET /status", "GET /readyz"}) {
    HttpApi api(options(), faulty);
    const std::string response = outcome(std::move(api), {line, ""});
    EXPECT_THAT(response, StartsWith("HTTP/1.1 500 ")) << line;
    EXPECT_THAT(response, HasSubstr("problems/internal-error\"")) << line;
    EXPECT_THAT(response, Not(HasSubstr("secret"))) << line;
  }
}

TEST(HttpApi, RefusesWhatTheLibraryCannotRead) {
  Request request("GET /healthz", "");
  request.head = "GET\r\n\r\n";
  EXPECT_THAT(outcome(request), StartsWith("HTTP/1.1 400 "));
}

TEST(HttpApi, AnswersAHeadRequestWithoutABody) {
  EXPECT_THAT(outcome({"HEAD /healthz", ""}), testing::EndsWith("\r\n\r\n"));
}

}  // namespace
}  // namespace mqtt_bridge
