#include "proxy/server/passing.h"

#include "core/http/serializer.h"
#include "proxy/server/client.h"
#include "proxy/server/form.h"

namespace davenport::server {

using policy::Coding;

constexpr std::uint32_t kMostEncoders = 64;    // at once on a worker, of up to 2 MiB each; others get what they can have uncoded


Passing::~Passing() {
  end_encoder();
  if (in_bytes_ == 0) return;
  client_.worker().metrics().passed_coded.add();
  client_.worker().metrics().passed_bytes_in.add(in_bytes_);
  client_.worker().metrics().passed_bytes_out.add(out_bytes_);
}

void Passing::choose(int status, const http::Fields& response, std::optional<std::uint64_t> length, bool passed) {
  coding_ = coding_on_the_way(client_.worker(), request_, status, response, length, passed);
  if (!codes()) return;
  std::uint32_t& live = client_.worker().passing_encoders();
  if (live < kMostEncoders) encoder_ = make_passing_encoder(coding_, request_.rules().compression);
  if (encoder_ == nullptr) coding_ = Coding::identity;
  else ++live;
}

http::Fields Passing::fields(const http::Fields& of) const {
  http::Fields out = of.clone();
  policy::make_form_fields(out, coding_);
  policy::vary_by_coding(out);
  // Its date would be taken for a strong validator of these bytes, and the origin would go on with others (RFC 9110 §8.8.2.2, §13.1.5).
  out.remove(http::FieldId::last_modified);
  return out;
}

void Passing::feed(std::string_view bytes, transform::Flush flush) {
  if (encoder_ == nullptr || failed_) return;
  in_bytes_ += bytes.size();
  since_pause_ += bytes.size();
  coded_.clear();
  failed_ = !encoder_->feed(bytes, flush, coded_);
  if (failed_ || coded_.empty()) return;
  Output& out = client_.output();
  std::string& text = out.begin_text();
  const std::size_t at = text.size();
  if (chunked_) http::append_chunk_size(text, coded_.size());
  text.append(coded_);
  if (chunked_) text.append("\r\n");
  out.end_text(at);
  out_bytes_ += coded_.size();
  account_.body_bytes += coded_.size();
}

void Passing::append(std::string_view bytes) {
  if (bytes.empty()) return;
  unflushed_ = true;
  feed(bytes, transform::Flush::none);
}

void Passing::flush() {
  if (!std::exchange(unflushed_, false)) return;
  feed({}, transform::Flush::sync);
}

void Passing::finish() {
  feed({}, transform::Flush::end);
  end_encoder();                               // a reader may take its time for what has been coded
}

void Passing::end_encoder() {
  if (encoder_ == nullptr) return;
  encoder_.reset();
  --client_.worker().passing_encoders();
}

net::Task<void> Passing::pause() {
  if (since_pause_ < kSliceBytes) co_return;
  since_pause_ = 0;
  net::Loop& loop = client_.worker().loop();
  co_await net::yield(loop);
}

}  // namespace davenport::server
