// core/http/framing.h: the fields that decide where a message ends and what becomes of its connection, read with one
// hand for requests and responses: Content-Length and Transfer-Encoding (RFC 9112 §6), Connection (RFC 9110 §7.6.1).
//     if (auto fault = facts.read_connection(value, kRequest)) return *fault;      // for each line, as it comes
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/fields.h"
#include "core/http/parse_fault.h"

namespace davenport::http {

// A peer may not declare as meant for one hop what decides framing or routing, says who asks and what may be kept, or is what a proxy adds:
// a Connection field that names one would have us strip it.
bool request_connection_may_name(std::string_view name);
bool response_connection_may_name(std::string_view name);   

// What the Connection and Transfer-Encoding lines of one message said so far.
struct ConnectionFacts {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool names_fields = false;     // Connection names fields that are for this hop alone
  bool chunked = false;          // the last coding read
  bool unknown_coding = false;   // one before it that we do not know

  // A list of tokens; `may_name` judges each.
  std::optional<ParseFault> read_connection(std::string_view value, bool (*may_name)(std::string_view));
  // At the end of the head: what Connection names is taken out, so that it has no part in anything: not in a key, a variant or a decision,
  // for nobody behind us sees it.
  void remove_named(Fields& fields) const;
  // A list of codings without empty members; chunked once, last, and without parameters.
  std::optional<ParseFault> read_transfer_encoding(std::string_view value);
  // Of all lines together, at the end of the head: only a final chunked, in HTTP/1.1, without a Content-Length.
  std::optional<ParseFault> check_transfer_encoding(const Fields& fields, std::uint8_t minor) const;
};

// Digits alone, up to 2^63 - 1; a list is a repetition, also of equal members.
std::optional<ParseFault> read_content_length(std::string_view value, std::uint64_t& length);

}  // namespace davenport::http
