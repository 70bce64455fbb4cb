#include "proxy/server/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "proxy/server/http2_connection.h"
#include "proxy/server/http2_stream.h"

namespace davenport::server {
namespace {

constexpr std::size_t kFrameBytes = 16 << 10, kFrameHead = 9;
constexpr std::size_t kContinuations = 32;         // of one head
// RFC 9113 §5.1.2: a stream above the limit is reset, where nghttp2 would end the connection once its limit was acknowledged. So
// the limit that clients are told is kept in on_head_begins(), and nghttp2 has one so far beyond it that only a flood gets there.
constexpr std::uint32_t kBeyondStreams = 1'000;
constexpr std::size_t kQueuedFrames = 4'000;       // that wait to be sent, refusals above all: of a client that does not read
constexpr std::size_t kFirstSetting = kFrameHead;  // in the frame: its identifier (16 bits), its value (32)
constexpr std::size_t kAcknowledgements = 100;     // that wait to be sent: a client that asks for more does not read

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

nghttp2_nv pair_of(std::string_view name, std::string_view value, std::uint8_t flags) {
  return {const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data())),
          const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data())), name.size(), value.size(), flags};
}

// nghttp2 copies all of them, and makes names lower-case. What is secret enters no table (RFC 7541 §7.1.3).
void add_pairs(std::vector<nghttp2_nv>& pairs, std::span<const http::Field> lines) {
  for (const http::Field& line : lines) {
    pairs.push_back(pair_of(line.name, line.value, line.id == http::FieldId::set_cookie ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
  }
}

std::vector<nghttp2_nv>& pairs_of(int status, char (&digits)[3], std::span<const http::Field> lines) {
  thread_local std::vector<nghttp2_nv> pairs;
  pairs.clear();
  for (int i = 2; i >= 0; --i, status /= 10) digits[i] = static_cast<char>('0' + status % 10);
  pairs.push_back(pair_of(":status", {digits, 3}, NGHTTP2_NV_FLAG_NO_COPY_NAME));
  add_pairs(pairs, lines);
  return pairs;
}

}  // namespace

struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }
  static Http2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int begin_frame(nghttp2_session* session, const nghttp2_frame_hd* frame, void* user) {
    if (nghttp2_session_get_outbound_queue_size(session) > kQueuedFrames) self(user).connection_.on_flood();
    const bool empty_data = frame->type == NGHTTP2_DATA && frame->length == 0 && (frame->flags & NGHTTP2_FLAG_END_STREAM) == 0;
    if (empty_data || (frame->type != NGHTTP2_DATA && frame->type != NGHTTP2_HEADERS)) self(user).connection_.on_control_frame();
    return self(user).connection_.flooded() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int begin_head(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Connection& connection = self(user).connection_;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Stream* const stream = connection.on_head_begins(frame->hd.stream_id);
    if (stream == nullptr) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    } else {
      nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    }
    return 0;
  }

  static int field(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                   const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self(user).connection_.on_field(text_of(name, name_size), text_of(value, value_size));
    } else if (Http2Stream* const stream = stream_of(session, frame->hd.stream_id)) {
      if (!stream->on_trailer(text_of(name, name_size), text_of(value, value_size))) return malformed(user);
    }
    return 0;
  }

  // What nghttp2 would drop silently makes the request malformed.
  static int invalid_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                           std::uint8_t, void* user) {
    return malformed(user);
  }

  // Ends the stream with an error that looks like our own (frame_sent): it is the client's.
  static int malformed(void* user) {
    self(user).connection_.on_client_caused_reset();
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Connection& connection = self(user).connection_;
    Http2Stream* const stream = stream_of(session, frame->hd.stream_id);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) connection.on_head_ends();
        if (stream == nullptr) return 0;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) connection.on_request(*stream, ends);
        else if (ends) stream->on_body_ends();
        return 0;
      case NGHTTP2_DATA:
        if (ends && stream != nullptr) stream->on_body_ends();
        return 0;
      case NGHTTP2_RST_STREAM: connection.on_client_caused_reset(); return 0;
      default: return 0;
    }
  }

  static int body(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) {
    Http2Stream* const stream = stream_of(session, id);
    if (stream == nullptr || !stream->on_body(text_of(bytes, size))) self(user).consume(id, size);
    return 0;
  }

  static int closed(nghttp2_session* session, std::int32_t id, std::uint32_t, void* user) {
    if (Http2Stream* const stream = stream_of(session, id)) self(user).connection_.on_close(*stream);
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    switch (frame->hd.type) {
      case NGHTTP2_RST_STREAM:
        switch (frame->rst_stream.error_code) {
          case NGHTTP2_NO_ERROR:
          case NGHTTP2_CANCEL:
          case NGHTTP2_INTERNAL_ERROR:
          case NGHTTP2_REFUSED_STREAM: break;                           // nothing was done for it
          default: self(user).connection_.on_client_caused_reset();     // MadeYouReset
        }
        return 0;
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        // RFC 9113 §8.1: whole, though the request is not; the rest of it is not wanted.
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        if (const Http2Stream* const stream = stream_of(session, frame->hd.stream_id); stream != nullptr && !stream->body_ended()) {
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
        }
        return 0;
      default: return 0;
    }
  }

  static ssize_t send(nghttp2_session*, const std::uint8_t* bytes, std::size_t size, int, void* user) {
    Output& out = *self(user).out_;
    if (out.unsent_bytes() >= kMostUnsent) return NGHTTP2_ERR_WOULDBLOCK;
    if (self(user).greeted_) out.text(text_of(bytes, size));
    else out.text(self(user).greeting(text_of(bytes, size)));
    return static_cast<ssize_t>(size);
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t*, std::size_t most, std::uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    Http2Stream& stream = *static_cast<Http2Stream*>(source->ptr);
    const std::uint64_t there = stream.output().unsent_bytes();
    if (there == 0 && !stream.answer_ended()) return NGHTTP2_ERR_DEFERRED;
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(there, most));
    if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (size == there && stream.answer_ended()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream.trailers_out().empty()) {
        std::vector<nghttp2_nv> pairs;
        std::vector<http::Field> lines(stream.trailers_out().begin(), stream.trailers_out().end());
        add_pairs(pairs, lines);
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
      }
    }
    return static_cast<ssize_t>(size);
  }

  static int send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size, nghttp2_data_source* source, void* user) {
    Output& out = *self(user).out_;
    if (out.unsent_bytes() >= kMostUnsent) return NGHTTP2_ERR_WOULDBLOCK;
    Http2Stream& stream = *static_cast<Http2Stream*>(source->ptr);
    if (stream.output().unsent_bytes() < size) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;    // cut while the frame waited for the socket
    out.text(text_of(head, kFrameHead));
    stream.give(size, out);
    self(user).connection_.on_body_sent();
    return 0;
  }

  // A frame fits into one TLS record.
  static ssize_t body_bytes(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t window, std::int32_t stream_window,
                            std::uint32_t frame, void* user) {
    const std::size_t most = self(user).tls_ ? kFrameBytes - kFrameHead : kFrameBytes;
    return static_cast<ssize_t>(std::min<std::int64_t>({static_cast<std::int64_t>(most), window, stream_window, std::int64_t{frame}}));
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_head);
      nghttp2_session_callbacks_set_on_header_callback(made, field);
      nghttp2_session_callbacks_set_on_invalid_header_callback(made, invalid_field);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_received);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, body);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, closed);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_sent);
      nghttp2_session_callbacks_set_send_callback(made, send);
      nghttp2_session_callbacks_set_send_data_callback(made, send_body);
      nghttp2_session_callbacks_set_data_source_read_length_callback(made, body_bytes);
      return made;
    }();
    return callbacks;
  }

  static const nghttp2_option* options() {
    static const nghttp2_option* const option = [] {
      nghttp2_option* made = nullptr;
      nghttp2_option_new(&made);
      nghttp2_option_set_no_auto_window_update(made, 1);
      nghttp2_option_set_no_closed_streams(made, 1);
      nghttp2_option_set_max_outbound_ack(made, kAcknowledgements);
      nghttp2_option_set_max_continuations(made, kContinuations);
      nghttp2_option_set_stream_reset_rate_limit(made, UINT32_MAX, UINT32_MAX);     // the connection's budget counts more than it would
      nghttp2_option_set_builtin_recv_extension_type(made, NGHTTP2_PRIORITY_UPDATE);
      return made;
    }();
    return option;
  }
};

Http2Session::Http2Session(Http2Connection& connection, const config::Config& config, bool tls)
    : connection_(connection), streams_(config.http2.streams), tls_(tls) {
  nghttp2_session_server_new2(&session_, Callbacks::all(), this, Callbacks::options());
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_ + kBeyondStreams},     // greeting() has it first
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(config.limits.head.head_bytes)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

std::string Http2Session::greeting(std::string_view settings) {
  greeted_ = true;
  std::string frame(settings);
  for (std::size_t i = 0; i < 4; ++i) frame[kFirstSetting + 2 + i] = static_cast<char>(streams_ >> (24 - 8 * i) & 0xff);
  return frame;
}

void Http2Session::receive(std::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used >= 0) return;
  if (used == NGHTTP2_ERR_FLOODED || used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) connection_.on_flood();
  if (!connection_.flooded()) end(Http2Error::protocol);
}

void Http2Session::send(Output& out) {
  out_ = &out;
  if (nghttp2_session_send(session_) != 0) nghttp2_session_terminate_session(session_, NGHTTP2_INTERNAL_ERROR);
  out_ = nullptr;
}

bool Http2Session::done() const { return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0; }

void Http2Session::respond(Http2Stream& stream, int status, std::span<const http::Field> lines, bool body) {
  char digits[3];
  const std::vector<nghttp2_nv>& pairs = pairs_of(status, digits, lines);
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::read_body;
  nghttp2_submit_response(session_, stream.id(), pairs.data(), pairs.size(), body ? &provider : nullptr);
}

void Http2Session::interim(Http2Stream& stream, int status, std::span<const http::Field> lines) {
  char digits[3];
  const std::vector<nghttp2_nv>& pairs = pairs_of(status, digits, lines);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id(), nullptr, pairs.data(), pairs.size(), nullptr);
}

void Http2Session::resume(std::int32_t id) { nghttp2_session_resume_data(session_, id); }

void Http2Session::reset(std::int32_t id, Http2Error error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(error));
}

void Http2Session::consume(std::int32_t id, std::size_t bytes) { nghttp2_session_consume(session_, id, bytes); }

void Http2Session::prioritize(std::int32_t id, http::Priority priority) {
  const nghttp2_extpri wanted{priority.urgency, priority.incremental ? 1 : 0};
  nghttp2_session_change_extpri_stream_priority(session_, id, &wanted, 1);
}

void Http2Session::announce_end() { nghttp2_submit_shutdown_notice(session_); }

void Http2Session::end(Http2Error error) {
  if (error != Http2Error::none) {
    nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(error));
  } else {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
  }
}

}  // namespace davenport::server
