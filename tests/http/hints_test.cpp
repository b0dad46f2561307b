// hints.hpp: what people who look around are told.
#include "http/hints.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "route/route_of.hpp"

namespace mqtt_bridge {
namespace {

struct Lost : HttpRequest {
  explicit Lost(std::string path) {
    asked = Asked{.path = std::move(path), .fields = {{"Host", "bridge:8426"}}};
    asked->endpoint = endpoint::of(asked->path);
  }
  void answer(HttpResponse) override {}
  void when_gone(std::function<void()>) override {}
};

std::string told_at(std::string path) {
  RouteTable::Routes routes{
      route_of({{"path", text("/z2m/{device}/rename")}, {"topic", text("a/{device}")}}),
      route_of({{"path", text("/shelly/{device}/{rest...}")}, {"topic", text("b/{device}")}})};
  HttpApiOptions options;
  options.actions = {"translate"};
  options.routes = std::make_shared<const RouteTable>(std::move(routes));
  return why_not_found(Lost(std::move(path)), options);
}

TEST(Hints, NameThePathThatWasMeant) {
  const std::pair<const char*, const char*> rows[] = {
      {"/healthz/", "/healthz"},
      {"/health", "/healthz"},
      {"/Status", "/status"},
      {"/metric", "/metrics"},
      {"/openapi", "GET /openapi.json"},
      {"/transfrom/uppercase", "/transform/uppercase"},
      {"/transforms/translate", "/transform/translate"},
      {"/z2m/lamp/renam", "/z2m/lamp/rename"},
      {"/zm2/lamp/rename", "/z2m/lamp/rename"},
      {"/shely/plug/a/b", "/shelly/plug/a/b"}};
  for (const auto& [path, meant] : rows) {
    const std::string told = told_at(path);
    EXPECT_NE(told.find(meant), std::string::npos) << path << ": " << told;
  }
  EXPECT_EQ(told_at("/healthz/"), "there is nothing here; did you mean /healthz?");
}

TEST(Hints, SayWhereToLookWhereNothingIsNear) {
  for (const std::string& path : {std::string("/help"), std::string("/docs"), std::string("/a/b/c"),
                                  std::string("/\xff"), "/" + std::string(7000, 'x')}) {
    EXPECT_EQ(told_at(path),
              "there is nothing here; GET /openapi.json lists all there is, and a call is "
              "curl --data hello http://bridge:8426/transform/uppercase")
        << path;
  }
  EXPECT_EQ(told_at("/transform"),
            "name the action: curl --data hello http://bridge:8426/transform/uppercase");
}

TEST(Hints, ShowHowToCallWhereTheMethodIsAnother) {
  EXPECT_EQ(why_not_allowed(Lost("/transform/reverse"), "POST"),
            "use POST here, with the text as the body: curl --data hello "
            "http://bridge:8426/transform/reverse");
  EXPECT_EQ(why_not_allowed(Lost("/status"), "GET, HEAD"), "use GET, HEAD here");
}

}  // namespace
}  // namespace mqtt_bridge
