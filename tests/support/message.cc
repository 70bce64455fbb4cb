#include "support/message.h"

#include <algorithm>
#include <cstdlib>

namespace davenport::testing {
namespace {

constexpr std::string_view kEol = "\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "Start line\r\nName: value\r\n…\r\n" into its start line and its lines.
std::string split_head(std::string_view head, FieldLines& fields) {
  const std::size_t first = head.find(kEol);
  const std::string start(head.substr(0, first));
  head.remove_prefix(std::min(head.size(), first + kEol.size()));
  while (!head.empty() && !head.starts_with(kEol)) {
    const std::string_view line = head.substr(0, head.find(kEol));
    const std::size_t colon = line.find(':');
    fields.add(std::string(line.substr(0, colon)),
               colon == std::string_view::npos ? "" : std::string(trimmed(line.substr(colon + 1))));
    head.remove_prefix(std::min(head.size(), line.size() + kEol.size()));
  }
  return start;
}

bool ends_with_chunked(const FieldLines& fields) {
  const std::string codings = fields.combined("transfer-encoding");
  return codings.size() >= 7 && same_name(std::string_view(codings).substr(codings.size() - 7), "chunked");
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

FieldLines& FieldLines::add(std::string name, std::string value) {
  lines_.emplace_back(std::move(name), std::move(value));
  return *this;
}

FieldLines& FieldLines::add(const FieldLines& others) {
  lines_.insert(lines_.end(), others.begin(), others.end());
  return *this;
}

std::string FieldLines::get(std::string_view name) const {
  for (const Line& line : lines_) {
    if (same_name(line.first, name)) return line.second;
  }
  return "";
}

std::string FieldLines::combined(std::string_view name) const {
  std::string all;
  for (const Line& line : lines_) {
    if (!same_name(line.first, name)) continue;
    if (!all.empty()) all += ", ";
    all += line.second;
  }
  return all;
}

std::size_t FieldLines::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(lines_.begin(), lines_.end(), [&](const Line& line) { return same_name(line.first, name); }));
}

std::string FieldLines::bytes() const {
  std::string out;
  for (const Line& line : lines_) out += line.first + ": " + line.second + "\r\n";
  return out;
}

bool Wire::fill() {
  if (ended_) return false;
  const Socket::Got got = socket_.read(buffer_);
  ended_ = got != Socket::Got::bytes;
  reset_ = got == Socket::Got::reset;
  return !ended_;
}

std::string Wire::cut(std::size_t count) {
  std::string out = buffer_.substr(0, count);
  buffer_.erase(0, count);
  if (tap_ != nullptr) *tap_ += out;
  return out;
}

std::optional<std::string> Wire::take_until(std::string_view delimiter) {
  std::size_t looked = 0;
  while (true) {
    const std::size_t at = buffer_.find(delimiter, looked);
    if (at != std::string::npos) return cut(at + delimiter.size());
    looked = buffer_.size() < delimiter.size() ? 0 : buffer_.size() - delimiter.size() + 1;
    if (!fill()) return std::nullopt;
  }
}

std::string Wire::take(std::size_t count) {
  std::string out;
  while (out.size() < count) {
    if (buffer_.empty() && !fill()) break;
    out += cut(std::min(count - out.size(), buffer_.size()));
  }
  return out;
}

std::string Wire::take_rest() {
  while (fill()) {
  }
  return cut(buffer_.size());
}

bool Wire::take_chunked(std::string& body, FieldLines& trailers) {
  while (true) {
    const std::optional<std::string> line = take_until(kEol);
    if (!line) return false;
    char* end = nullptr;
    const unsigned long size = std::strtoul(line->c_str(), &end, 16);
    if (end == line->c_str()) return false;
    if (size == 0) break;
    const std::string piece = take(size);
    body += piece;
    if (piece.size() < size || take(kEol.size()) != kEol) return false;
  }
  while (true) {
    const std::optional<std::string> line = take_until(kEol);
    if (!line) return false;
    if (*line == kEol) return true;
    split_head("\r\n" + *line, trailers);
  }
}

RawResponse read_response_head(Wire& wire) {
  RawResponse response;
  const std::optional<std::string> head = wire.take_until("\r\n\r\n");
  response.closed = wire.ended();
  response.reset = wire.was_reset();
  if (!head) return response;
  response.head = *head;
  const std::string start = split_head(*head, response.fields);
  const std::size_t space = start.find(' ');
  response.version = start.substr(0, space);
  if (space != std::string::npos) {
    response.status = std::atoi(start.c_str() + space + 1);
    if (start.size() > space + 5) response.reason = start.substr(space + 5);
  }
  return response;
}

void read_response_body(Wire& wire, std::string_view request_method, RawResponse& response) {
  const int status = response.status;
  if (request_method == "HEAD" || status / 100 == 1 || status == 204 || status == 304) {
    response.complete = true;
  } else if (response.fields.has("transfer-encoding")) {
    response.complete = wire.take_chunked(response.body, response.trailers);
  } else if (response.fields.has("content-length")) {
    const std::size_t length = std::strtoull(response.field("content-length").c_str(), nullptr, 10);
    response.body = wire.take(length);
    response.complete = response.body.size() == length;
  } else {
    response.body = wire.take_rest();
    response.complete = !wire.was_reset();
  }
  response.closed = wire.ended();
  response.reset = wire.was_reset();
}

bool read_request_head(Wire& wire, SeenRequest& request) {
  wire.tap(&request.raw);
  const std::optional<std::string> head = wire.take_until("\r\n\r\n");
  if (!head) return false;
  const std::string start = split_head(*head, request.fields);
  const std::size_t first = start.find(' '), last = start.rfind(' ');
  request.method = start.substr(0, first);
  if (first != std::string::npos && last > first) {
    request.target = start.substr(first + 1, last - first - 1);
    request.version = start.substr(last + 1);
  }
  return true;
}

void read_request_body(Wire& wire, SeenRequest& request) {
  if (request.complete) return;
  if (ends_with_chunked(request.fields)) {
    request.complete = wire.take_chunked(request.body, request.trailers);
  } else if (request.fields.has("content-length")) {
    const std::size_t length = std::strtoull(request.field("content-length").c_str(), nullptr, 10);
    request.body = wire.take(length);
    request.complete = request.body.size() == length;
  } else {
    request.complete = true;
  }
}

}  // namespace davenport::testing
