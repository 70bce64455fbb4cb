#include "support/proxy_config.h"

namespace davenport::testing {

std::string& ProxyConfig::lines_of(std::vector<Table>& tables, const std::string& name) {
  for (Table& table : tables) {
    if (table.name == name) return table.lines;
  }
  return tables.emplace_back(Table{name, ""}).lines;
}

ProxyConfig& ProxyConfig::add(const std::string& table, const std::string& line) {
  if (table.empty()) {
    top_ += line + "\n";
  } else if (table == "route" || table.starts_with("route.")) {
    lines_of(routes_.back(), table) += line + "\n";
  } else {
    lines_of(tables_, table) += line + "\n";
  }
  return *this;
}

ProxyConfig& ProxyConfig::origin(const std::string& name, const std::vector<std::string>& servers) {
  std::string list;
  for (const std::string& server : servers) list += (list.empty() ? "\"" : ", \"") + server + "\"";
  return add("origin." + name, "servers = [" + list + "]");
}

ProxyConfig& ProxyConfig::route(const std::string& line) {
  routes_.push_back({Table{"route", ""}});
  if (!line.empty()) add("route", line);
  return *this;
}

std::string ProxyConfig::text() const {
  std::string out = "listen = " + listen_ + "\n" + top_;
  if (top_.find("workers") == std::string::npos) out += "workers = 2\n";
  if (top_.find("shutdown_timeout") == std::string::npos) out += "shutdown_timeout = \"1s\"\n";
  out += "\n[admin]\naddress = \"127.0.0.1:0\"\n";
  for (const Table& table : tables_) {
    out += (table.name == "admin" ? "" : "\n[" + table.name + "]\n") + table.lines;
    if (table.name == "admin") continue;
  }
  for (const std::vector<Table>& route : routes_) {
    for (const Table& table : route) {
      out += (table.name == "route" ? "\n[[route]]\n" : "\n[" + table.name + "]\n") + table.lines;
    }
  }
  return out;
}

ProxyConfig config_for(const Origin& origin) { return config_for_server(origin.address()); }

ProxyConfig config_for_server(const std::string& address) {
  ProxyConfig config;
  config.origin("app", {address});
  config.route("path = \"/\"").add("route", "origin = \"app\"");
  return config;
}

}  // namespace davenport::testing
