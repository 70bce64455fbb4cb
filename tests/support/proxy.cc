#include "support/proxy.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#ifndef DAVENPORT_BINARY
#define DAVENPORT_BINARY ""
#endif

namespace davenport::testing {
namespace {

// "… listening on http://127.0.0.1:41234" → 41234; 0 where the log does not say it yet.
std::uint16_t port_after(const std::string& log, const std::string& words) {
  const std::size_t at = log.find(words);
  if (at == std::string::npos) return 0;
  const std::size_t end = log.find_first_of("\r\n", at);
  if (end == std::string::npos) return 0;
  const std::string line = log.substr(at, end - at);
  return static_cast<std::uint16_t>(std::atoi(line.c_str() + line.rfind(':') + 1));
}

std::size_t count_of(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  char hex[4];
  for (const unsigned char c : text) {
    if (std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == '/' || c == ':') {
      out += static_cast<char>(c);
    } else {
      std::snprintf(hex, sizeof hex, "%%%02X", c);
      out += hex;
    }
  }
  return out;
}

// name{a="b",c="d"} 12: does the sample carry all these labels?
bool has_labels(const std::string& sample, const std::map<std::string, std::string>& labels) {
  for (const auto& [name, value] : labels) {
    const std::string label = name + "=\"" + value + "\"";
    if (sample.find("{" + label) == std::string::npos && sample.find("," + label) == std::string::npos) return false;
  }
  return true;
}

}  // namespace

std::string Proxy::binary() {
  const char* from_environment = std::getenv("DAVENPORT_BIN");
  return from_environment != nullptr ? from_environment : DAVENPORT_BINARY;
}

std::string sanitizer_report(const std::string& log) {
  for (const char* sign : {"ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                           "Assertion `", "terminate called"}) {
    if (const std::size_t at = log.find(sign); at != std::string::npos) return log.substr(at, 6000);
  }
  return "";
}

Proxy::Proxy(const std::string& toml, AdminClient admin_client) : admin_client_(std::move(admin_client)) {
  write_file(dir_.file("davenport.toml"), toml);
  process_.emplace(std::vector<std::string>{binary(), "run", dir_.file("davenport.toml")},
                   dir_.file("stdout"), dir_.file("log"));
  try {
    find_ports();
    await_condition("/readyz", [this] {
      if (!process_->running()) throw std::runtime_error("the proxy has ended");
      const RawResponse answer = admin("GET", "/readyz");
      return answer.status == 200 || answer.body.find("no origin server available") != std::string::npos;
    });
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string("the proxy did not start: ") + error.what() + "\n--- configuration\n" + toml +
                             "--- log\n" + log());
  }
}

void Proxy::find_ports() {
  await_condition("the ports in its log", [this] {
    if (!process_->running()) throw std::runtime_error("it ended at once");
    const std::string text = log();
    port_ = port_after(text, "listening on ");
    admin_port_ = port_after(text, "admin on ");
    return port_ != 0 && admin_port_ != 0;
  });
}

Proxy::~Proxy() {
  try {
    const int status = terminate();
    CHECK_MESSAGE(status == 0, "the proxy's exit status");
  } catch (const TimedOut& timeout) {
    ADD_FAIL_CHECK_AT("proxy", 0, std::string(timeout.what()));
    process_->signal(SIGABRT);
  }
  const std::string text = log();
  const std::string report = sanitizer_report(text);
  if (!report.empty()) ADD_FAIL_CHECK_AT("proxy", 0, report);
  if (!current_test_failed()) return;
  dir_.keep();
  std::cerr << "--- log of the proxy (kept in " << dir_.path() << ")\n"
            << (text.size() > 8000 ? text.substr(text.size() - 8000) : text) << "---\n";
}

RawResponse Proxy::get(const std::string& target, const FieldLines& fields) const {
  return client().get(target, fields);
}

RawResponse Proxy::request(const std::string& method, const std::string& target, const FieldLines& fields,
                           const std::string& body) const {
  return client().request(method, target, fields, body);
}

Clients Proxy::start_gets(int count, const std::string& target, const FieldLines& fields) const {
  Clients clients;
  for (int i = 0; i < count; ++i) {
    Client one = client();
    one.send_request("GET", target, fields);
    clients.add(std::move(one));
  }
  return clients;
}

RawResponse Proxy::admin(const std::string& method, const std::string& target, const std::string& body,
                         const FieldLines& fields) const {
  FieldLines all{{"host", "127.0.0.1:" + std::to_string(admin_port_)}, {"connection", "close"}};
  if (!body.empty() && !fields.has("content-type")) all.add("content-type", "application/json");
  Client client = admin_client_ ? admin_client_(admin_port_) : Client(admin_port_);
  return client.request(method, target, all.add(fields), body);
}

std::string Proxy::explain(const std::string& url) const {
  return admin("GET", "/explain?url=" + percent_encoded(url)).body;
}

std::optional<double> Proxy::metric(const std::string& name, const std::map<std::string, std::string>& labels) const {
  std::istringstream lines(admin("GET", "/metrics").body);
  std::optional<double> sum;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::string bare = line.substr(0, line.find_first_of("{ "));
    bool same = false;
    for (const char* before : {"", "davenport_"}) {
      for (const char* after : {"", "_total"}) same = same || bare == before + name + after;
    }
    if (same && has_labels(line, labels)) sum = sum.value_or(0) + std::atof(line.c_str() + line.rfind(' ') + 1);
  }
  return sum;
}

void Proxy::await_metric(const std::string& name, double value, const std::map<std::string, std::string>& labels) const {
  try {
    await_condition("metric " + name, [&] { return metric(name, labels) == value; });
  } catch (const TimedOut&) {
    const std::optional<double> last = metric(name, labels);
    throw TimedOut("metric " + name + " to be " + std::to_string(value) + "; it is " +
                   (last ? std::to_string(*last) : "not there"));
  }
}

// With port 0 as before: the addresses are the same as those it runs with, and those are settings that a reload keeps.
void Proxy::write_config(const std::string& toml) { write_file(dir_.file("davenport.toml"), toml); }

void Proxy::reload() {
  const auto mentions = [this] { return count_of(log(), "reload"); };
  const std::size_t before = mentions();
  signal(SIGHUP);
  await_condition("the log to speak of the reload", [&] { return mentions() > before; });
}

int Proxy::terminate() {
  signal(SIGTERM);
  return process_->await_exit();
}

void Proxy::await_log(const std::string& text) const {
  await_condition("the log to say \"" + text + "\"", [&] { return log().find(text) != std::string::npos; });
}

std::uint64_t Proxy::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(process_->pid()) + "/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t Proxy::open_files() const {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process_->pid()) + "/fd")) {
    ++count;
  }
  return count;
}

}  // namespace davenport::testing
