#include "client/io/explain.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "client/explanation.hpp"
#include "client/io/call_result.hpp"
#include "client/io/daemon_calls.hpp"
#include "client/io/direct_calls.hpp"
#include "client/io/observer.hpp"
#include "client/route_topics.hpp"
#include "exchange/topic.hpp"
#include "mqtt/client_id_clash.hpp"
#include "os/io/log.hpp"
#include "os/io/output.hpp"
#include "os/io/run_main.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using Mark = Finding::Mark;
using Json = nlohmann::json;

constexpr auto observer_patience = 6s;  // a little longer than the link waits for a connection
constexpr auto late_messages = 100ms;   // that came with the answer, and reach us a little later
constexpr auto return_patience = 3s;    // thrown off, most clients come back in a second or two

Colours colours() {
  return ::isatty(STDOUT_FILENO) == 1 && !is_colour_unwanted() ? Colours::ansi : Colours::none;
}

/// Empty where there is none: what answers need not be mqtt_bridged.
std::string text_in(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

class Explanation {
 public:
  Explanation(asio::io_context& loop, ClientOptions options, const std::string& message)
      : loop_(loop), options_(std::move(options)), message_(message) {}

  int run() {
    if (options_.direct)
      add(Mark::note, "daemon", "none is asked, because of --direct");
    else
      look_for_daemon();
    find_topics();
    observe();
    make_call();
    tell_of_broker();
    tell_of_responders();
    tell_of_messages();
    findings_.push_back(outcome_);
    const int printed = print("mqtt_client", to_text(findings_, colours()));
    return printed == 0 ? static_cast<int>(code_) : printed;
  }

 private:
  void add(Mark mark, std::string subject, std::string text, std::string remedy = "") {
    findings_.push_back({mark, std::move(subject), std::move(text), std::move(remedy)});
  }

  // The daemon -----------------------------------------------------------------------------------

  void look_for_daemon() {
    ClientCall call = client_call(options_);
    call.get = "/status";
    const auto outcome = call_daemon(daemon_places(options_.daemon), call, Clock::now());
    std::visit([this](const auto& each) { take(each); }, outcome);
  }

  void take(const Answered& answered) {
    const std::string where = to_string(answered.place);
    has_daemon_ = true;
    const auto status = Json::parse(answered.reply.body, nullptr, false);
    if (answered.reply.status != 200 || !status.is_object()) {
      const Decision decision = decide(answered.reply, where, asked_of(options_));
      return add(Mark::bad, "daemon", decision.message, decision.remedy);
    }
    status_ = status;
    const std::string broker = text_of("broker");
    if (!options_.route.empty() && !options_.names_broker)
      take_broker(broker);
    add(Mark::good, "daemon", "mqtt_bridged at " + where + " uses the broker " + broker);
    if (const std::string why = text_of("why_not_ready"); !why.empty()) {
      add(Mark::bad, "daemon", "it is not ready: " + why,
          "see the broker at " + broker + ", and the daemon's log");
    }
    if (const std::string warning = text_of("warning"); !warning.empty())
      add(Mark::note, "daemon", "it warns: " + warning);
  }
  void take(const NothingListens& nothing) {
    const Mark mark = options_.daemon.empty() ? Mark::note : Mark::bad;
    add(mark, "daemon", reason_of(nothing).text,
        options_.daemon.empty() ? "" : "start it, or name another place with --daemon");
  }
  void take(const Broken& broken) {
    has_daemon_ = true;
    add(Mark::bad, "daemon", broken.text);
  }

  /// The daemon's, which may be any: our credentials are for another one.
  void take_broker(const std::string& text) {
    const auto url = parse_broker_url(text);
    const auto* const broker = std::get_if<BrokerUrl>(&url);
    if (broker == nullptr || *broker == options_.broker)
      return;
    options_.broker = *broker;
    for (std::string* each : {&options_.username, &options_.password_file, &options_.ca_file,
                              &options_.cert_file, &options_.key_file})
      each->clear();
  }

  std::string text_of(const char* member) const { return on_one_line(text_in(status_, member)); }

  // The topics -----------------------------------------------------------------------------------

  void find_topics() {
    if (options_.route.empty()) {
      request_topic_ = request_topic(options_.netid, options_.action);
      response_filter_ = response_topic(options_.netid, options_.action);
      return;
    }
    const auto routes = Json::json_pointer("/routes/first");
    if (!status_.contains(routes))
      return;
    for (const Json& route : status_.at(routes)) {
      const std::string pattern = text_in(route, "path");
      const auto topic = topic_filter_of(text_in(route, "topic"), pattern, options_.route);
      if (!topic)
        continue;
      route_ = pattern;
      request_topic_ = *topic;
      const std::string response = text_in(route, "response_topic");
      if (!response.empty())
        response_filter_ = topic_filter_of(response, pattern, options_.route).value_or("");
      return;
    }
  }

  // The call, and who listens meanwhile ----------------------------------------------------------

  /// Until `is_done`, or `patience` has passed.
  void run_until(const std::function<bool()>& is_done, Duration patience,
                 const std::function<void()>& tick = nullptr) {
    const Instant end = Clock::now() + patience;
    while (!is_done() && Clock::now() < end) {
      if (tick)
        tick();
      loop_.restart();
      loop_.run_one_for(20ms);
    }
  }

  void observe() {
    if (request_topic_.empty())
      return;
    observer_.emplace(loop_, broker_options_of(options_), response_filter_);
    run_until([this] { return observer_->is_settled(); }, observer_patience);
  }

  void make_call() {
    began_ = Clock::now();
    if (has_daemon_)
      call_through_daemon();
    else
      call_directly();
    if (observer_ && observer_->is_settled() && !observer_->why_not())
      run_until([] { return false; }, late_messages);
  }

  void call_through_daemon() {
    std::optional<DaemonOutcome> outcome;
    DaemonCalls calls(loop_, daemon_places(options_.daemon), client_call(options_),
                      [&outcome](std::uint64_t, DaemonOutcome each) { outcome = std::move(each); });
    calls.call(1, message_);
    run_until([&outcome] { return outcome.has_value(); }, options_.timeout + 2 * answer_margin,
              [&calls] { calls.expire(Clock::now()); });
    if (const auto* const answered = outcome ? std::get_if<Answered>(&*outcome) : nullptr)
      return take_answer(*answered);
    const auto* const broken = outcome ? std::get_if<Broken>(&*outcome) : nullptr;
    fail(broken != nullptr ? broken->text : "mqtt_bridged did not answer in time",
         broken != nullptr ? broken->exit_code : ExitCode::no_answer);
  }

  void take_answer(const Answered& answered) {
    const std::string where = to_string(answered.place);
    const Decision decision = decide(answered.reply, where, asked_of(options_));
    if (decision.next == Next::print_answer)
      return succeed(answered.reply.body, "mqtt_bridged at " + where);
    if (decision.next == Next::fail)
      return fail(decision.message, decision.exit_code);
    const Reason reason{decision.message, true};
    const auto not_direct = why_not_direct(options_, reason, decision.remedy);
    add(not_direct ? Mark::bad : Mark::note, "daemon",
        not_direct ? decision.message : "left aside: " + decision.message, decision.remedy);
    if (not_direct)
      return fail(not_direct->sentence, not_direct->code);
    call_directly();
  }

  void call_directly() {
    if (const auto not_direct = why_not_direct(options_, {"no mqtt_bridged answers"}, "");
        not_direct && (!options_.route.empty() || !parse_action(options_.action)))
      return fail(not_direct->sentence, not_direct->code);
    if (!options_.daemon.empty() && !options_.direct)
      return fail("the daemon that was named does not answer, so nothing was sent",
                  ExitCode::failed);
    std::optional<Ended> outcome;
    DirectCalls calls(loop_, direct_way_of(options_),
                      [&outcome](std::uint64_t, Ended ended) { outcome = std::move(ended); });
    // The MQTT library may take a second to see the second connection of a process.
    run_until([&calls] { return calls.is_connected() || calls.is_hopeless(); }, observer_patience);
    began_ = Clock::now();
    calls.call(1, message_);
    run_until([&outcome] { return outcome.has_value(); }, options_.timeout + 2s);
    tell_of_client_id(
        who_took_our_id(calls, outcome && std::holds_alternative<Answer>(outcome->outcome)));
    if (!outcome)
      return fail("no answer came in time", ExitCode::no_answer);
    const CallResult result = result_of(*outcome, options_);
    if (result.code == ExitCode::answered)
      succeed(result.text, "the broker");
    else
      fail(result.text, result.code);
  }

  /// Empty: nobody. Our connection throws a service off that has the NetID as its client id; it
  /// comes back, and throws ours off, of which not every broker says a word.
  std::string who_took_our_id(const DirectCalls& calls, bool is_answered) {
    if (is_answered || !calls.is_connected())
      return calls.clash();
    run_until([&calls] { return !calls.is_connected(); }, return_patience);
    const bool is_broker_there = observer_ && observer_->is_settled() && !observer_->why_not();
    if (calls.is_connected() || !is_broker_there || !calls.clash().empty())
      return calls.clash();
    return clash_in_words(ClashCertainty::seems, options_.netid, !options_.username.empty());
  }

  void tell_of_client_id(const std::string& clash) {
    if (clash.empty())
      add(Mark::good, "client id", options_.netid + ", the NetID; no other client uses it");
    else
      add(Mark::bad, "client id", on_one_line(clash),
          "give the service a client id of its own, other than the NetID");
  }

  void succeed(const std::string& answer, const std::string& through) {
    const auto spent =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_).count();
    answer_ = answer;
    code_ = ExitCode::answered;
    outcome_ = {Mark::good, "answer",
                in_quotes(answer) + " through " + through + ", after " +
                    std::to_string(spent / 1000) + "." +
                    std::to_string(1000 + spent % 1000).substr(1) + " ms"};
  }
  void fail(const std::string& why, ExitCode code) {
    code_ = code;
    outcome_ = {Mark::bad, "answer", "none: " + on_one_line(why)};
  }

  // What was seen --------------------------------------------------------------------------------

  void tell_of_broker() {
    if (!observer_) {
      if (!options_.route.empty())
        add(Mark::note, "topics", "not known: the daemon's /status does not show this route");
      return;
    }
    const std::string broker = to_string(options_.broker);
    if (!observer_->is_settled() || observer_->why_not()) {
      add(Mark::bad, "broker",
          broker + ": " + on_one_line(observer_->why_not().value_or("no answer in time")),
          "check --broker, --username, --password-file and --ca-file, and that the broker runs");
      return;
    }
    add(Mark::good, "broker",
        broker + " takes the connection, in MQTT " + std::string(to_string(observer_->version())));
    add(Mark::note, "topics",
        (route_.empty() ? "" : "of the route " + route_ + ": ") + "request on " + request_topic_ +
            (response_filter_.empty() ? ", answer on a topic of the daemon's own"
                                      : ", answer on " + response_filter_));
    if (response_filter_.empty())
      return;
    if (observer_->may_hear_responses())
      add(Mark::good, "broker", "grants the subscription to " + response_filter_);
    else
      add(Mark::bad, "broker", "refuses the subscription to " + response_filter_,
          "allow this user to read that topic in the broker's access control list");
  }

  void tell_of_responders() {
    if (!options_.route.empty() || !observer_ || observer_->why_not())
      return;
    std::string names;
    for (const auto& [id, actions] : observer_->responders()) {
      if (std::find(actions.begin(), actions.end(), options_.action) != actions.end())
        names += (names.empty() ? "" : ", ") + on_one_line(id);
    }
    if (!names.empty())
      return add(Mark::good, "responder", options_.action + " is announced by " + names);
    const std::string others = observer_->responders().empty()
                                   ? "no mqtt_responder has announced itself"
                                   : "no mqtt_responder that is here announces " + options_.action;
    add(Mark::note, "responder", others + "; a service of another kind announces nothing",
        code_ != ExitCode::no_answer
            ? ""
            : "see that a service is subscribed to " + request_topic_ +
                  ", or start mqtt_responder --broker " + to_string(options_.broker));
  }

  void tell_of_messages() {
    if (!observer_ || observer_->why_not() || response_filter_.empty())
      return;
    if (observer_->count() == 0) {
      if (code_ == ExitCode::no_answer)
        add(Mark::bad, "messages", "nothing came on " + response_filter_ + " meanwhile",
            "see where the service publishes its answer: mosquitto_sub -v -t '" +
                on_one_line(options_.netid.empty() ? "#" : options_.netid + "/#") + "'");
      return;
    }
    bool was_answer_shown = !answer_;
    for (const MqttMessage& message : observer_->heard()) {
      if (!was_answer_shown && message.payload == *answer_) {
        was_answer_shown = true;
        continue;
      }
      tell_of(message);
    }
    if (observer_->count() > Observer::most_messages) {
      add(Mark::note, "messages",
          "and " + std::to_string(observer_->count() - Observer::most_messages) + " more");
    }
  }

  void tell_of(const MqttMessage& message) {
    const auto action = options_.route.empty() ? parse_action(options_.action) : std::nullopt;
    const std::string why = why_no_answer(action, message_, {message.payload, message.retained});
    std::string text = in_quotes(message.payload) + " on " + on_one_line(message.topic);
    text += message.correlation ? ", with Correlation Data" : ", without Correlation Data";
    if (message.status)
      text += ", with status " + on_one_line(*message.status);
    if (!why.empty())
      text += "; it " + why;
    std::string remedy;
    const auto right = right_answer(action, message_);
    if (!answer_ && !why.empty() && right)
      remedy = "the service should send " + in_quotes(*right) + " and nothing else";
    else if (!answer_ && why.empty() && message.correlation)
      remedy = "the service should send back the Correlation Data of the request, unchanged";
    add(answer_ ? Mark::note : Mark::bad, "messages", text, remedy);
  }

  asio::io_context& loop_;
  ClientOptions options_;
  const std::string& message_;
  std::vector<Finding> findings_;
  bool has_daemon_ = false;
  Json status_;
  std::string route_;  // as the daemon has it
  std::string request_topic_;
  std::string response_filter_;
  std::optional<Observer> observer_;
  Instant began_;
  std::optional<std::string> answer_;
  Finding outcome_;
  ExitCode code_ = ExitCode::failed;
};

}  // namespace

int explain(const ClientOptions& options, const std::string& message) {
  auto loop = std::make_unique<asio::io_context>(1);
  int code = 0;
  {
    Explanation explanation(*loop, options, message);
    code = explanation.run();
  }
  return end_loop(std::move(loop), code);
}

}  // namespace mqtt_bridge
