// tests/support/stage.h: one hostile act at a time, seen from all sides. A proxy with one worker stands before an origin that
// answers everything with a storable echo; a row says what the client sends, what it must get, every byte that the origin must
// get, and what is stored afterwards. How the connection goes on is checked as well.
//     Stage stage;
//     stage.play({"TE after CL (RFC 9112 §6.1)", post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), {400}});
// Refused  a row whose last answer is refused() closes the connection: nothing of what follows it is answered or forwarded.
//          Otherwise the connection stays, and its next request is answered with its own answer.
// Thread   the test's.
#pragma once
#include <string>
#include <vector>

#include "support/origin.h"
#include "support/proxy.h"

namespace davenport::testing {

// What the client gets, in order. An answer of the origin's comes whole with its body, those of our own are told by their status.
struct Got {
  Got(int code) : status(code) {}                                       // NOLINT: 400 alone reads well in a table
  Got(int code, std::string content) : status(code), body(std::move(content)), checks_body(true) {}
  int status;                        // 0: closed without an answer
  std::string body;
  bool checks_body = false;
};

struct Act {
  const char* name;                  // what is tried, and the section that forbids it
  std::string bytes;                 // from the client, at once
  std::vector<Got> gets;
  std::vector<std::string> origin = {};    // each request that the origin must get, to the byte; a trailing "…" leaves its rest open
  const char* stored = "";           // what GET /a is answered with from the store afterwards; "": nothing is stored there
  bool closes = true;                // the connection ends after the last answer
};

// Bytes of requests, for tables.
std::string line(const std::string& request_line);                             // with Host: shop.test
std::string get(const std::string& target, const std::string& field_lines = "");
std::string post(const std::string& field_lines, const std::string& body = "");
std::string chunked(const std::string& body);                                   // POST /a with Transfer-Encoding

// Bytes as the origin gets them: Host first, what is forwarded, Via and framing last. X-Request-Id, which is random, is left out.
std::string seen(const std::string& request_line, const std::string& fields_before_via = "", const std::string& fields_behind = "",
                 const std::string& body = "");

class Stage {
 public:
  Stage() : Stage(ProxyConfig{}) {}
  explicit Stage(const ProxyConfig& more);     // more settings for the proxy
  void play(const Act& act);
  // What a client gets from the store alone for GET `target` (RFC 9111 §5.2.1.7); "" where nothing is stored.
  std::string stored(const std::string& target, const FieldLines& fields = {}) const;
  // The requests that the origin got since the last look, each to the byte but for X-Request-Id.
  std::vector<std::string> take_seen();

  Origin origin;
  const Proxy& proxy() const { return *proxy_; }
  int acts() const { return acts_; }

 private:
  std::optional<Proxy> proxy_;
  std::size_t looked_at_ = 0;
  int acts_ = 0;
};

}  // namespace davenport::testing
