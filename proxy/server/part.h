// proxy/server/part.h: a stored part (206) that is completed by asking only for what is missing (RFC 9111 §3.3, §3.4).
//     if (auto completion = plan_completion(request)) { completion->ask(fields); … completed(…) … }
//     JoinedBody body(exchange, part before the gap, part behind it);  body.read() …
// Thread  the worker's.
#pragma once
#include <memory>
#include <optional>

#include "cache/policy/range.h"
#include "core/net/task.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/request.h"

namespace davenport::server {

// The stored part and its one gap, at the start or at the end of a whole whose length is known.
struct Completion {
  store::StoredPtr part;
  http::Fields fields;                // the part's, into its head
  policy::ByteRange gap;
  std::uint64_t complete_bytes = 0;

  bool part_is_first() const { return gap.first != 0; }
  void ask(http::Fields& out) const;  // adds Range and If-Range
};

// Where the request is a partial miss of a part that has a strong validator and one gap.
std::optional<Completion> plan_completion(const Request& request);

// The 200 that the part and this answer to ask() make together: the stored fields, updated by the newer ones. nullopt: the answer
// is none, or does not fit; the whole has to be asked for.
std::optional<http::ResponseHead> completed(const Completion& completion, const http::ResponseHead& answer);

// A body that comes from the origin, with a stored part before or behind it.
class JoinedBody {
 public:
  explicit JoinedBody(std::unique_ptr<origin::Exchange> exchange) : exchange_(std::move(exchange)) {}
  JoinedBody(std::unique_ptr<origin::Exchange> exchange, const Completion& completion);

  // As Exchange::read_body() and try_read_body(); bytes of the part live as long as this object.
  net::Task<Result<origin::Piece, origin::Failure>> read();
  std::optional<Result<origin::Piece, origin::Failure>> try_read();
  void close() { exchange_.reset(); }  // at the end: the connection is free for others

 private:
  std::optional<origin::Piece> next_of(store::StoredPtr& part, bool last);
  std::optional<origin::Piece> stored_piece();
  Result<origin::Piece, origin::Failure> origin_piece(Result<origin::Piece, origin::Failure> piece);

  std::unique_ptr<origin::Exchange> exchange_;
  store::StoredPtr before_, behind_, done_;
  std::uint64_t offset_ = 0;          // in the part that is being given
  bool origin_ended_ = false;
};

}  // namespace davenport::server
