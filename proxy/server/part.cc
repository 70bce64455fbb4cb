#include "proxy/server/part.h"

#include <array>
#include <span>

#include "cache/policy/coding.h"
#include "cache/policy/validate.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "proxy/server/hit.h"

namespace davenport::server {

using http::FieldId;

void Completion::ask(http::Fields& out) const {
  std::string range = "bytes=";
  append_number(range, gap.first);
  range.push_back('-');
  append_number(range, gap.last);
  out.add_copy("Range", range);
  out.add_copy("If-Range", fields.has(FieldId::etag) ? fields.get(FieldId::etag) : fields.get(FieldId::last_modified));
}

std::optional<Completion> plan_completion(const Request& request) {
  if (request.decision.reason != policy::Reason::partial_miss || !request.stored || !request.stored->facts().partial) return std::nullopt;
  Completion plan;
  plan.part = request.stored;
  int status = 0;
  std::string_view reason;
  read_stored_head(*plan.part, status, reason, plan.fields);
  const auto have = policy::part_in(plan.fields);
  // combinable() with itself: the validator is a strong one.
  if (!have || !have->complete || !policy::combinable(plan.fields, plan.fields)) return std::nullopt;
  plan.complete_bytes = *have->complete;
  const std::array<policy::ByteRange, 1> held{have->range};
  const auto gaps = policy::missing_ranges({0, plan.complete_bytes - 1}, held);
  if (gaps.size() != 1) return std::nullopt;
  plan.gap = gaps.front();
  return plan;
}

std::optional<http::ResponseHead> completed(const Completion& completion, const http::ResponseHead& answer) {
  const auto part = policy::part_of(answer);
  if (!part || part->range != completion.gap || part->complete != completion.complete_bytes) return std::nullopt;
  if (answer.framing != http::Framing::length || !policy::combinable(completion.fields, answer.fields)) return std::nullopt;
  http::Fields merged = completion.fields.clone();
  policy::merge_304(merged, answer.fields);
  merged.remove(FieldId::content_range);
  merged.remove(FieldId::content_length);
  merged.remove_if([](const http::Field& field) { return field.id == FieldId::other && policy::is_content_digest(field.name); });     // of a part
  http::ResponseHead whole;
  whole.status = 200;
  whole.framing = http::Framing::length;
  whole.content_length = completion.complete_bytes;
  whole.fields = std::move(merged);
  return whole;
}

JoinedBody::JoinedBody(std::unique_ptr<origin::Exchange> exchange, const Completion& completion) : exchange_(std::move(exchange)) {
  (completion.part_is_first() ? before_ : behind_) = completion.part;
}

std::optional<origin::Piece> JoinedBody::next_of(store::StoredPtr& part, bool last) {
  std::array<iovec, 1> piece;
  std::uint64_t covered = 0;
  const std::uint64_t left = part->body_bytes() - offset_;
  if (part->body(offset_, left, piece, covered) == 0) piece[0] = {};      // nothing is left of it
  offset_ += covered;
  const bool end = covered == 0 || offset_ == part->body_bytes();
  const origin::Piece out{{static_cast<const char*>(piece[0].iov_base), covered}, end && last};
  if (end) {
    done_ = std::move(part);          // its bytes are still being looked at
    offset_ = 0;
  }
  return out;
}

// The part that is given without asking the origin, if it is its turn.
std::optional<origin::Piece> JoinedBody::stored_piece() {
  if (before_) return next_of(before_, false);
  if (!origin_ended_ || !behind_) return std::nullopt;
  exchange_.reset();                   // the connection is free for others
  return next_of(behind_, true);
}

Result<origin::Piece, origin::Failure> JoinedBody::origin_piece(Result<origin::Piece, origin::Failure> piece) {
  if (piece && piece->end) {
    origin_ended_ = true;
    if (behind_) piece->end = false;
  }
  return piece;
}

std::optional<Result<origin::Piece, origin::Failure>> JoinedBody::try_read() {
  if (auto stored = stored_piece()) return *stored;
  auto piece = exchange_->try_read_body();
  if (!piece) return std::nullopt;
  return origin_piece(std::move(*piece));
}

net::Task<Result<origin::Piece, origin::Failure>> JoinedBody::read() {
  if (auto stored = stored_piece()) co_return *stored;
  Result<origin::Piece, origin::Failure> piece = co_await exchange_->read_body();
  co_return origin_piece(std::move(piece));
}

}  // namespace davenport::server
