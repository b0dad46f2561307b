#include "daemon/io/batches.hpp"

#include <optional>
#include <utility>

#include <asio/post.hpp>

#include "base/limits/batch.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t lines_at_once = 64;  // so that others are served in between

Duration timeout_of(const BatchCall& call) {
  return std::visit([](const auto& each) { return each.deadline - each.arrived; }, call);
}

AnswerIs answer_kind(const BatchCall& call) {
  const auto* const of_route = std::get_if<RouteCall>(&call);
  if (of_route == nullptr)
    return AnswerIs::text;
  return of_route->route->is_json() ? AnswerIs::json : AnswerIs::text_or_json;
}

Retryable retryable_of(const Ended& ended) {
  return ended.may_be_carried_out ? Retryable::no : Retryable::yes;
}

}  // namespace

class Batches::Run {
 public:
  Run(std::shared_ptr<HttpRequest> the_request, std::shared_ptr<HttpStream> the_stream,
      BatchCall the_call)
      : request(std::move(the_request)),
        stream(std::move(the_stream)),
        call(std::move(the_call)),
        batch(timeout_of(call)) {}

  const std::shared_ptr<HttpRequest> request;
  const std::shared_ptr<HttpStream> stream;
  const BatchCall call;
  Batch batch;
  std::unordered_set<ExchangeId> exchanges;  // of lines that are begun
  std::optional<Failure> why_stopped;        // before the end of the body
  std::size_t held = 0;                      // of Batches::held_
  bool is_reading = false;
  bool waits_for_reader = false;
  bool is_to_advance = false;  // in Batches::to_advance_
  bool is_over = false;
};

Batches::Batches(asio::io_context& loop, Host& host) : loop_(loop), host_(host) {}
Batches::~Batches() = default;

std::shared_ptr<HttpRequest> Batches::Line::request() const {
  return run->request;
}

std::string Batches::Line::request_id() const {
  return run->request->request_id + "/" + std::to_string(number);
}

void Batches::begin(const std::shared_ptr<HttpRequest>& request, std::shared_ptr<HttpStream> stream,
                    HttpResponse head, BatchCall call) {
  const auto run = std::make_shared<Run>(request, std::move(stream), std::move(call));
  runs_.insert(run);
  request->when_gone([this, weak = std::weak_ptr(run)] {
    if (const auto gone = weak.lock())
      forget(gone);
  });
  run->stream->start(std::move(head));
  if (is_draining_)
    drain();
  else
    read(run);
}

// Lines ----------------------------------------------------------------------------------------

void Batches::advance(const std::shared_ptr<Run>& run) {
  if (run->is_over)
    return;
  begin_lines(run);
  count_held(*run);
  if (run->is_over || run->is_to_advance)
    return;
  if (run->batch.is_done())
    return end(run);
  if (run->stream->unsent() > limits::batch_unsent_bytes)
    return wait_for_reader(run);
  if (run->batch.wants_body())
    read(run);
}

void Batches::begin_lines(const std::shared_ptr<Run>& run) {
  for (std::size_t count = 0; run->stream->unsent() <= limits::batch_unsent_bytes; ++count) {
    if (count == lines_at_once) {
      advance_soon(run);
      break;
    }
    auto item = run->batch.next();
    if (!item)
      break;
    if (auto* const line = std::get_if<BatchLine>(&*item)) {
      begin_line(run, std::move(*line));
      continue;
    }
    const auto& bad = std::get<BadLine>(*item);
    refuse({.run = run, .number = bad.number, .id = bad.id}, bad.failure);
  }
  host_.act();
}

void Batches::begin_line(const std::shared_ptr<Run>& run, BatchLine line) {
  const Line begun{.run = run, .number = line.number, .id = line.id, .bytes = line.message.size()};
  BatchCall call = run->call;
  const Duration timeout = timeout_of(call);
  std::visit(
      [&](auto& each) {
        each.payload = line.message;
        each.arrived = Clock::now();
        each.deadline = each.arrived + timeout;
      },
      call);
  if (auto* const of_route = std::get_if<RouteCall>(&call))
    of_route->content_type = line.is_json ? "application/json" : "";
  const auto admitted = host_.begin_line(begun, std::move(call));
  if (const auto* const exchange = std::get_if<ExchangeId>(&admitted)) {
    run->exchanges.insert(*exchange);
    return;
  }
  const auto& failure = std::get<Failure>(admitted);
  if (failure.problem == Problem::overloaded && run->batch.running() > 1)
    return run->batch.put_back(std::move(line));
  run->batch.ended(begun.bytes, std::nullopt);
  refuse(begun, failure);
}

void Batches::refuse(const Line& line, const Failure& failure) {
  host_.record_refused(line, line.run->call, failure);
  line.run->stream->write(result_line(line.id, failure, Retryable::yes, line.request_id()));
}

void Batches::answered(const Line& line, Ended& ended) {
  const auto run = line.run;
  run->exchanges.erase(ended.exchange);
  if (run->is_over)
    return;
  run->batch.ended(line.bytes, ended.ended - ended.arrived);
  if (const auto* const failure = std::get_if<Failure>(&ended.outcome)) {
    run->stream->write(result_line(line.id, *failure, retryable_of(ended), line.request_id()));
  } else {
    run->stream->write(
        result_line(line.id, std::get<Answer>(ended.outcome), answer_kind(run->call)));
  }
  advance_soon(run);
}

/// Not within what the table is just asked for.
void Batches::advance_soon(const std::shared_ptr<Run>& run) {
  if (std::exchange(run->is_to_advance, true))
    return;
  to_advance_.push_back(run);
  if (to_advance_.size() > 1)
    return;
  asio::post(loop_, [this] {
    for (const auto& each : std::exchange(to_advance_, {})) {
      each->is_to_advance = false;
      advance(each);
    }
  });
}

// Both sides of the request
// ------------------------------------------------------------------------

void Batches::read(const std::shared_ptr<Run>& run) {
  if (std::exchange(run->is_reading, true))
    return;
  run->stream->read([this, weak = std::weak_ptr(run)](std::string piece, HttpStream::Body body) {
    if (const auto reading = weak.lock())
      take(reading, std::move(piece), body);
  });
}

void Batches::take(const std::shared_ptr<Run>& run, std::string piece, HttpStream::Body body) {
  run->is_reading = false;
  if (run->is_over)
    return;
  if (run->batch.wants_body())  // else it has stopped meanwhile
    run->batch.take(piece);
  count_held(*run);
  if (held_ > limits::batch_input_bytes && run->batch.held() > piece.size()) {
    run->batch.refuse_line(
        {Problem::overloaded, "too many long lines of batches are arriving", {}});
  }
  if (body == HttpStream::Body::end)
    run->batch.end_of_body();
  if (body == HttpStream::Body::broken && !run->why_stopped) {
    run->why_stopped = {Problem::malformed_request, "the body ended before it was whole", {}};
    run->batch.stop();
  }
  advance(run);
}

void Batches::wait_for_reader(const std::shared_ptr<Run>& run) {
  if (std::exchange(run->waits_for_reader, true))
    return;
  run->stream->when_sent([this, weak = std::weak_ptr(run)] {
    if (const auto waiting = weak.lock()) {
      waiting->waits_for_reader = false;
      advance_soon(waiting);
    }
  });
}

void Batches::count_held(Run& run) {
  held_ -= run.held;
  run.held = run.batch.held();
  held_ += run.held;
}

// The end --------------------------------------------------------------------------------------

void Batches::end(const std::shared_ptr<Run>& run) {
  if (run->why_stopped) {
    Failure failure = *run->why_stopped;
    failure.detail += "; line " + std::to_string(run->batch.next_number()) +
                      " and those behind it were not begun";
    run->stream->write(result_line("null", failure, Retryable::yes, run->request->request_id));
  }
  forget(run);
  run->stream->end();
}

void Batches::forget(const std::shared_ptr<Run>& run) {
  run->is_over = true;
  run->batch.stop();
  count_held(*run);
  runs_.erase(run);
  if (run->exchanges.empty())
    return;
  for (const ExchangeId exchange : std::exchange(run->exchanges, {}))
    host_.withdraw(exchange);
  asio::post(loop_, [this] { host_.act(); });
}

void Batches::drain() {
  is_draining_ = true;
  for (const auto& run : std::vector(runs_.begin(), runs_.end())) {
    run->why_stopped = {Problem::shutting_down, "this bridge is shutting down", {}};
    run->batch.stop();
    advance_soon(run);
  }
}

}  // namespace mqtt_bridge
