#include "client/client_help.hpp"

#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "client/option_table.hpp"

namespace mqtt_bridge {
namespace {

TEST(ClientHelp, HasNoLineOfMoreThan80Columns) {
  std::istringstream help(client_help());
  for (std::string line; std::getline(help, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

TEST(ClientHelp, NamesEveryOptionOnceAndItsVariable) {
  const std::string help = client_help();
  for (const ClientFlag& flag : client_flags()) {
    const std::string line = "--" + std::string(flag.name);
    EXPECT_NE(help.find(line), std::string::npos) << line;
    EXPECT_EQ(help.find("  " + variable_of(flag)) != std::string::npos,
              flag.where != ClientFlag::Where::flag_only)
        << variable_of(flag);
  }
}

TEST(ClientHelp, HasExamplesAndExitCodes) {
  for (const char* const part : {"\nExamples:\n  # One call\n  mqtt_client alice uppercase hello\n",
                                 "\nExit codes:\n  0 ", "\n  4 "})
    EXPECT_NE(client_help().find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace mqtt_bridge
