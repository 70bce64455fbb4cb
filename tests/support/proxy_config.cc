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

ProxyConfig& ProxyConfig::listen_proxy_protocol() {
  return listen("proxy_protocol = true");
}

ProxyConfig& ProxyConfig::listen_at(std::uint16_t port) {
  address_ = "127.0.0.1:" + std::to_string(port);
  return *this;
}

ProxyConfig& ProxyConfig::listen(const std::string& line) {
  listen_ += line + "\n";
  return *this;
}

ProxyConfig& ProxyConfig::listen_tls(const std::vector<CertificateFiles>& certificates) {
  std::string list;
  for (const CertificateFiles& files : certificates) {
    list += (list.empty() ? "" : ", ") + std::string("{ certificate = \"") + files.certificate + "\", key = \"" + files.key + "\" }";
  }
  return listen("tls.certificates = [" + list + "]");
}

std::string ProxyConfig::text() const {
  std::vector<Table> tables = tables_;
  const auto set_default = [&](const std::string& table, const std::string& key, const std::string& line) {
    std::string& lines = lines_of(tables, table);
    if (lines.find(key) == std::string::npos) lines = line + "\n" + lines;
  };
  set_default("admin", "address", "address = \"127.0.0.1:0\"");
  set_default("shutdown", "timeout", "timeout = \"1s\"");
  std::string out;
  if (listen_.empty()) out += "listen = [\"" + address_ + "\"]\n";
  if (top_.find("workers") == std::string::npos) out += "workers = 2\n";
  out += top_;
  if (!listen_.empty()) out += "\n[[listen]]\naddress = \"" + address_ + "\"\n" + listen_;
  for (const Table& table : tables) out += "\n[" + table.name + "]\n" + table.lines;
  for (const std::vector<Table>& route : routes_) {
    for (const Table& table : route) {
      const bool listed = table.name == "route" || table.name == "route.header";
      out += (listed ? "\n[[" + table.name + "]]\n" : "\n[" + table.name + "]\n") + table.lines;
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
