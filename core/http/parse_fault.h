// core/http/parse_fault.h: why bytes were refused as a message. One value for each rule, given where it is checked.
#pragma once
#include <cstdint>
#include <string_view>

namespace davenport::http {

// Why a message was refused. Each value has a name that logs and metrics print, a status, and the rule it stands for.
enum class ParseFault : std::uint8_t {
  bad_request_line, bad_method, bad_target, bad_version, unsupported_version, bad_status_line, bad_field_name,
  space_before_colon, bad_field_value, obs_fold, bare_cr, bare_lf, control_byte, bad_host, missing_host, repeated_host,
  bad_content_length, repeated_content_length, length_with_transfer_encoding, bad_transfer_encoding,
  unknown_transfer_coding, bad_connection, bad_expect, head_too_large, too_many_fields, target_too_long,
  bad_chunk_size, bad_chunk_extension, bad_trailer, chunk_line_too_long,
  bad_pseudo_field, connection_field, bad_te, unknown_protocol,
};
std::string_view name_of(ParseFault fault);      // "bad_host"
std::string_view text_of(ParseFault fault);      // one sentence for the client and the log
int status_of(ParseFault fault);                 // 400, 414, 417, 431, 501, 505: what a client's request gets

}  // namespace davenport::http
