// tests/support/proxy_config.h: a configuration as TOML text, put together line by line.
//     ProxyConfig config = config_for(origin);
//     config.add("route.cache", "stale_if_slow = \"0s\"").add("limits", "body = \"1KiB\"");
// Tables  "" is the top of the file; "route", "route.cache" and "route.header" (one rule) speak of the last route begun. What is not said is the
//         product's default, but for ports (free ones), a short shutdown, and two workers.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/origin.h"

namespace davenport::testing {

class ProxyConfig {
 public:
  ProxyConfig& add(const std::string& table, const std::string& line);
  ProxyConfig& listen_proxy_protocol();                      // every connection begins with a PROXY header
  ProxyConfig& listen(const std::string& line);              // a line of the one [[listen]] table
  ProxyConfig& listen_at(std::uint16_t port);                // instead of a free one
  ProxyConfig& listen_tls(const std::vector<CertificateFiles>& certificates);
  ProxyConfig& origin(const std::string& name, const std::vector<std::string>& servers);
  ProxyConfig& route(const std::string& line = "");          // begins another [[route]]
  std::string text() const;

 private:
  struct Table {
    std::string name, lines;
  };
  static std::string& lines_of(std::vector<Table>& tables, const std::string& name);
  std::string top_;
  std::string address_ = "127.0.0.1:0", listen_;
  std::vector<Table> tables_;
  std::vector<std::vector<Table>> routes_;
};

// One origin "app" of one server, and one route for everything.
ProxyConfig config_for(const Origin& origin);
ProxyConfig config_for_server(const std::string& address);

}  // namespace davenport::testing
