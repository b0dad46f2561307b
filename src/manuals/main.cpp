// Writes the man pages and the shells' completions of all programs, out of their option tables. The
// build runs it.
//
//   manuals DIRECTORY DATE
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "client/client_help.hpp"
#include "config/io/options.hpp"
#include "config/io/programs.hpp"
#include "config/manual.hpp"

namespace {

using namespace mqtt_bridge;

std::vector<Manual> all_manuals() {
  BridgedOptions bridged;
  ResponderOptions responder;
  return {manual_of(bridged_program(), settings_of(bridged)),
          manual_of(responder_program(), settings_of(responder)), client_manual()};
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file << text;
  file.close();
}

void write_all(const std::filesystem::path& folder, const std::string& date) {
  for (const Manual& manual : all_manuals()) {
    const std::string& name = manual.program;
    write(folder / (name + "." + std::to_string(manual.section)),
          man_page(manual, MQTT_BRIDGE_VERSION, date));
    write(folder / "bash" / name, bash_completion(manual));
    write(folder / "zsh" / ("_" + name), zsh_completion(manual));
    write(folder / "fish" / (name + ".fish"), fish_completion(manual));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: manuals DIRECTORY DATE\n";
    return 2;
  }
  try {
    write_all(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "manuals: " << error.what() << "\n";
    return 1;
  }
}
