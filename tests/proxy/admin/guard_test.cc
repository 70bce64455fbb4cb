#include "proxy/admin/guard.h"

#include <doctest/doctest.h>

#include <string>

#include "core/http/parser.h"

using namespace davenport;
using namespace davenport::admin;

namespace {

Entry entry(const std::string& request_line, const std::string& fields, std::string_view token, bool unix_socket = false) {
  const std::string bytes = request_line + " HTTP/1.1\r\n" + fields + "\r\n";
  const http::HeadLimits limits;
  http::RequestParser parser(limits);
  http::RequestHead head;
  REQUIRE(parser.parse(bytes, head).state == http::ParseState::done);
  return check_entry(head, token, unix_socket);
}

}  // namespace

TEST_CASE("with a token, whoever has it may enter, and nobody else (RFC 6750 §2.1)") {
  struct Row { const char* fields; Entry entry; };
  for (const Row& row : {
           Row{"Authorization: Bearer s3cret\r\n", Entry::allowed}, Row{"Authorization: bearer s3cret\r\n", Entry::allowed},
           Row{"Authorization: BEARER   s3cret\r\n", Entry::allowed}, Row{"", Entry::no_token},
           Row{"Authorization: Bearer s3cre\r\n", Entry::no_token}, Row{"Authorization: Bearer s3crets\r\n", Entry::no_token},
           Row{"Authorization: Bearer S3cret\r\n", Entry::no_token}, Row{"Authorization: Bearer \r\n", Entry::no_token},
           Row{"Authorization: Bearer\r\n", Entry::no_token}, Row{"Authorization: Basic s3cret\r\n", Entry::no_token},
           Row{"Authorization: s3cret\r\n", Entry::no_token},
           Row{"Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", Entry::no_token}}) {
    CAPTURE(row.fields);
    for (const bool unix_socket : {false, true}) {
      CHECK(entry("GET /metrics", "Host: admin.shop.test\r\n" + std::string(row.fields), "s3cret", unix_socket) == row.entry);
    }
  }
}

TEST_CASE("without a token, only an address or localhost in Host may enter: a page's own name may lead here (DNS rebinding)") {
  struct Row { const char* host; Entry entry; };
  for (const Row& row : {
           Row{"127.0.0.1:9090", Entry::allowed}, Row{"127.0.0.1", Entry::allowed}, Row{"[::1]:9090", Entry::allowed},
           Row{"localhost:9090", Entry::allowed}, Row{"LocalHost", Entry::allowed}, Row{"10.1.2.3", Entry::allowed},
           Row{"evil.test:9090", Entry::foreign_host}, Row{"localhost.evil.test", Entry::foreign_host},
           Row{"127.0.0.1.evil.test", Entry::foreign_host}, Row{"0x7f000001", Entry::foreign_host},
           Row{"127.1", Entry::foreign_host}, Row{"2130706433", Entry::foreign_host}}) {
    CAPTURE(row.host);
    CHECK(entry("POST /purge", "Host: " + std::string(row.host) + "\r\n", "") == row.entry);
    CHECK(entry("POST /purge", "Host: " + std::string(row.host) + "\r\n", "", true) == Entry::allowed);
  }
  CHECK(entry("GET http://evil.test/metrics", "Host: evil.test\r\n", "") == Entry::foreign_host);
}

TEST_CASE("without a token, no web page may enter, whatever its Host") {
  const std::string host = "Host: 127.0.0.1:9090\r\n";
  struct Row { const char* fields; Entry entry; };
  for (const Row& row : {
           Row{"Origin: http://evil.test\r\n", Entry::foreign_origin}, Row{"Origin: null\r\n", Entry::foreign_origin},
           Row{"Origin: https://127.0.0.1:9090\r\n", Entry::foreign_origin},
           Row{"Origin: http://127.0.0.1:9090\r\n", Entry::allowed},
           Row{"Sec-Fetch-Site: cross-site\r\n", Entry::foreign_origin}, Row{"Sec-Fetch-Site: same-site\r\n", Entry::foreign_origin},
           Row{"Sec-Fetch-Site: none\r\n", Entry::allowed}, Row{"Sec-Fetch-Site: same-origin\r\n", Entry::allowed}}) {
    CAPTURE(row.fields);
    CHECK(entry("POST /purge", host + row.fields, "") == row.entry);
    CHECK(entry("PURGE /milk", host + row.fields, "") == row.entry);
  }
  CHECK(entry("PURGE /milk", "Host: evil.test\r\nOrigin: http://evil.test\r\n", "") == Entry::foreign_origin);
  CHECK(entry("PURGE /milk", "Host: shop.test\r\n", "") == Entry::allowed);
}
