// proxy/server/http2_body.h: a request's body out of its stream. The stream's window is opened again by what the caller has taken: a
// piece counts until the next read(). The last byte of a body whose length is known goes on only once the stream has ended with it, so
// that a request that turns out to be longer or shorter than it said reaches no origin whole (RFC 9113 §8.1.1).
// Thread  the worker's.
#pragma once
#include <cstdint>
#include <string>

#include "proxy/server/body_reader.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Http2Stream;

class Http2Body final : public BodyReader {
 public:
  Http2Body(Http2Stream& stream, const Request& request);
  ~Http2Body() override;
  net::Task<Piece> read() override;
  bool finished() const override { return finished_; }
  const http::Fields& trailers() const override;

 private:
  Piece take();                    // neither bytes nor end: more is needed

  Http2Stream& stream_;
  const Request& request_;
  std::string buffer_;
  std::string held_;               // the byte before the end
  SteadyTime started_;
  std::uint64_t total_ = 0;
  std::size_t unconsumed_ = 0;
  bool finished_;
};

}  // namespace davenport::server
