// proxy/server/http1_body.h: a request's body as HTTP/1.1 frames it: by its length or in chunks (RFC 9112 §6, §7).
// Thread  the worker's.
#pragma once
#include <cstdint>
#include <string>

#include "core/http/parser.h"
#include "proxy/server/body_reader.h"
#include "proxy/server/request.h"

namespace davenport::server {

class ClientConnection;

class Http1Body final : public BodyReader {
 public:
  Http1Body(ClientConnection& client, const Request& request);
  net::Task<Piece> read() override;
  bool finished() const override { return finished_; }
  const http::Fields& trailers() const override { return trailers_; }

 private:
  Piece take();                    // out of the connection's input; neither bytes nor end: more is needed

  ClientConnection& client_;
  const Request& request_;
  http::ChunkedDecoder decoder_;
  http::Fields trailers_;
  std::string buffer_;
  SteadyTime started_;
  std::uint64_t left_, total_ = 0;
  bool chunked_, finished_;
};

// Is a body that began at `started`, of which `received` bytes are here, slower than the limits allow? Judged once the grace of one
// silence has passed.
bool too_slow(const config::ClientLimits& limits, SteadyTime started, SteadyTime now, std::uint64_t received);

}  // namespace davenport::server
