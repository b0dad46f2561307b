// mqtt_client: one call, through mqtt_bridged where one serves this broker and NetID, otherwise by
// mqtt_client_direct, which this program becomes. What it costs to start is most of what it costs,
// so it loads nothing but the C++ runtime.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "base/utf8.hpp"
#include "client/hand_over.hpp"
#include "client/io/client_options.hpp"
#include "client/io/daemon_call.hpp"
#include "client/io/message_input.hpp"
#include "client/problem_json.hpp"
#include "client/verdict.hpp"
#include "os/error_text.hpp"
#include "os/io/output.hpp"

namespace {

using namespace mqtt_bridge;
using std::chrono::steady_clock;

constexpr std::string_view program = "mqtt_client";

ExitCode fail(std::string_view sentence, ExitCode code = ExitCode::failed) {
  say(program, sentence);
  return code;
}

/// A call that was made, or could not be: `problem`, as its daemon said it, or none.
ExitCode fail_call(const ClientOptions& options, std::string_view sentence, ExitCode code,
                   const std::string& problem = "") {
  if (options.json)
    print(program, problem.empty() ? problem_json(sentence) : problem);
  return fail(sentence, code);
}

/// So that mqtt_client_direct finds it there, however long it is, and no list of processes shows
/// it.
void put_on_stdin(const std::string& text) {
  const int memory = ::memfd_create("message", MFD_CLOEXEC);
  std::string_view left = text;
  while (memory >= 0 && !left.empty()) {
    const auto written = ::write(memory, left.data(), left.size());
    if (written < 0 && errno != EINTR)
      throw std::runtime_error("cannot hold the message: " + error_text(errno));
    left.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  if (memory < 0 || ::lseek(memory, 0, SEEK_SET) != 0 || ::dup2(memory, STDIN_FILENO) < 0)
    throw std::runtime_error("cannot hold the message: " + error_text(errno));
}

/// Says on stderr what is being done, and after how long, when the user wants to know.
class Narrator {
 public:
  Narrator(bool verbose, Instant started) : verbose_(verbose), started_(started) {}

  void say(const std::string& sentence) const {
    if (!verbose_) {
      return;
    }
    const auto spent =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - started_);
    const auto digits = std::to_string(1000 + spent.count() % 1000).substr(1);
    mqtt_bridge::say(
        program, sentence + " (" + std::to_string(spent.count() / 1000) + "." + digits + " ms)");
  }

 private:
  bool verbose_;
  Instant started_;
};

/// Where this executable is; empty when /proc does not say.
std::string own_folder() {
  std::array<char, PATH_MAX> path;
  const auto length = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view whole(path.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  return std::string(whole.substr(0, whole.rfind('/') + 1));
}

/// Returns only if it cannot become `path`.
void become(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));  // execv() does not write to them
  }
  pointers.push_back(nullptr);
  ::execv(path.c_str(), pointers.data());
}

/// The same call for mqtt_client_direct, with what is left of its timeout.
std::vector<std::string> direct_arguments(ClientOptions options, const Reason& reason,
                                          Instant started) {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::ceil<milliseconds>(started + options.timeout - steady_clock::now());
  options.timeout = std::max(left, milliseconds(1));
  options.direct = true;
  options.daemon.clear();
  options.token_file.clear();
  options.not_asked = reason.text;
  options.is_left_aside = reason.is_there;
  return hand_over(options);
}

/// Returns only if it cannot become it.
ExitCode become_direct(const std::vector<std::string>& arguments) {
  const std::string folder = own_folder();
  const std::string built = folder + "libexec/mqtt_client_direct";
  const std::string installed = folder + "../libexec/mqtt-bridge/mqtt_client_direct";
  become(built, arguments);
  const bool is_there = errno != ENOENT && errno != ENOTDIR;
  if (!is_there) {
    become(installed, arguments);
  }
  return fail("cannot run " + (is_there ? built : installed) + ": " + error_text(errno));
}

ExitCode go_direct(const ClientOptions& options, const Reason& reason, Instant started) {
  const std::string to_broker = "asking the broker itself";
  Narrator(options.verbose, started)
      .say(reason.text.empty() ? to_broker : reason.text + "; " + to_broker);
  put_on_stdin(options.message);
  return become_direct(direct_arguments(options, reason, started));
}

/// Many calls, or one that is explained: mqtt_client_direct makes them, through the daemon too.
ExitCode make_many(const ClientOptions& options) {
  if (!options.lines)
    put_on_stdin(options.message);
  return become_direct(hand_over(options));
}

ExitCode leave_aside(const ClientOptions& options, const Reason& reason, std::string_view remedy,
                     Instant started) {
  if (const auto not_direct = why_not_direct(options, reason, remedy))
    return fail_call(options, not_direct->sentence, not_direct->code);
  return go_direct(options, reason, started);
}

/// The answer, with a newline at its end; that of a route, and JSON, only where there is none.
std::string on_its_own_line(const Reply& reply, const ClientOptions& options) {
  const bool is_whole = (options.json || !options.route.empty()) &&
                        (reply.body.empty() || reply.body.ends_with('\n') || !is_utf8(reply.body));
  return is_whole ? reply.body : reply.body + "\n";
}

ExitCode follow(const Answered& answered, const ClientOptions& options, Instant started) {
  const std::string where = to_string(answered.place);
  const Decision decision = decide(answered.reply, where,
                                   {.is_route = !options.route.empty(),
                                    .has_token = !options.token_file.empty(),
                                    .as_json = options.json});
  switch (decision.next) {
    case Next::print_answer:
      Narrator(options.verbose, started).say("mqtt_bridged at " + where + " answered");
      return static_cast<ExitCode>(print(program, on_its_own_line(answered.reply, options)));
    case Next::fall_back_direct:
      return leave_aside(options, {decision.message, true}, decision.remedy, started);
    case Next::fail:
      return fail_call(options, decision.message, decision.exit_code,
                       answered.reply.media == Media::problem ? answered.reply.body : "");
  }
  return ExitCode::failed;
}

ExitCode follow(const NothingListens& nothing, const ClientOptions& options, Instant started) {
  return leave_aside(options, reason_of(nothing), "", started);
}

ExitCode follow(const Broken& broken, const ClientOptions& options, Instant started) {
  if (broken.published == Broken::Published::maybe) {
    return fail_call(options, broken.text, broken.exit_code);
  }
  return leave_aside(options, {broken.text, true}, "", started);
}

ExitCode run(const ClientOptions& options, Instant started) {
  if (options.lines || options.repeat > 0 || options.explain)
    return make_many(options);
  if (options.direct) {
    return go_direct(options, {}, started);
  }
  ClientCall call = client_call(options);
  call.message = options.message;
  const auto outcome = call_daemon(daemon_places(options.daemon), call, started);
  return std::visit([&](const auto& each) { return follow(each, options, started); }, outcome);
}

}  // namespace

int main(int argc, char** argv) {
  const Instant started = steady_clock::now();
  keep_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);  // write() says so itself; mqtt_client_direct inherits it
  try {
    const auto parsed = parse_client_options(argc, argv, environ);
    if (const auto* const exit = std::get_if<ExitNow>(&parsed)) {
      return exit_now(program, *exit);
    }
    auto options = std::get<ClientOptions>(parsed);
    if (options.message_from == ClientOptions::MessageFrom::argument)
      return static_cast<int>(run(options, started));
    if (const std::string fault = take_message(options); !fault.empty())
      return exit_now(program, usage_error(program, fault));
    return static_cast<int>(run(options, steady_clock::now()));  // who wrote it took his time
  } catch (const std::exception& error) {
    return static_cast<int>(fail(error.what()));
  }
}
