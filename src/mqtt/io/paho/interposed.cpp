#include "mqtt/io/paho/interposed.hpp"

#include <array>
#include <string>
#include <string_view>

#include <sys/prctl.h>

namespace mqtt_bridge::paho {
namespace {

std::string name_of_this_thread() {
  std::array<char, 16> name{};  // prctl(2): with its NUL
  return prctl(PR_GET_NAME, name.data()) == 0 ? name.data() : "";
}

}  // namespace

bool is_library_thread() {
  thread_local const bool is_it = name_of_this_thread().starts_with("MQTTAsync_");
  return is_it;
}

bool is_receive_thread() {
  thread_local const bool is_it = name_of_this_thread() == "MQTTAsync_rcv";
  return is_it;
}

bool is_ours(const char* function) {
  Dl_info here{};
  Dl_info found{};
  void* const in_use = dlsym(RTLD_DEFAULT, function);
  return in_use != nullptr && dladdr(in_use, &found) != 0 &&
         dladdr(reinterpret_cast<void*>(&is_ours), &here) != 0 && here.dli_fbase == found.dli_fbase;
}

}  // namespace mqtt_bridge::paho
