#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

namespace {

// A folder of its own with a configuration's name in it, gone at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "davenport-secrets-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    REQUIRE(chmod((path_ / name).c_str(), mode) == 0);
  }
  auto load(const std::string& text) const {
    return davenport::config::load(std::string(kBase) + text, (path_ / "davenport.toml").string());
  }
  std::string first_problem(const std::string& text) const {
    const auto loaded = load(text);
    REQUIRE_FALSE(loaded.has_value());
    return to_text(loaded.error().at(0), "f");
  }

 private:
  std::filesystem::path path_;
};

constexpr const char* kToken = "0123456789abcdef0123";

}  // namespace

TEST_CASE("a token comes from a file beside the configuration, without its line's end") {
  const Folder folder;
  for (const std::string end : {"", "\n", "\r\n", "\n\n"}) {
    folder.write("token", kToken + end);
    const auto loaded = folder.load("[admin]\naddress = \"0.0.0.0:9090\"\ntoken_file = \"token\"\n");
    REQUIRE(loaded.has_value());
    CHECK((*loaded)->admin.token == kToken);
    CHECK((*loaded)->warnings.empty());
  }
}

TEST_CASE("a token comes from the environment") {
  setenv("DAVENPORT_TEST_TOKEN", kToken, 1);
  const auto config = with_base("[purge]\ntoken_env = \"DAVENPORT_TEST_TOKEN\"\n");
  CHECK(config->purge.token == kToken);
  unsetenv("DAVENPORT_TEST_TOKEN");
  CHECK(problems_of(std::string(kBase) + "[purge]\ntoken_env = \"DAVENPORT_TEST_TOKEN\"\n").at(0) ==
        "davenport.toml:4:13: purge.token_env: the environment has no variable \"DAVENPORT_TEST_TOKEN\"");
}

TEST_CASE("a token in the file itself is refused with what to do instead, and is not repeated") {
  for (const std::string table : {"admin", "purge"}) {
    const auto lines = problems_of(std::string(kBase) + "[" + table + "]\ntoken = \"hunter2\"\n");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "davenport.toml:4:1: " + table + ".token: a secret does not stand in this file: write "
                                                        "token_file = \"path\" or token_env = \"VARIABLE\"");
  }
}

TEST_CASE("what a token cannot be taken from is a problem") {
  const Folder folder;
  folder.write("empty", "\n");
  folder.write("spaces", "two words");
  folder.write("long", std::string(5000, 'x'));
  folder.write("good", kToken);
  REQUIRE(mkfifo((std::filesystem::path((*folder.load(""))->source).parent_path() / "pipe").c_str(), 0600) == 0);
  const auto problem = [&](const std::string& line, std::string_view expected) {
    return folder.first_problem("[admin]\n" + line + "\n").find(expected) != std::string::npos;
  };
  CHECK(problem("token_file = \"none\"", "is not a file that can be read"));
  CHECK(problem("token_file = \"pipe\"", "is not a file that can be read"));
  CHECK(problem("token_file = \".\"", "is not a file that can be read"));
  CHECK(problem("token_file = \"empty\"", "visible ASCII"));
  CHECK(problem("token_file = \"spaces\"", "visible ASCII"));
  CHECK(problem("token_file = \"long\"", "too long"));
  CHECK(problem("token_file = 5", "expected a name in quotes"));
  CHECK(problem("token_file = \"\"", "expected a name in quotes"));
  CHECK(problem("token_file = \"good\"\ntoken_env = \"X\"", "given already"));
}

TEST_CASE("a token that cannot be read is one problem, not also an admin interface without a token") {
  const auto lines = problems_of(std::string(kBase) + "[admin]\naddress = \"0.0.0.0:1\"\ntoken_file = \"/none\"\n");
  CHECK(lines.size() == 1);
}

TEST_CASE("a token that others may read, or that is short, is warned of") {
  const Folder folder;
  folder.write("open", kToken, 0644);
  folder.write("short", "abc");
  const auto open = folder.load("[admin]\ntoken_file = \"open\"\n");
  const auto brief = folder.load("[admin]\ntoken_file = \"short\"\n");
  REQUIRE(open.has_value());
  REQUIRE(brief.has_value());
  CHECK(mentions((*open)->warnings, "everybody on this machine may read \"open\": chmod o-r it"));
  CHECK(mentions((*brief)->warnings, "the token is short"));
}
