// Requests that come, and are answered, in pieces (http/stream.hpp).
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/call.hpp"
#include "http/io/server_fixture.hpp"

namespace mqtt_bridge {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Body = HttpStream::Body;

class Streams : public Server {
 protected:
  Streams() { service_.in_pieces = true; }

  std::shared_ptr<HttpStream> next_stream() {
    until_asked();
    request_ = service_.next();
    auto stream = std::move(service_.streams.front());
    service_.streams.pop_front();
    return stream;
  }

  /// Reads on until the body has ended in some way, and gathers it.
  void gather(const std::shared_ptr<HttpStream>& stream) {
    stream->read([this, stream](std::string piece, Body body) {
      body_ += piece;
      ++pieces_;
      how_ = body;
      if (body == Body::more)
        gather(stream);
    });
  }

  static std::string head(const std::string& fields, const std::string& line = "POST / HTTP/1.1") {
    return line + "\r\nHost: localhost\r\n" + fields + "\r\n";
  }

  std::shared_ptr<HttpRequest> request_;
  std::string body_;
  int pieces_ = 0;
  Body how_ = Body::more;
};

TEST_F(Streams, GiveABodyAsItComes) {
  Client client(path_);
  client.send(head("Content-Length: 10\r\n") + "first");
  const auto stream = next_stream();
  gather(stream);
  until([this] { return body_ == "first"; });
  EXPECT_EQ(how_, Body::more);
  client.send("other");
  until([this] { return how_ == Body::end; });
  EXPECT_EQ(body_, "firstother");
}

TEST_F(Streams, TakeTheChunksOfABodyApart) {
  Client client(path_);
  client.send(head("Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n2\r\nd");
  const auto stream = next_stream();
  gather(stream);
  until([this] { return body_ == "abcd"; });
  client.send("e\r\n0\r\n\r\n");
  until([this] { return how_ == Body::end; });
  EXPECT_EQ(body_, "abcde");
}

TEST_F(Streams, TakeABodyThatIsLargerThanAnyTextAndHoldLittleOfIt) {
  const std::size_t size = 3 * limits::payload_bytes;
  Client client(path_);
  client.send(head("Content-Length: " + std::to_string(size) + "\r\n"));
  const auto stream = next_stream();
  loop_.poll();
  const std::string part(16 * 1024, 'x');
  std::size_t sent = 0;
  while (sent < size && client.send_some(part) == part.size())
    sent += part.size();
  EXPECT_LT(sent, size) << "what is not asked for stays with the caller";
  gather(stream);
  until([&] {
    sent += sent < size ? client.send_some(part.substr(0, size - sent)) : 0;
    return how_ == Body::end;
  });
  EXPECT_EQ(body_.size(), size);
  EXPECT_GT(pieces_, 10);
}

TEST_F(Streams, SayThatABodyBroke) {
  const std::pair<std::string, std::string> rows[] = {
      {"Content-Length: 10\r\n", "half"},
      {"Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n"},
      {"Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\nno chunk"},
  };
  for (const auto& [fields, bytes] : rows) {
    body_.clear();
    how_ = Body::more;
    Client client(path_);
    client.send(head(fields) + bytes);
    client.send_no_more();
    const auto stream = next_stream();
    gather(stream);
    until([this] { return how_ != Body::more; });
    EXPECT_EQ(how_, Body::broken);
    request_->answer({.status = 400, .body = {.text = "broken"}});
    EXPECT_THAT(read_until(client, "broken"), StartsWith("HTTP/1.1 400 "));
    until([&] {
      client.take();
      return client.is_closed;
    });
  }
}

TEST_F(Streams, AskForTheBodyOfACallerThatWaitsToBeAsked) {
  Client client(path_);
  client.send(head("Content-Length: 2\r\nExpect: 100-continue\r\n"));
  const std::string asked = read_until(client, "\r\n\r\n");
  EXPECT_THAT(asked, StartsWith("HTTP/1.1 100 "));
  client.send("hi");
  gather(next_stream());
  until([this] { return how_ == Body::end; });
  EXPECT_EQ(body_, "hi");
}

TEST_F(Streams, AnswerInChunksAndServeTheNextRequest) {
  Client client(path_);
  client.send(head("Content-Length: 0\r\n"));
  const auto stream = next_stream();
  stream->start({.fields = {{"Content-Type", "text/plain"}}});
  EXPECT_EQ(read_until(client, "\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
  stream->write("a piece of 18 byte");
  stream->write("");
  EXPECT_EQ(read_until(client, "byte\r\n"), "12\r\na piece of 18 byte\r\n");
  stream->end();
  stream->write("after the end");
  stream->end();
  EXPECT_EQ(read_until(client, "0\r\n\r\n"), "0\r\n\r\n");
  service_.in_pieces = false;
  client.send(request("next"));
  until_asked();
  service_.next()->answer({.body = {.text = "NEXT"}});
  EXPECT_THAT(read_until(client, "NEXT"), EndsWith("NEXT"));
}

TEST_F(Streams, AnswerWhileTheBodyComes) {
  Client client(path_);
  client.send(head("Content-Length: 4\r\n") + "ab");
  const auto stream = next_stream();
  gather(stream);
  until([this] { return body_ == "ab"; });
  stream->start({});
  stream->write("AB");
  EXPECT_THAT(read_until(client, "AB\r\n"), EndsWith("\r\n\r\n2\r\nAB\r\n"));
  client.send("cd");
  until([this] { return how_ == Body::end; });
  stream->write("CD");
  stream->end();
  EXPECT_EQ(read_until(client, "0\r\n\r\n"), "2\r\nCD\r\n0\r\n\r\n");
  EXPECT_FALSE(client.is_closed);
}

TEST_F(Streams, CloseAfterAnAnswerToABodyThatHasNotComeWhole) {
  Client client(path_);
  client.send(head("Content-Length: 4\r\n") + "ab");
  const auto stream = next_stream();
  stream->start({});
  stream->end();
  read_until(client, "never");
  EXPECT_TRUE(client.is_closed);
}

TEST_F(Streams, CutAnAnswerThatCannotGoOn) {
  Client client(path_);
  client.send(head("Content-Length: 0\r\n"));
  const auto stream = next_stream();
  stream->start({});
  stream->write("half");
  request_->answer({.status = 500, .body = {.text = "no"}});
  const std::string all = read_until(client, "never");
  EXPECT_TRUE(client.is_closed);
  EXPECT_THAT(all, Not(HasSubstr("500")));
  EXPECT_THAT(all, Not(EndsWith("0\r\n\r\n"))) << "the caller must see that it is not whole";
}

TEST_F(Streams, AnswerHttp10UntilTheConnectionCloses) {
  Client client(path_);
  client.send(head("Connection: keep-alive\r\n", "GET / HTTP/1.0"));
  const auto stream = next_stream();
  stream->start({.fields = {{"Connection", "keep-alive"}}});
  stream->write("all ");
  stream->write("of it");
  stream->end();
  const std::string all = read_until(client, "never");
  EXPECT_EQ(all, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
  EXPECT_TRUE(client.is_closed);
}

TEST_F(Streams, AnswerAHeadWithoutContent) {
  Client client(path_);
  client.send(head("", "HEAD / HTTP/1.1"));
  const auto stream = next_stream();
  stream->start({.is_to_head = true});
  stream->write("content");
  stream->end();
  service_.in_pieces = false;
  client.send(request("next"));
  until_asked();
  service_.next()->answer({.status = 204});
  const std::string all = read_until(client, "204 No Content\r\n\r\n");
  EXPECT_THAT(all, Not(HasSubstr("content")));
}

TEST_F(Streams, TellWhenTheCallerHasReadWhatWaited) {
  Client client(path_);
  client.send(head("", "GET / HTTP/1.1"));
  const auto stream = next_stream();
  stream->start({});
  const std::string part(64 * 1024, 'x');
  std::size_t written = 0;
  for (; stream->unsent() < 4 * part.size(); written += part.size())
    stream->write(part);
  EXPECT_EQ(server_.output_bytes(), stream->unsent());
  bool is_sent = false;
  stream->when_sent([&] { is_sent = true; });
  loop_.restart();
  loop_.poll();
  EXPECT_FALSE(is_sent) << "the caller has not read";
  std::size_t read = 0;
  until([&] {
    read += client.take().size();
    return is_sent;
  });
  EXPECT_EQ(stream->unsent(), 0u);
  EXPECT_EQ(server_.output_bytes(), 0u);
  stream->end();
  until([&] {
    const std::string more = client.take();
    read += more.size();
    return more.ends_with("0\r\n\r\n");
  });
  EXPECT_GT(read, written);
}

TEST_F(Streams, TellThatTheCallerHasGone) {
  for (const bool has_body : {true, false}) {
    Client client(path_);
    client.send(head(has_body ? "Content-Length: 9\r\n" : "Content-Length: 0\r\n"));
    const auto stream = next_stream();
    stream->start({});
    int times = 0;
    request_->when_gone([&] { ++times; });
    if (has_body)
      gather(stream);
    client.hang_up();
    until([&] {
      stream->write("ever on");  // a half-closed caller may still read
      return times > 0;
    });
    until([&] {
      stream->write("ever on");
      return server_.connections() == 0;
    });
    EXPECT_EQ(times, 1);
    stream->end();
    EXPECT_EQ(server_.output_bytes(), 0u);
  }
}

TEST_F(Streams, EndWithTheServer) {
  Client client(path_);
  client.send(head("Content-Length: 9\r\n"));
  const auto stream = next_stream();
  int times = 0;
  request_->when_gone([&] { ++times; });
  gather(stream);
  server_.stop();
  EXPECT_EQ(times, 1);
  stream->write("too late");
  stream->end();
}

}  // namespace
}  // namespace mqtt_bridge
