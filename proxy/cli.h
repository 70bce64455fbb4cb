// proxy/cli.h: the commands of `davenport`, each as a function that returns the exit status: 0, or 1 with a sentence on standard
// error (purge: or 3). main.cc reads the command line.
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
  std::string url = kDefaultAdmin;   // "http://host:port", "https://…" or "unix:/path"
  std::string token_file;            // "": $DAVENPORT_ADMIN_TOKEN, or none
  std::string ca;                    // PEM file for https; "": the system's authorities
  std::string certificate, key;      // that we show, PEM; "": none, or the key in the certificate's file
};

struct PurgeOptions {
  std::vector<std::string> urls, tags;
  std::string prefix, id;
  bool all = false, soft = false, no_count = false, wait_all = false, json = false;
};
inline constexpr int kPurgePartly = 3;   // it is recorded, and not yet confirmed by all: standard error says by whom
int purge(const AdminAccess& admin, const PurgeOptions& options);

struct ExplainOptions {
  std::string url, method;
  std::vector<std::string> fields;   // "Name: value"
  bool json = false;
};
int explain(const AdminAccess& admin, const ExplainOptions& options);

struct AuditOptions {
  std::string url;
  std::uint32_t assets = 100;
  std::chrono::seconds time{60};     // no more is asked after it
  std::string ca;                    // PEM file for https; "": the system's authorities
  bool insecure = false;             // any certificate will do
};
// Looks at a page and what it loads, and says what is not cacheable, not compressed or badly labelled.
int audit(const AuditOptions& options);

struct WarmOptions {
  std::vector<std::string> from;     // files, URLs, "-": lists of URLs, or sitemaps
  std::string feed, feed_template;   // a JSON feed, a file or a URL
  std::string base;                  // "http://host": what paths in files start from
  std::string proxy;                 // whom to ask; "": each URL's own host
  std::string ca;                    // PEM file for https; "": the system's authorities
  double rate = 0;                   // requests a second; 0: no limit
  std::uint32_t concurrency = 8;
  std::vector<std::string> variants;
  bool quiet = false;
};
// Asks for pages so that they are in the cache; 1 where one of them failed.
int warm(const WarmOptions& options);

}  // namespace davenport::cli
