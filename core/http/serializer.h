// core/http/serializer.h: messages to bytes. Whatever is written here was checked by the parser or made by us; a name
// or value that could split a message (CR, LF, NUL) is a bug of ours and is asserted, never sent.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/message.h"

namespace davenport::http {

void append_request_line(std::string& out, std::string_view method, std::string_view target);  // HTTP/1.1
void append_status_line(std::string& out, int status, std::string_view reason = {});           // "" → reason_phrase()
// The line with which a head begins, its CRLF included; "" where that is a field.
std::string_view status_line_of(std::string_view head);
// The fields of a head that was written here, added to `out` as views into it.
void read_lines(std::string_view head, Fields& out);
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);
// All lines but those of the ids in `without` (field_bit()s).
void append_fields(std::string& out, const Fields& fields, std::uint64_t without = 0);
void append_chunk_size(std::string& out, std::uint64_t bytes);      // "1a\r\n"

// Hop-by-hop: what a proxy must not pass on (RFC 9110 §7.6.1): Connection and the names in it, Proxy-Connection,
// Keep-Alive, TE, Transfer-Encoding, Upgrade (and Proxy-Authenticate etc. where §3.1 of RFC 9111 says so).
// One look at the Connection field, then a test for each line. Borrows the fields' bytes; may be copied.
class HopByHop {
 public:
  explicit HopByHop(const Fields& fields);
  bool operator()(const Field& field) const;    // true: belongs to this hop only

 private:
  std::uint64_t ids_ = 0;       // hop-by-hop names of FieldId, those that Connection names included
  std::string scratch_;         // the Connection field's list, where it has several lines
  std::string_view single_;     // the same where it has one
  bool names_others_ = false;   // it names something that is no FieldId
};

// May a field be sent behind a body? Not what decides framing, routing or rights, changes the request, or says what the content is
// (RFC 9110 §6.5.1), nor what an origin that reads names as CGI variables takes for such a one.
bool may_trail(const Field& field);

}  // namespace davenport::http
