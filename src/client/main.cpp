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
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <unistd.h>

#include "base/utf8.hpp"
#include "client/io/client_options.hpp"
#include "client/io/daemon_call.hpp"
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

/// Why a daemon is not asked, or was not of use; empty: as was wished.
struct Reason {
  std::string text;
  bool is_there = false;  // a daemon: the user is told even where the broker itself answers
};

/// The same call for mqtt_client_direct, with what is left of its timeout. Every value is joined to
/// its flag, so that none can be read as another flag.
std::vector<std::string> direct_arguments(const ClientOptions& options, const Reason& reason,
                                          Instant started) {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::ceil<milliseconds>(started + options.timeout - steady_clock::now());
  const auto timeout = std::max(left, milliseconds(1));
  std::vector<std::string> arguments{"mqtt_client_direct"};
  if (options.verbose) {
    arguments.emplace_back("-v");
  }
  arguments.push_back("--host=" + options.host);
  arguments.push_back("--port=" + std::to_string(options.port));
  arguments.push_back("--timeout=" + std::to_string(timeout.count()) + "ms");
  arguments.push_back((reason.is_there ? "--left-aside=" : "--not-asked=") + reason.text);
  for (const std::string& each :
       {std::string("--"), options.netid, options.action, options.message}) {
    arguments.push_back(each);
  }
  return arguments;
}

ExitCode go_direct(const ClientOptions& options, const Reason& reason, Instant started) {
  const std::string to_broker = "asking the broker itself";
  Narrator(options.verbose, started)
      .say(reason.text.empty() ? to_broker : reason.text + "; " + to_broker);
  const std::string folder = own_folder();
  const auto arguments = direct_arguments(options, reason, started);
  const std::string built = folder + "libexec/mqtt_client_direct";
  const std::string installed = folder + "../libexec/mqtt-bridge/mqtt_client_direct";
  become(built, arguments);
  const bool is_there = errno != ENOENT && errno != ENOTDIR;
  if (!is_there) {
    become(installed, arguments);
  }
  return fail("cannot run " + (is_there ? built : installed) + ": " + error_text(errno));
}

/// A daemon that was named is the only way: what it does not do is not done.
ExitCode leave_aside(const ClientOptions& options, const Reason& reason, std::string_view remedy,
                     Instant started) {
  if (!options.route.empty())
    return fail(reason.text + "; a route needs mqtt_bridged");
  if (!parse_action(options.action))
    return fail(unknown_action(options.action) + ", and " + reason.text, ExitCode::usage);
  if (options.daemon.empty()) {
    return go_direct(options, reason, started);
  }
  const std::string otherwise = remedy.empty() ? "; " : "; " + std::string(remedy) + ", or ";
  return fail(reason.text + otherwise + "use --direct to ask the broker itself");
}

std::vector<DaemonPlace> places_for(const ClientOptions& options) {
  if (const auto place = parse_daemon_url(options.daemon)) {
    return {*place};
  }
  return default_daemon_places();
}

/// The answer, with a newline at its end; that of a route only where it is a text without one.
std::string on_its_own_line(const Reply& reply, const ClientOptions& options) {
  const bool is_whole = !options.route.empty() &&
                        (reply.body.empty() || reply.body.ends_with('\n') || !is_utf8(reply.body));
  return is_whole ? reply.body : reply.body + "\n";
}

ExitCode follow(const Answered& answered, const ClientOptions& options, Instant started) {
  const std::string where = to_string(answered.place);
  const Decision decision = decide(answered.reply, where, !options.route.empty());
  switch (decision.next) {
    case Next::print_answer:
      Narrator(options.verbose, started).say("mqtt_bridged at " + where + " answered");
      return static_cast<ExitCode>(print(program, on_its_own_line(answered.reply, options)));
    case Next::fall_back_direct:
      return leave_aside(options, {decision.message, true}, decision.remedy, started);
    case Next::fail:
      return fail(decision.message, decision.exit_code);
  }
  return ExitCode::failed;
}

ExitCode follow(const NothingListens& nothing, const ClientOptions& options, Instant started) {
  const std::string what =
      nothing.is_forbidden ? "cannot reach mqtt_bridged at " : "no mqtt_bridged at ";
  return leave_aside(options, {what + nothing.text, nothing.is_forbidden}, "", started);
}

ExitCode follow(const Broken& broken, const ClientOptions& options, Instant started) {
  if (broken.published == Broken::Published::maybe) {
    return fail(broken.text, broken.exit_code);
  }
  return leave_aside(options, {broken.text, true}, "", started);
}

ExitCode run(const ClientOptions& options, Instant started) {
  if (options.direct) {
    return go_direct(options, {}, started);
  }
  const bool names_broker = options.route.empty() || options.names_broker;
  const ClientCall call{.action = options.action,
                        .netid = options.netid,
                        .broker_host = names_broker ? options.host : "",
                        .broker_port = options.port,
                        .message = options.message,
                        .timeout = options.timeout,
                        .route = options.route};
  const auto outcome = call_daemon(places_for(options), call, started);
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
    return static_cast<int>(run(std::get<ClientOptions>(parsed), started));
  } catch (const std::exception& error) {
    return static_cast<int>(fail(error.what()));
  }
}
