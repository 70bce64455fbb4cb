// tests/support/proxy.h: the real binary, started on free ports with a configuration of the test's.
//     Proxy proxy(config_for(origin));
//     const RawResponse response = proxy.get("/milk");
// Start   waits for its ports on standard error and for /readyz (that every origin is out is no reason to wait longer); throws with
//         its log when it does not come up.
// End     SIGTERM; its exit status must be 0 and its log free of sanitizer reports, or the test fails.
// Log     printed, and its directory kept, when the test failed.
// Binary  $DAVENPORT_BIN, else the one that was built beside the tests.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "support/client.h"
#include "support/process.h"
#include "support/proxy_config.h"

namespace davenport::testing {

class Proxy {
 public:
  // `admin`: how the admin interface is connected to, where that is not plain TCP.
  using AdminClient = std::function<Client(std::uint16_t port)>;
  explicit Proxy(const ProxyConfig& config, AdminClient admin = {}) : Proxy(config.text(), std::move(admin)) {}
  explicit Proxy(const std::string& toml, AdminClient admin = {});
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t admin_port() const { return admin_port_; }
  Client client() const { return Client(port_); }

  // One request on a connection of its own.
  RawResponse get(const std::string& target, const FieldLines& fields = {}) const;
  RawResponse request(const std::string& method, const std::string& target, const FieldLines& fields = {},
                      const std::string& body = "") const;
  Clients start_gets(int count, const std::string& target, const FieldLines& fields = {}) const;

  RawResponse admin(const std::string& method, const std::string& target, const std::string& body = "",
                    const FieldLines& fields = {}) const;
  RawResponse purge(const std::string& json) const { return admin("POST", "/purge", json); }
  std::string explain(const std::string& url) const;      // the body of GET /explain?url=…

  // The sum of the samples with these labels; nullopt where there is none. `name` with or without "davenport_", "_total".
  std::optional<double> metric(const std::string& name, const std::map<std::string, std::string>& labels = {}) const;
  void await_metric(const std::string& name, double value, const std::map<std::string, std::string>& labels = {}) const;

  void write_config(const ProxyConfig& config) { write_config(config.text()); }
  void write_config(const std::string& toml);             // for the next reload
  void signal(int number) { process_->signal(number); }
  void reload();                                          // SIGHUP, and waits until its log says how that went
  int terminate();                                        // SIGTERM, and its exit status
  bool running() { return process_->running(); }
  void await_log(const std::string& text) const;
  std::string log() const { return read_file(dir_.file("log")); }
  std::string standard_output() const { return read_file(dir_.file("stdout")); }
  std::string file(const std::string& name) const { return dir_.file(name); }

  std::uint64_t resident_bytes() const;
  std::size_t open_files() const;

  static std::string binary();

 private:
  void find_ports();
  const AdminClient admin_client_;
  TempDir dir_;
  std::optional<Process> process_;
  std::uint16_t port_ = 0, admin_port_ = 0;
  bool ended_ = false;
};

// What a sanitizer wrote in a log, "" where there is no report.
std::string sanitizer_report(const std::string& log);

}  // namespace davenport::testing
