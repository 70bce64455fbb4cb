#include "docker/demo/http.h"

#include <charconv>
#include <optional>

#include "docker/demo/text.h"

namespace demo {
namespace {

using State = ParsedRequest::State;

ParsedRequest fail(int status) {
  ParsedRequest parsed;
  parsed.state = State::failed;
  parsed.error = status;
  return parsed;
}

bool is_token(std::string_view text) {  // RFC 9110 §5.6.2
  for (const char c : text) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alphanumeric && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool list_has(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    if (same(trim(item), wanted)) return true;
    list.remove_prefix(item.size() == list.size() ? item.size() : item.size() + 1);
  }
  return false;
}

// The request line, and whether HTTP/1.0 spoke. 0, or the status of the refusal.
int parse_request_line(std::string_view line, Request& request, bool& old_version) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || target.find(' ') != std::string_view::npos || has_control(target)) return 400;
  if (!version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  old_version = version == "HTTP/1.0";
  if (target.starts_with("http://")) {  // absolute-form must be taken from anyone (RFC 9112 §3.2.2)
    const std::size_t slash = target.find('/', 7);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (target != "*" && !target.starts_with("/")) return 400;
  const std::size_t question = target.find('?');
  request.method = method;
  request.path = target.substr(0, question);
  request.query = question == std::string_view::npos ? "" : target.substr(question + 1);
  return 0;
}

int parse_fields(std::string_view head, Request& request) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;  // obs-fold as well
    const std::string_view value = trim(line.substr(colon + 1));
    if (has_control(value)) return 400;
    if (request.fields.size() == kMaxFields) return 431;
    request.fields.emplace_back(line.substr(0, colon), value);
  }
  return 0;
}

// Chunks put together (RFC 9112 §7.1): bytes consumed, nothing where more is needed, or a refusal.
struct Chunks {
  std::optional<std::size_t> consumed;
  int error = 0;
};
Chunks read_chunks(std::string_view bytes, std::string& body) {
  std::size_t at = 0;
  while (true) {
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return {std::nullopt, bytes.size() - at > 256 ? 400 : 0};
    std::string_view line = bytes.substr(at, end - at);
    line = line.substr(0, line.find(';'));  // extensions are for others
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (line.empty() || error != std::errc{} || stop != line.data() + line.size()) return {std::nullopt, 400};
    if (size > kMaxBodyBytes || body.size() + size > kMaxBodyBytes) return {std::nullopt, 413};
    at = end + 2;
    if (size == 0) break;
    if (bytes.size() < at + size + 2) return {};
    if (bytes.substr(at + size, 2) != "\r\n") return {std::nullopt, 400};
    body += bytes.substr(at, size);
    at += size + 2;
  }
  while (true) {  // the trailer section is read and forgotten
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return {std::nullopt, bytes.size() - at > kMaxHeadBytes ? 431 : 0};
    if (end == at) return {end + 2, 0};
    at = end + 2;
  }
}

// How the body is framed (RFC 9112 §6.3): a length, chunks, or a refusal.
struct Framing {
  bool chunked = false;
  std::size_t length = 0;
  int error = 0;
};
Framing framing_of(const Request& request, bool old_version) {
  Framing framing;
  bool has_length = false;
  for (const auto& [name, value] : request.fields) {
    if (same(name, "Transfer-Encoding")) {
      if (framing.chunked || old_version) return {false, 0, 400};
      if (!same(value, "chunked")) return {false, 0, 501};
      framing.chunked = true;
    } else if (same(name, "Content-Length")) {
      const auto length = parse_number(value, 0, 1 << 30);
      if (has_length || value.size() > 10 || !length) return {false, 0, value.size() > 10 ? 413 : 400};
      has_length = true;
      framing.length = static_cast<std::size_t>(*length);
    }
  }
  if (framing.chunked && has_length) return {false, 0, 400};
  if (framing.length > kMaxBodyBytes) return {false, 0, 413};
  return framing;
}

}  // namespace

std::string_view Request::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (same(key, name)) return value;
  }
  return {};
}

ParsedRequest parse_request(std::string_view bytes) {
  std::size_t skipped = 0;
  while (skipped < 4 && bytes.starts_with("\r\n")) {  // RFC 9112 §2.2
    bytes.remove_prefix(2);
    skipped += 2;
  }
  const std::size_t end = bytes.substr(0, kMaxHeadBytes).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() < kMaxHeadBytes) return {};
    return fail(bytes.substr(0, kMaxHeadBytes).find("\r\n") == std::string_view::npos ? 414 : 431);
  }
  ParsedRequest parsed;
  Request& request = parsed.request;
  bool old_version = false;
  const std::size_t line_end = bytes.find("\r\n");
  if (const int error = parse_request_line(bytes.substr(0, line_end), request, old_version)) return fail(error);
  if (line_end < end) {
    if (const int error = parse_fields(bytes.substr(line_end + 2, end - line_end - 2), request)) return fail(error);
  }
  if (!old_version && request.field("Host").empty()) return fail(400);
  request.keep_alive = old_version ? list_has(request.field("Connection"), "keep-alive")
                                   : !list_has(request.field("Connection"), "close");

  const Framing framing = framing_of(request, old_version);
  if (framing.error != 0) return fail(framing.error);
  const std::string_view rest = bytes.substr(end + 4);
  parsed.wants_continue = rest.empty() && same(request.field("Expect"), "100-continue");
  std::size_t body_bytes = framing.length;
  if (framing.chunked) {
    const Chunks chunks = read_chunks(rest, request.body);
    if (chunks.error != 0) return fail(chunks.error);
    if (!chunks.consumed) return parsed;
    body_bytes = *chunks.consumed;
  } else {
    if (rest.size() < framing.length) return parsed;
    request.body = rest.substr(0, framing.length);
  }
  parsed.state = State::done;
  parsed.consumed = skipped + end + 4 + body_bytes;
  return parsed;
}

Response& Response::with(std::string name, std::string value) {
  fields.emplace_back(std::move(name), std::move(value));
  return *this;
}

std::string format_head(const Response& response, bool keep_alive, std::time_t now) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason_phrase(response.status)).append("\r\nDate: ").append(http_date(now)).append("\r\n");
  for (const auto& [name, value] : response.fields) head.append(name).append(": ").append(value).append("\r\n");
  if (response.status != 204 && response.status != 304) {
    head += "Content-Length: " + std::to_string(response.body ? response.body->size() : 0) + "\r\n";
  }
  if (!keep_alive) head += "Connection: close\r\n";
  return head + "\r\n";
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 422: return "Unprocessable Content";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

}  // namespace demo
