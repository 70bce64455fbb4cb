// proxy/server/body_reader.h: a request's body out of its connection, a piece at a time, within the limits: size (413), silence and
// minimum rate (408).
// Views   a piece lies in this reader's buffer until the next read().
// Thread  the worker's.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/parser.h"
#include "core/net/task.h"
#include "proxy/server/request.h"

namespace davenport::server {

class ClientConnection;

class BodyReader {
 public:
  enum class Fault : std::uint8_t { none, gone /* closed or reset */, slow /* 408 */, too_large /* 413 */, malformed /* 400 */, cancelled };
  struct Piece {
    std::string_view bytes;
    bool end = false;
    Fault fault = Fault::none;
  };
  BodyReader(ClientConnection& client, const Request& request);
  net::Task<Piece> read();
  bool finished() const { return finished_; }
  const http::Fields& trailers() const { return trailers_; }

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

}  // namespace davenport::server
