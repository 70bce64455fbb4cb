// The chunked transfer coding (RFC 9112 §7.1), a line or a run of content at a time.
#include <algorithm>
#include <optional>

#include "core/http/bytes.h"
#include "core/http/field_line.h"
#include "core/http/parser.h"

namespace davenport::http {
namespace {

using detail::LineState;

constexpr std::ptrdiff_t kChunkDigits = 16;     // of 64 bits; more are zeros that nobody needs
constexpr std::uint64_t kLargestChunk = std::uint64_t{1} << 62;

// Fields that decide framing, routing or the connection come too late in a trailer (RFC 9110 §6.5.1).
constexpr std::uint64_t kNotInTrailers =
    field_bit(FieldId::content_length) | field_bit(FieldId::transfer_encoding) | field_bit(FieldId::host) |
    field_bit(FieldId::connection) | field_bit(FieldId::te) | field_bit(FieldId::trailer) |
    field_bit(FieldId::upgrade) | field_bit(FieldId::expect);

const char* skip_spaces(const char* p, const char* end) {
  while (p != end && (*p == ' ' || *p == '\t')) ++p;
  return p;
}

// From the opening quote to behind the closing one; null where it is broken before `end` (RFC 9110 §5.6.4).
const char* skip_quoted(const char* p, const char* end) {
  for (++p; p != end; ++p) {
    if (*p == '"') return p + 1;
    if (*p == '\\' && ++p == end) return nullptr;
    if (!bytes::is(*p, bytes::kValue)) return nullptr;
  }
  return nullptr;
}

// *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), all of [p, end) (RFC 9112 §7.1.1).
bool are_extensions(const char* p, const char* end) {
  while (p != end) {
    p = skip_spaces(p, end);
    if (p == end || *p != ';') return false;
    p = skip_spaces(p + 1, end);
    const char* const name = p;
    p = bytes::skip(p, end, bytes::kToken);
    if (p == name) return false;
    const char* const equals = skip_spaces(p, end);
    if (equals == end || *equals != '=') continue;
    p = skip_spaces(equals + 1, end);
    if (p != end && *p == '"') {
      p = skip_quoted(p, end);
      if (p == nullptr) return false;
    } else {
      const char* const value = p;
      p = bytes::skip(p, end, bytes::kToken);
      if (p == value) return false;
    }
  }
  return true;
}

// A whole chunk line without its CRLF, or as much as the limit leaves of it.
std::optional<ParseFault> read_chunk_line(const char* p, const char* end, std::uint64_t& size) {
  const char* const digits = p;
  std::uint64_t number = 0;
  for (; p != end; ++p) {
    const int digit = bytes::hex_value(*p);
    if (digit < 0) break;
    if (number >= kLargestChunk >> 4) return ParseFault::bad_chunk_size;
    number = number << 4 | static_cast<unsigned>(digit);
  }
  size = number;
  if (p == digits || p - digits > kChunkDigits) return ParseFault::bad_chunk_size;
  if (p == end) return std::nullopt;
  if (*p != ';' && *p != ' ' && *p != '\t') return ParseFault::bad_chunk_size;
  const char* const semicolon = skip_spaces(p, end);
  if (semicolon == end || *semicolon != ';') return ParseFault::bad_chunk_size;
  if (!are_extensions(p, end)) return ParseFault::bad_chunk_extension;
  return std::nullopt;
}

// A line of up to seven digits and CRLF, as nearly all are: its size in bytes, or 0 where it is something else.
std::size_t read_plain_size(std::string_view bytes, std::uint64_t& size) {
  std::size_t at = 0;
  std::uint64_t number = 0;
  for (; at < bytes.size() && at < 8; ++at) {
    const int digit = bytes::hex_value(bytes[at]);
    if (digit < 0) break;
    number = number << 4 | static_cast<unsigned>(digit);
  }
  if (at == 0 || at == 8 || bytes.size() - at < 2 || bytes[at] != '\r' || bytes[at + 1] != '\n') return 0;
  size = number;
  return at + 2;
}

ChunkedDecoder::Step failed(ParseFault fault) { return {ParseState::error, 0, {}, fault}; }

}  // namespace

void ChunkedDecoder::reset() { *this = ChunkedDecoder(*limits_); }

ChunkedDecoder::Step ChunkedDecoder::feed(std::string_view bytes, Fields& trailers) {
  Step step;
  while (true) {
    const std::string_view rest = bytes.substr(step.consumed);
    switch (phase_) {
      case Phase::size_line:
        if (!read_size_line(rest, step)) return step;
        break;
      case Phase::content: {
        const std::size_t run = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
        if (run == 0) return step;
        step.content = rest.substr(0, run);
        step.consumed += run;
        step.state = ParseState::content;
        left_ -= run;
        if (left_ == 0) phase_ = Phase::content_end;
        return step;
      }
      case Phase::content_end:
        if (!read_content_end(rest, step)) return step;
        break;
      case Phase::trailers:
        if (!read_trailers(rest, trailers, step)) return step;
        break;
      case Phase::done:
        step.state = ParseState::done;
        return step;
    }
  }
}

bool ChunkedDecoder::read_size_line(std::string_view bytes, Step& step) {
  if (looked_ == 0) {
    if (const std::size_t taken = read_plain_size(bytes, left_)) {
      step.consumed += taken;
      phase_ = left_ == 0 ? Phase::trailers : Phase::content;
      return true;
    }
  }
  const std::string_view seen = bytes.substr(0, kChunkLineBytes);
  const char* const begin = seen.data();
  const char* const end = begin + seen.size();
  const char* const stop = bytes::skip_value(begin + std::min(looked_, seen.size()), end);
  std::optional<ParseFault> fault;
  if (stop == end || (*stop == '\r' && stop + 1 == end)) {
    looked_ = static_cast<std::size_t>(stop - begin);
    if (seen.size() < kChunkLineBytes) return false;
    fault = ParseFault::chunk_line_too_long;
  } else if (*stop != '\r') {
    fault = detail::fault_of_byte(*stop, ParseFault::bad_chunk_size);
  } else if (stop[1] != '\n') {
    fault = ParseFault::bare_cr;
  } else {
    fault = read_chunk_line(begin, stop, left_);
  }
  if (fault) {
    step = failed(*fault);
    return false;
  }
  step.consumed += static_cast<std::size_t>(stop - begin) + 2;
  looked_ = 0;
  phase_ = left_ == 0 ? Phase::trailers : Phase::content;
  return true;
}

bool ChunkedDecoder::read_content_end(std::string_view bytes, Step& step) {
  if (bytes.empty()) return false;
  if (bytes[0] != '\r') {
    step = failed(bytes[0] == '\n' ? ParseFault::bare_lf : ParseFault::bad_chunk_size);
    return false;
  }
  if (bytes.size() == 1) return false;
  if (bytes[1] != '\n') {
    step = failed(ParseFault::bare_cr);
    return false;
  }
  step.consumed += 2;
  phase_ = Phase::size_line;
  return true;
}

bool ChunkedDecoder::read_trailers(std::string_view bytes, Fields& trailers, Step& step) {
  const std::size_t room = limits_->head_bytes - trailer_bytes_;
  const std::string_view seen = bytes.substr(0, room);
  const bool full = seen.size() == room;
  const char* const end = seen.data() + seen.size();
  const char* const stop = bytes::skip_value(seen.data() + std::min(looked_, seen.size()), end);
  looked_ = static_cast<std::size_t>(stop - seen.data());
  if (!full && (stop == end || (*stop == '\r' && stop + 1 == end))) return false;

  const char* p = seen.data();
  Field field;
  ParseFault fault{};
  switch (detail::read_field_line(p, end, field, fault)) {
    case LineState::need_more:
      if (full) step = failed(ParseFault::head_too_large);
      return false;
    case LineState::fault: step = failed(fault); return false;
    case LineState::end_of_head: phase_ = Phase::done; break;
    case LineState::field:
      if (field_bit(field.id) & kNotInTrailers) {
        step = failed(ParseFault::bad_trailer);
        return false;
      }
      if (trailers.size() >= limits_->field_count) {
        step = failed(ParseFault::too_many_fields);
        return false;
      }
      trailers.add_copy(field.name, field.value);
      break;
  }
  const auto taken = static_cast<std::size_t>(p - seen.data());
  step.consumed += taken;
  trailer_bytes_ += taken;
  looked_ = 0;
  return true;
}

}  // namespace davenport::http
