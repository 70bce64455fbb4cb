// tests/support/heads.h: what a parser said, as one text that tests compare and that fails readably. Used by the unit
// tests and the fuzz targets alike; no test framework in here.
#pragma once
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "core/http/message.h"
#include "core/http/parser.h"
#include "core/http/serializer.h"

namespace davenport::test {

inline std::string_view name_of(http::TargetForm form) {
  switch (form) {
    case http::TargetForm::origin: return "origin";
    case http::TargetForm::absolute: return "absolute";
    case http::TargetForm::authority: return "authority";
    case http::TargetForm::asterisk: return "asterisk";
  }
  return "";
}

inline std::string name_of(http::Framing framing, std::uint64_t length) {
  switch (framing) {
    case http::Framing::none: return "none";
    case http::Framing::length: return "length " + std::to_string(length);
    case http::Framing::chunked: return "chunked";
    case http::Framing::until_close: return "until_close";
  }
  return "";
}

inline void print_fields(std::string& out, const http::Fields& fields) {
  for (const http::Field& field : fields) out.append(field.name).append("=").append(field.value).append("\n");
}

// Everything that a request head says but its version and connection, a line each.
inline std::string content_of(const http::RequestHead& head) {
  std::string out;
  out.append(head.method_name).append(" ").append(name_of(head.form)).append(" ").append(head.target);
  out.append("\n[").append(head.scheme).append("][").append(head.authority).append("][").append(head.path);
  out.append(head.has_query ? "]?[" : "][").append(head.query).append("]\n");
  out.append(name_of(head.framing, head.content_length)).append("\n");
  print_fields(out, head.fields);
  return out;
}

inline std::string describe(const http::RequestHead& head) {
  std::string out = content_of(head);
  out.append("1.").append(std::to_string(head.minor));
  if (head.keep_alive) out.append(" keep_alive");
  if (head.expect_continue) out.append(" expect_continue");
  if (head.wants_upgrade) out.append(" upgrade");
  return out;
}

inline std::string content_of(const http::ResponseHead& head) {
  std::string out = std::to_string(head.status);
  out.append(" ").append(head.reason).append("\n");
  out.append(name_of(head.framing, head.content_length)).append("\n");
  print_fields(out, head.fields);
  return out;
}

inline std::string describe(const http::ResponseHead& head) {
  std::string out = content_of(head);
  out.append("1.").append(std::to_string(head.minor));
  if (head.keep_alive) out.append(" keep_alive");
  return out;
}

// "done 42: …", "error bad_host" or "need_more".
template <class Head>
std::string describe(const http::ParseResult& result, const Head& head) {
  if (result.state == http::ParseState::error) return "error " + std::string(http::name_of(result.fault));
  if (result.state == http::ParseState::need_more) return "need_more";
  return "done " + std::to_string(result.consumed) + ": " + describe(head);
}

inline std::string serialize(const http::RequestHead& head) {
  std::string out;
  http::append_request_line(out, head.method_name, head.target);
  for (const http::Field& field : head.fields) http::append_field(out, field.name, field.value);
  return out.append("\r\n");
}

inline std::string serialize(const http::ResponseHead& head) {
  std::string out;
  http::append_status_line(out, head.status, head.reason);
  for (const http::Field& field : head.fields) http::append_field(out, field.name, field.value);
  return out.append("\r\n");
}

// Runs of a parser over an Arrival (splits.h) until it is done, fails, or no piece is left.
template <class Arriving>
std::string run_request(Arriving arrival, const http::HeadLimits& limits) {
  http::RequestParser parser(limits);
  http::RequestHead head;
  http::ParseResult result;
  while (result.state == http::ParseState::need_more && arrival.next()) result = parser.parse(arrival.bytes(), head);
  return describe(result, head);
}

template <class Arriving>
std::string run_response(Arriving arrival, const http::HeadLimits& limits, http::Method method) {
  http::ResponseParser parser(limits);
  http::ResponseHead head;
  http::ParseResult result;
  while (result.state == http::ParseState::need_more && arrival.next()) {
    result = parser.parse(arrival.bytes(), method, head);
  }
  return describe(result, head);
}

// "done 17: content|name=value\n", the consumed bytes counted over all calls.
template <class Arriving>
std::string run_chunked(Arriving arrival, const http::HeadLimits& limits) {
  http::ChunkedDecoder decoder(limits);
  http::Fields trailers;
  http::ChunkedDecoder::Step step;
  std::string content;
  std::size_t consumed = 0;
  while (step.state == http::ParseState::need_more && arrival.next()) {
    do {
      step = decoder.feed(arrival.bytes(), trailers);
      content.append(step.content);
      consumed += step.consumed;
      arrival.drop(step.consumed);
    } while (step.state == http::ParseState::content);
  }
  if (step.state == http::ParseState::error) return "error " + std::string(http::name_of(step.fault));
  std::string out = step.state == http::ParseState::done ? "done " + std::to_string(consumed) : "need_more";
  out.append(": ").append(content).append("|");
  print_fields(out, trailers);
  return out;
}

}  // namespace davenport::test
