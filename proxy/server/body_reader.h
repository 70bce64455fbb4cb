// proxy/server/body_reader.h: a request's body out of its connection, a piece at a time, within the limits: size (413), silence and
// minimum rate (408). Each protocol has its own.
// Views   a piece lies in this reader's buffer until the next read().
// Thread  the worker's.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/http/fields.h"
#include "core/net/task.h"

namespace davenport::server {

class BodyReader {
 public:
  enum class Fault : std::uint8_t { none, gone /* closed or reset */, slow /* 408 */, too_large /* 413 */, malformed /* 400 */, cancelled };
  struct Piece {
    std::string_view bytes;
    bool end = false;
    Fault fault = Fault::none;
  };
  virtual ~BodyReader() = default;
  virtual net::Task<Piece> read() = 0;
  virtual bool finished() const = 0;
  virtual const http::Fields& trailers() const = 0;
};

}  // namespace davenport::server
