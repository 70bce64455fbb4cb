// proxy/cli.h: the commands of `davenport`, each as a function that returns the exit status: 0, or 1 with a sentence on standard
// error. main.cc reads the command line.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace davenport::cli {

inline constexpr const char* kDefaultFile = "/etc/davenport/davenport.toml";
inline constexpr const char* kDefaultAdmin = "http://127.0.0.1:9090";

// Runs the proxy until SIGTERM or SIGINT has drained it.
int run(const std::string& file);

// Says everything that is wrong with a configuration, with its place. `print`: the whole of it, defaults filled in.
int check(const std::string& file, bool print);

struct InitOptions {
  std::string url;
  std::uint32_t pages = 12, assets = 24;
  std::chrono::seconds time{60};     // no more is asked after it
};
// Looks at a running application and prints a configuration for it.
int init(const InitOptions& options);

struct AdminAccess {
  std::string url = kDefaultAdmin;   // "http://host:port" or "unix:/path"
  std::string token_file;            // "": $DAVENPORT_ADMIN_TOKEN, or none
};

struct PurgeOptions {
  std::vector<std::string> urls, tags;
  std::string prefix, id;
  bool all = false, soft = false, no_count = false, json = false;
};
int purge(const AdminAccess& admin, const PurgeOptions& options);

struct ExplainOptions {
  std::string url, method;
  std::vector<std::string> fields;   // "Name: value"
  bool json = false;
};
int explain(const AdminAccess& admin, const ExplainOptions& options);

}  // namespace davenport::cli
