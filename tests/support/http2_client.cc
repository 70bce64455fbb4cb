#include "support/http2_client.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <stdexcept>

#include "support/client.h"

namespace davenport::testing {
namespace {

constexpr std::uint16_t kInitialWindow = 4;

void append_number(std::string& out, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// RFC 7541 §5.1, a prefix of 7 bits; §5.2 without Huffman.
void append_string(std::string& out, std::string_view text) {
  std::size_t left = text.size();
  if (left < 127) {
    out.push_back(static_cast<char>(left));
  } else {
    out.push_back(127);
    for (left -= 127; left >= 128; left /= 128) out.push_back(static_cast<char>(left % 128 + 128));
    out.push_back(static_cast<char>(left));
  }
  out.append(text);
}

}  // namespace

std::string Frame::bytes() const {
  std::string out;
  append_number(out, static_cast<std::uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  append_number(out, stream, 4);
  return out + payload;
}

void Http2Client::FreeInflater::operator()(nghttp2_hd_inflater* inflater) const { nghttp2_hd_inflate_del(inflater); }

Http2Client::Http2Client(std::uint16_t port, std::optional<int> receive_buffer_bytes) : socket_(Socket::connect(port, receive_buffer_bytes)) {
  begin();
}

Http2Client::Http2Client(std::uint16_t port, TlsOptions tls) : socket_(Socket::connect(port)) {
  tls.protocols = {"h2", "http/1.1"};
  start_tls_client(socket_, tls);
  if (socket_.tls()->facts().protocol != "h2") throw std::runtime_error("the server does not speak HTTP/2");
  begin();
}

Http2Client::~Http2Client() = default;

void Http2Client::begin() {
  nghttp2_hd_inflater* inflater = nullptr;
  nghttp2_hd_inflate_new(&inflater);
  inflater_.reset(inflater);
  send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame{Frame::settings, 0, 0, ""}.bytes());
}

std::string Http2Client::block(const FieldLines& lines) {
  std::string out;
  for (const auto& [name, value] : lines) {
    out.push_back(0);
    append_string(out, name);
    append_string(out, value);
  }
  return out;
}

std::uint32_t Http2Client::open(const FieldLines& lines, bool end) {
  const std::uint32_t stream = next_stream();
  std::string rest = block(lines);
  Frame frame{Frame::headers, end ? Frame::kEndStream : std::uint8_t{0}, stream, ""};
  do {
    frame.payload = rest.substr(0, 16'384);
    rest.erase(0, frame.payload.size());
    if (rest.empty()) frame.flags |= Frame::kEndHeaders;
    send(frame);
    frame = Frame{Frame::continuation, 0, stream, ""};
  } while (!rest.empty());
  return stream;
}

std::uint32_t Http2Client::request(std::string_view method, std::string_view path, const FieldLines& fields, bool end) {
  FieldLines lines{{":method", std::string(method)}, {":scheme", socket_.tls() ? "https" : "http"}, {":authority", kHost}, {":path", std::string(path)}};
  return open(lines.add(fields), end);
}

void Http2Client::send_body(std::uint32_t stream, std::string_view bytes, bool end) {
  do {
    const auto initial = settings_.count(kInitialWindow) != 0 ? settings_[kInitialWindow] : 65'535;
    std::int64_t& of_stream = windows_[stream];
    const std::int64_t room = std::min(window_, of_stream + std::int64_t{initial});
    if (room <= 0 && !bytes.empty()) {
      if (responses_[stream].reset || !read_frame()) return;
      continue;
    }
    const std::string piece(bytes.substr(0, static_cast<std::size_t>(std::clamp<std::int64_t>(room, 0, 16'384))));
    bytes.remove_prefix(piece.size());
    window_ -= static_cast<std::int64_t>(piece.size());
    of_stream -= static_cast<std::int64_t>(piece.size());
    if (!send(Frame{Frame::data, bytes.empty() && end ? Frame::kEndStream : std::uint8_t{0}, stream, piece})) return;
  } while (!bytes.empty());
}

void Http2Client::reset(std::uint32_t stream, H2 code) {
  std::string payload;
  append_number(payload, static_cast<std::uint32_t>(code), 4);
  send(Frame{Frame::rst_stream, 0, stream, payload});
}

void Http2Client::window(std::uint32_t stream, std::uint32_t increment) {
  std::string payload;
  append_number(payload, increment, 4);
  send(Frame{Frame::window_update, 0, stream, payload});
}

void Http2Client::settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& pairs) {
  std::string payload;
  for (const auto& [id, value] : pairs) {
    append_number(payload, id, 2);
    append_number(payload, value, 4);
  }
  send(Frame{Frame::settings, 0, 0, payload});
}

std::uint32_t Http2Client::peer_setting(std::uint16_t id) const {
  const auto found = settings_.find(id);
  return found == settings_.end() ? 0 : found->second;
}

Http2Response& Http2Client::await(std::uint32_t stream, const std::function<bool(const Http2Response&)>& done) {
  Http2Response& response = responses_[stream];
  while (!done(response)) {
    if (response.complete || response.reset) return response;
    if (!read_frame()) {
      response.closed = true;
      return response;
    }
  }
  return response;
}

Http2Response Http2Client::await(std::uint32_t stream) {
  return await(stream, [](const Http2Response&) { return false; });
}

std::optional<H2> Http2Client::await_goaway() {
  while (read_frame()) continue;
  return goaway_;
}

bool Http2Client::read_frame() {
  while (!ended_) {
    if (buffer_.size() >= 9) {
      const std::size_t size = number(buffer_.substr(0, 3));
      if (buffer_.size() >= 9 + size) {
        const Frame frame{static_cast<std::uint8_t>(buffer_[3]), static_cast<std::uint8_t>(buffer_[4]), number(buffer_.substr(5, 4)), buffer_.substr(9, size)};
        buffer_.erase(0, 9 + size);
        take(frame);
        return true;
      }
    }
    switch (socket_.read(buffer_)) {
      case Socket::Got::bytes: break;
      case Socket::Got::reset: reset_ = true; [[fallthrough]];
      case Socket::Got::end: ended_ = true;
    }
  }
  return false;
}

void Http2Client::take_head(Http2Response& response, bool end) {
  FieldLines lines;
  std::string_view rest = block_;
  for (;;) {
    nghttp2_nv line;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_.get(), &line, &flags, reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size(), 1);
    if (used < 0) throw std::runtime_error("a header block that is no HPACK");
    rest.remove_prefix(static_cast<std::size_t>(used));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      lines.add({reinterpret_cast<const char*>(line.name), line.namelen}, {reinterpret_cast<const char*>(line.value), line.valuelen});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && rest.empty()) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
  block_.clear();
  const std::string status = lines.get(":status");
  if (status.empty()) {
    response.trailers = lines;
  } else if (status.front() == '1') {
    RawResponse interim;
    interim.status = std::stoi(status);
    interim.fields = lines;
    response.interim.push_back(std::move(interim));
  } else {
    response.status = std::stoi(status);
    response.fields = lines;
  }
  response.complete = end;
}

void Http2Client::take(const Frame& frame) {
  std::string_view payload = frame.payload;
  const bool end = (frame.flags & Frame::kEndStream) != 0;
  switch (frame.type) {
    case Frame::data: {
      Http2Response& response = responses_[frame.stream];
      response.body.append(payload);
      response.complete = end;
      if (auto_window_ && !payload.empty()) {
        window(0, static_cast<std::uint32_t>(payload.size()));
        if (!end) window(frame.stream, static_cast<std::uint32_t>(payload.size()));
      }
      break;
    }
    case Frame::headers:
    case Frame::continuation:
      block_.append(payload);
      if (frame.type == Frame::headers) responses_[frame.stream].closed = end;      // until the block is whole
      if ((frame.flags & Frame::kEndHeaders) != 0) take_head(responses_[frame.stream], std::exchange(responses_[frame.stream].closed, false));
      break;
    case Frame::rst_stream:
      responses_[frame.stream].reset = true;
      responses_[frame.stream].code = static_cast<H2>(number(payload));
      break;
    case Frame::settings:
      if ((frame.flags & Frame::kAck) != 0) break;
      for (; payload.size() >= 6; payload.remove_prefix(6)) settings_[static_cast<std::uint16_t>(number(payload.substr(0, 2)))] = number(payload.substr(2, 4));
      send(Frame{Frame::settings, Frame::kAck, 0, ""});
      break;
    case Frame::ping:
      if ((frame.flags & Frame::kAck) != 0) ++pings_answered_;
      else send(Frame{Frame::ping, Frame::kAck, 0, frame.payload});
      break;
    case Frame::goaway:
      goaway_stream_ = number(payload.substr(0, 4));
      goaway_ = static_cast<H2>(number(payload.substr(4, 4)));
      break;
    case Frame::window_update:
      if (frame.stream == 0) window_ += number(payload);
      else windows_[frame.stream] += number(payload);
      break;
    default: break;
  }
}

}  // namespace davenport::testing
