#include "client/io/client_config.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace mqtt_bridge {
namespace {

class ClientConfig : public ::testing::Test {
 protected:
  ClientConfig()
      : folder_(std::filesystem::temp_directory_path() /
                ("client-config-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
  }
  ~ClientConfig() override { std::filesystem::remove_all(folder_); }

  std::string file() const { return folder_ / "client.toml"; }

  std::string read(std::string_view toml, ConfigChoice choice = {}) {
    std::ofstream(file()) << toml;
    choice.default_file = file();
    choice.home = "/home/alice";
    return in_words(choice);
  }

  /// A line for each setting, the sections separated; or what is wrong, with the folder left out.
  std::string in_words(const ConfigChoice& choice) const {
    const auto read = read_client_config(choice);
    std::string words;
    if (const auto* const fault = std::get_if<std::string>(&read))
      words = *fault;
    else
      for (const SettingLayer& layer : std::get<0>(read)) {
        for (const GivenSetting& given : layer)
          words.append(given.name).append("=").append(given.text).append("\n");
        words += "--\n";
      }
    const std::string prefix = folder_.string() + "/";
    for (std::size_t at; (at = words.find(prefix)) != std::string::npos;)
      words.replace(at, prefix.size(), "");
    return words;
  }

 private:
  std::filesystem::path folder_;
};

const std::string two_brokers = R"(timeout = "2s"
[home]
broker = "mqtts://home"
direct = true
[work]
broker = "mqtts://work"
)";

TEST_F(ClientConfig, HasWhatStandsAboveAllSectionsAndTheOneThatIsChosen) {
  EXPECT_EQ(read(two_brokers), "timeout=2s\n--\n");
  const GivenSetting home{"section", "home", "--section"};
  EXPECT_EQ(read(two_brokers, {.section = home}),
            "broker=mqtts://home\ndirect=true\n--\ntimeout=2s\n--\n");
}

TEST_F(ClientConfig, MayChooseASectionItself) {
  const std::string toml = "section = \"work\"\n" + two_brokers;
  EXPECT_EQ(read(toml), "broker=mqtts://work\n--\nsection=work\ntimeout=2s\n--\n");
  EXPECT_EQ(read(toml, {.section = {"section", "home", "--section"}}).substr(0, 19),
            "broker=mqtts://home");
}

TEST_F(ClientConfig, NamesFilesBesideItAndInTheHome) {
  EXPECT_EQ(read("token-file = \"~/token\"\npassword-file = \"secrets/p\"\nca-file = \"/ca\"\n"),
            "token-file=/home/alice/token\npassword-file=secrets/p\nca-file=/ca\n--\n");
  EXPECT_EQ(path_in_config("p", "/etc/x/", ""), "/etc/x/p");
  EXPECT_EQ(path_in_config("~/p", "/etc/x/", ""), "/etc/x/~/p");
}

TEST_F(ClientConfig, SaysWhereAFaultIs) {
  EXPECT_EQ(read("tiemout = \"2s\"\n"),
            "client.toml:1: unknown key 'tiemout'; did you mean 'timeout'?");
  EXPECT_EQ(read("[home]\nbrokr = \"x\"\n"),
            "client.toml:2: unknown key 'brokr'; did you mean 'broker'?");
  EXPECT_EQ(read("timeout = 2\n"),
            "client.toml:1: 'timeout' must be a string in quotes, not an integer");
  EXPECT_EQ(read("[home.inner]\ntimeout = \"2s\"\n").substr(0, 15), "client.toml:1: ");
  EXPECT_EQ(read("config = \"x\"\n").substr(0, 34), "client.toml:1: unknown key 'config");
  EXPECT_EQ(read(two_brokers, {.section = {"section", "hme", "--section"}}),
            "--section: client.toml has no section [hme]; did you mean 'home'?");
}

TEST_F(ClientConfig, IsNotNeeded) {
  EXPECT_EQ(in_words({.default_file = file()}), "");
  EXPECT_EQ(in_words({}), "");
  EXPECT_EQ(in_words({.section = {"section", "home", "--section"}, .default_file = file()}),
            "--section: there is no configuration file client.toml");
  EXPECT_EQ(in_words({.file = {"config", file(), "--config"}}),
            "--config: client.toml: cannot be read: No such file or directory");
}

TEST_F(ClientConfig, IsLeftAsideWhereAnotherOrNoneIsNamed) {
  EXPECT_EQ(read("nonsense", {.file = {"config", "", "--config"}}), "");
}

TEST(ClientConfigFile, IsWhereTheDesktopSpecificationSays) {
  EXPECT_EQ(default_config_file("/x", "/home/a"), "/x/mqtt-bridge/client.toml");
  EXPECT_EQ(default_config_file("", "/home/a"), "/home/a/.config/mqtt-bridge/client.toml");
  EXPECT_EQ(default_config_file("relative", "/home/a"), "/home/a/.config/mqtt-bridge/client.toml");
  EXPECT_EQ(default_config_file("", ""), "");
}

}  // namespace
}  // namespace mqtt_bridge
