#include "mqtt/io/paho/read_ahead.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s;

bool is_asleep(pid_t thread) {
  std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:"))
      return line.find("sleeping") != std::string::npos;
  }
  return false;
}

TEST(PahoReadAhead, AnyOtherDescriptorIsClosedWithoutWaitingForAConnectionThatIsBeingRead) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const auto [connection, broker] = ends;
  std::promise<pid_t> reader;
  std::thread library([&, connection = connection] {
    prctl(PR_SET_NAME, "MQTTAsync_rcv");  // as the library calls its thread
    pollfd asked{connection, POLLIN, 0};
    poll(&asked, 1, 0);
    reader.set_value(gettid());
    char byte = 0;
    recv(connection, &byte, 1, 0);  // there is none yet: it waits, and holds the lock
  });
  const pid_t thread = reader.get_future().get();
  while (!is_asleep(thread))
    std::this_thread::yield();

  auto closing = std::async(std::launch::async, [] { close(open("/dev/null", O_RDONLY)); });
  EXPECT_EQ(closing.wait_for(patience), std::future_status::ready);

  shutdown(broker, SHUT_WR);
  library.join();
  close(connection);
  close(broker);
}

}  // namespace
