#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/http/message.h"
#include "core/http/parse_fault.h"

namespace davenport::http {
namespace {

TEST_CASE("methods are recognised by their exact names (RFC 9110 §9.1)") {
  struct Row { std::string_view name; Method method; bool safe, idempotent; };
  for (const Row& row : {
           Row{"GET", Method::get, true, true}, Row{"HEAD", Method::head, true, true},
           Row{"POST", Method::post, false, false},
           Row{"PUT", Method::put, false, true}, Row{"DELETE", Method::delete_, false, true},
           Row{"CONNECT", Method::connect, false, false}, Row{"OPTIONS", Method::options, true, true},
           Row{"TRACE", Method::trace, true, true}, Row{"PATCH", Method::patch, false, false},
           Row{"PURGE", Method::purge, false, false}, Row{"BAN", Method::ban, false, false},
           Row{"get", Method::other, false, false}, Row{"GETS", Method::other, false, false},
           Row{"PROPFIND", Method::other, false, false},
           Row{"", Method::other, false, false}, Row{"XET", Method::other, false, false},
           Row{"XXXX", Method::other, false, false},
           Row{"XXXXX", Method::other, false, false}, Row{"XXXXXX", Method::other, false, false},
           Row{"XXXXXXX", Method::other, false, false}}) {
    CAPTURE(row.name);
    CHECK(method_of(row.name) == row.method);
    CHECK(is_safe(row.method) == row.safe);
    CHECK(is_idempotent(row.method) == row.idempotent);
  }
}

TEST_CASE("statuses have the phrases of their RFC, unknown ones have none") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(103) == "Early Hints");
  CHECK(reason_phrase(413) == "Content Too Large");
  CHECK(reason_phrase(418) == "");
  CHECK(reason_phrase(299) == "");
  CHECK(reason_phrase(0) == "");
  int known = 0;
  for (int status = 0; status < 1000; ++status) known += !reason_phrase(status).empty();
  CHECK(known == 60);
}

TEST_CASE("a cleared request head is as new") {
  RequestHead head;
  head.method = Method::put;
  head.has_query = head.expect_continue = true;
  head.keep_alive = false;
  head.content_length = 5;
  head.path = "/x";
  head.fields.add("Age", "1");
  head.clear();
  CHECK(head.method == Method::get);
  CHECK(!head.has_query);
  CHECK(!head.expect_continue);
  CHECK(head.keep_alive);
  CHECK(head.content_length == 0);
  CHECK(head.path.empty());
  CHECK(head.fields.empty());
  ResponseHead response;
  response.status = 200;
  response.fields.add("Age", "1");
  response.clear();
  CHECK(response.status == 0);
  CHECK(response.fields.empty());
}

TEST_CASE("heads follow their buffer") {
  const std::string old = "GET /a?b http h X: y", moved = old;
  const auto at = [&](std::size_t from, std::size_t size) { return std::string_view(old).substr(from, size); };
  RequestHead head;
  head.method_name = at(0, 3);
  head.target = at(4, 4);
  head.path = at(4, 2);
  head.query = at(7, 1);
  head.scheme = at(9, 4);
  head.authority = at(14, 1);
  head.fields.add(at(16, 1), at(19, 1));
  head.rebase(old.data(), old.size(), moved.data());
  CHECK(head.method_name.data() == moved.data());
  CHECK(head.target.data() == moved.data() + 4);
  CHECK(head.path.data() == moved.data() + 4);
  CHECK(head.query.data() == moved.data() + 7);
  CHECK(head.scheme.data() == moved.data() + 9);
  CHECK(head.authority.data() == moved.data() + 14);
  CHECK(head.fields.find("x")->value.data() == moved.data() + 19);
  head.path = "/";                                        // of no buffer: stays
  const char* const constant = head.path.data();
  head.rebase(moved.data(), moved.size(), old.data());
  CHECK(head.path.data() == constant);
  ResponseHead response;
  response.reason = at(0, 3);
  response.rebase(old.data(), old.size(), moved.data());
  CHECK(response.reason.data() == moved.data());
}

TEST_CASE("every fault has a name of its own, a sentence and a client's status") {
  std::set<std::string_view> names, texts;
  for (int i = 0; i <= static_cast<int>(ParseFault::unknown_protocol); ++i) {
    const auto fault = static_cast<ParseFault>(i);
    CAPTURE(name_of(fault));
    CHECK(names.insert(name_of(fault)).second);
    CHECK(texts.insert(text_of(fault)).second);
    CHECK(text_of(fault).ends_with('.'));
    CHECK(name_of(fault).find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
  }
  struct Row { ParseFault fault; int status; };
  for (const Row& row : {Row{ParseFault::bad_host, 400}, Row{ParseFault::target_too_long, 414},
                         Row{ParseFault::bad_expect, 417},
                         Row{ParseFault::head_too_large, 431}, Row{ParseFault::too_many_fields, 431},
                         Row{ParseFault::unknown_transfer_coding, 501}, Row{ParseFault::unsupported_version, 505},
                         Row{ParseFault::bad_version, 400}, Row{ParseFault::obs_fold, 400},
                         Row{ParseFault::bad_transfer_encoding, 400}}) {
    CAPTURE(name_of(row.fault));
    CHECK(status_of(row.fault) == row.status);
  }
}

}  // namespace
}  // namespace davenport::http
