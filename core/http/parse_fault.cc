#include "core/http/parse_fault.h"

namespace davenport::http {
namespace {

struct FaultText {
  std::string_view name, text;
  int status;
};

// No default: a fault without a name does not build.
FaultText describe(ParseFault fault) {
  switch (fault) {
    case ParseFault::bad_request_line:        // RFC 9112 §3
      return {"bad_request_line",
              "The request line is not a method, a target and a version, each separated by one space.", 400};
    case ParseFault::bad_method:              // RFC 9110 §9.1
      return {"bad_method", "The method is not a token.", 400};
    case ParseFault::bad_target:              // RFC 9112 §3.2
      return {"bad_target", "The request target has none of the four forms, or holds a byte that may not stand there.",
              400};
    case ParseFault::bad_version:             // RFC 9112 §2.3
      return {"bad_version", "The protocol version is not of the form HTTP/1.1.", 400};
    case ParseFault::unsupported_version:     // RFC 9110 §15.6.6
      return {"unsupported_version", "This major version of HTTP is not spoken here.", 505};
    case ParseFault::bad_status_line:         // RFC 9112 §4
      return {"bad_status_line", "The status line is not a version, a status from 100 to 599 and a reason.", 400};
    case ParseFault::bad_field_name:          // RFC 9112 §5
      return {"bad_field_name", "A field line has no name, or one that is not a token.", 400};
    case ParseFault::space_before_colon:      // RFC 9112 §5.1
      return {"space_before_colon", "White space stands between a field's name and its colon.", 400};
    case ParseFault::bad_field_value:         // RFC 9110 §5.5
      return {"bad_field_value", "A field's value holds a byte that may not stand there.", 400};
    case ParseFault::obs_fold:                // RFC 9112 §5.2
      return {"obs_fold", "A field line begins with white space.", 400};
    case ParseFault::bare_cr:                 // RFC 9112 §2.2
      return {"bare_cr", "A CR is not followed by LF.", 400};
    case ParseFault::bare_lf:                 // RFC 9112 §2.2: a recipient may accept it; we do not
      return {"bare_lf", "A line ends in LF without CR.", 400};
    case ParseFault::control_byte:            // RFC 9110 §5.5
      return {"control_byte", "The head holds a control byte.", 400};
    case ParseFault::bad_host:                // RFC 9112 §3.2
      return {"bad_host", "Host is not a host and a port, or differs from the target's.", 400};
    case ParseFault::missing_host:            // RFC 9112 §3.2
      return {"missing_host", "An HTTP/1.1 request needs a Host field.", 400};
    case ParseFault::repeated_host:           // RFC 9112 §3.2
      return {"repeated_host", "There is more than one Host field.", 400};
    case ParseFault::bad_content_length:      // RFC 9112 §6.3
      return {"bad_content_length", "Content-Length is not a number.", 400};
    case ParseFault::repeated_content_length: // RFC 9112 §6.3; equal ones too
      return {"repeated_content_length", "There is more than one Content-Length.", 400};
    case ParseFault::length_with_transfer_encoding:   // RFC 9112 §6.1
      return {"length_with_transfer_encoding", "Content-Length and Transfer-Encoding stand side by side.", 400};
    case ParseFault::bad_transfer_encoding:   // RFC 9112 §6.1
      return {"bad_transfer_encoding",
              "Transfer-Encoding is not a list that ends in one chunked, or stands in HTTP/1.0.", 400};
    case ParseFault::unknown_transfer_coding: // RFC 9112 §6.1
      return {"unknown_transfer_coding", "A transfer coding other than chunked is not spoken here.", 501};
    case ParseFault::bad_connection:          // RFC 9110 §7.6.1
      return {"bad_connection", "Connection is not a list of names, or names a field that is not for one hop.", 400};
    case ParseFault::bad_expect:              // RFC 9110 §10.1.1
      return {"bad_expect", "The only expectation met here is 100-continue.", 417};
    case ParseFault::head_too_large:          // RFC 6585 §5
      return {"head_too_large", "The head is larger than the limit.", 431};
    case ParseFault::too_many_fields:         // RFC 6585 §5
      return {"too_many_fields", "The head has more fields than the limit.", 431};
    case ParseFault::target_too_long:         // RFC 9110 §15.5.15
      return {"target_too_long", "The request target is longer than the limit.", 414};
    case ParseFault::bad_chunk_size:          // RFC 9112 §7.1
      return {"bad_chunk_size", "A chunk's size is not a hexadecimal number, or its data does not end where it says.",
              400};
    case ParseFault::bad_chunk_extension:     // RFC 9112 §7.1.1
      return {"bad_chunk_extension", "A chunk's extension is not a name with an optional token or quoted string.", 400};
    case ParseFault::bad_trailer:             // RFC 9110 §6.5.1
      return {"bad_trailer", "The trailer section holds a field that decides framing or routing.", 400};
    case ParseFault::chunk_line_too_long:     // RFC 9112 §7.1.1
      return {"chunk_line_too_long", "A chunk's size and extensions are longer than the limit.", 400};
    case ParseFault::bad_pseudo_field:        // RFC 9113 §8.3
      return {"bad_pseudo_field", "A pseudo-field is missing, unknown, repeated, empty, or not in its place.", 400};
    case ParseFault::connection_field:        // RFC 9113 §8.2.2
      return {"connection_field", "A field that concerns a connection has no place in HTTP/2.", 400};
    case ParseFault::bad_te:                  // RFC 9113 §8.2.2
      return {"bad_te", "TE may say nothing but \"trailers\" in HTTP/2.", 400};
    case ParseFault::unknown_protocol:        // RFC 8441 §4
      return {"unknown_protocol", "The only protocol that an extended CONNECT leads to here is websocket.", 501};
  }
  return {"", "", 400};
}

}  // namespace

std::string_view name_of(ParseFault fault) { return describe(fault).name; }
std::string_view text_of(ParseFault fault) { return describe(fault).text; }
int status_of(ParseFault fault) { return describe(fault).status; }

}  // namespace davenport::http
