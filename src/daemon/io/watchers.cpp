#include "daemon/io/watchers.hpp"

#include <string_view>
#include <utility>

#include "base/limits/activity.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view beginning = "retry: 1000\n\n";

}  // namespace

Watchers::Watchers(asio::io_context& loop, Activity& activity, std::function<std::string()> state,
                   Duration interval)
    : activity_(activity), state_(std::move(state)), interval_(interval), timer_(loop) {}

std::optional<Failure> Watchers::why_no_more() const {
  if (is_ended_)
    return Failure{Problem::shutting_down, "this bridge is shutting down", {}};
  if (watchers_.size() >= limits::event_listeners)
    return Failure{
        Problem::overloaded, "so many read the events already that there is no room", {}};
  return std::nullopt;
}

void Watchers::add(const std::shared_ptr<HttpRequest>& request, std::shared_ptr<HttpStream> stream,
                   HttpResponse head) {
  const bool is_to_head = head.is_to_head;
  stream->start(std::move(head));
  if (is_to_head)
    return stream->end();
  const auto watcher = std::make_shared<Watcher>(Watcher{std::move(stream)});
  watchers_.push_back(watcher);
  // `watcher` holds the request, so this must not hold `watcher`.
  request->when_gone([this, gone = std::weak_ptr(watcher)] {
    if (const auto it = gone.lock()) {
      watchers_.remove(it);
      it->stream->end();
    }
  });
  watcher->stream->write(std::string(beginning) + state_() +
                         activity_.events_since(watcher->seen, Clock::now()));
  if (!timer_.is_set())
    set_timer();
}

void Watchers::set_timer() {
  timer_.set(Clock::now() + interval_, [this] { tell_all(); });
}

void Watchers::tell_all() {
  if (watchers_.empty())
    return;
  set_timer();
  const std::string state = state_();
  const auto all = watchers_;  // a write may cut one that does not read, see when_gone()
  for (const auto& watcher : all) {
    if (watcher->stream->unsent() == 0)
      watcher->stream->write(state + activity_.events_since(watcher->seen, Clock::now()));
  }
}

void Watchers::end() {
  is_ended_ = true;
  for (const auto& watcher : std::exchange(watchers_, {}))
    watcher->stream->end();
}

}  // namespace mqtt_bridge
