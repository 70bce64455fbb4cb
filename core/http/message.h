// core/http/message.h: the heads of requests and responses, parsed and checked. What stands here is safe to forward:
// serializer.h writes it anew; bytes of a peer are never copied through.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/fields.h"

namespace davenport::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch, purge, ban, other };

Method method_of(std::string_view name);   // case-sensitive (RFC 9110 §9.1)
bool is_safe(Method method);               // RFC 9110 §9.2.1: GET, HEAD, OPTIONS, TRACE
bool is_idempotent(Method method);         // RFC 9110 §9.2.2: the safe ones, PUT, DELETE

enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };  // RFC 9112 §3.2

// How a message's body is delimited (RFC 9112 §6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

// A request head. Views borrow from the parsed buffer; rebase() follows it when it moves.
struct RequestHead {
  Method method = Method::get;
  std::string_view method_name;
  TargetForm form = TargetForm::origin;
  std::string_view target;      // as it came
  std::string_view scheme;      // of absolute-form only, else ""
  std::string_view authority;   // host[:port]: of the target in absolute-form, else of Host; "" for 1.0 without Host
  std::string_view path;        // begins with "/"; "*" for asterisk-form; "/" where an absolute target has none
  std::string_view query;       // without "?"; see has_query
  bool has_query = false;
  std::uint8_t major = 1;       // 1 or 2; with 2, `minor` is 1: what HTTP/1.1 may have, HTTP/2 may too
  std::uint8_t minor = 1;       // HTTP/1.minor: 0 or 1 (a higher one is read as 1, RFC 9110 §2.5)
  Framing framing = Framing::none;    // HTTP/2: chunked stands for a body of unknown length
  std::uint64_t content_length = 0;   // with Framing::length
  bool keep_alive = true;       // RFC 9112 §9.3
  bool expect_continue = false; // RFC 9110 §10.1.1
  bool wants_upgrade = false;   // Connection: upgrade and an Upgrade field (to no other HTTP), HTTP/1.1; extended CONNECT (RFC 8441)
  Fields fields;

  void clear();                 // keeps capacity
  void rebase(const char* old_base, std::size_t size, const char* new_base);
};

struct ResponseHead {
  std::uint16_t status = 0;     // 100 to 599; others are an error
  std::string_view reason;      // may be empty
  std::uint8_t minor = 1;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;   // with Framing::length; for HEAD and 304 what the field says, framing none
  bool keep_alive = true;
  Fields fields;

  void clear();
  void rebase(const char* old_base, std::size_t size, const char* new_base);
};

std::string_view reason_phrase(int status);   // "OK"; "" where no RFC names one

}  // namespace davenport::http
