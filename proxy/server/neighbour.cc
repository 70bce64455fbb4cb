#include "proxy/server/neighbour.h"

#include <array>
#include <cstring>
#include <string>

#include "proxy/origin/exchange.h"
#include "proxy/server/forward.h"
#include "proxy/server/request.h"
#include "proxy/server/worker.h"
#include "proxy/transform/codec.h"

namespace davenport::server {
namespace {

using policy::Coding;

std::string_view suffix_of(Coding coding) {
  switch (coding) {
    case Coding::gzip: return ".gz";
    case Coding::brotli: return ".br";
    case Coding::zstd: return ".zst";
    case Coding::identity: break;
  }
  return "";
}

// As the key spells it, the suffix before the query.
std::string target_of(const policy::KeyParts& key, Coding coding) {
  std::string target(key.resource.substr(key.resource.find('/')));
  target.insert(std::min(target.find('?'), target.size()), suffix_of(coding));
  return target;
}

// Does `coded` unpack to the source's own bytes?
bool unpacks_to(const store::StoredResponse& source, Coding coding, std::string_view coded) {
  const auto decoder = transform::make_decoder(coding, {source.body_bytes(), ~std::uint32_t{0}});
  if (decoder == nullptr) return false;
  std::uint64_t offset = 0;
  const transform::Decoder::Sink same = [&](std::string_view piece) {
    while (!piece.empty()) {
      std::array<iovec, 16> pieces;
      std::uint64_t covered = 0;
      const std::size_t count = source.body(offset, std::min<std::uint64_t>(piece.size(), source.body_bytes() - offset), pieces, covered);
      if (covered == 0) return false;
      for (std::size_t i = 0; i < count; ++i) {
        if (std::memcmp(pieces[i].iov_base, piece.data(), pieces[i].iov_len) != 0) return false;
        piece.remove_prefix(pieces[i].iov_len);
      }
      offset += covered;
    }
    return true;
  };
  return decoder->feed(coded, same) == transform::Decoder::State::going && decoder->complete() && offset == source.body_bytes();
}

// The bytes of a neighbour that is there and no larger than its source; "": it is not.
net::Task<std::string> ask_for(Worker& worker, const Request& request, Coding coding) {
  http::Fields fields;
  make_origin_fields(request, request.peer, Purpose::store, fields);
  fields.remove(http::FieldId::accept_encoding);
  const std::string target = target_of(request.key, coding);
  origin::OriginRequest ask;
  ask.method_name = "GET";
  ask.method = http::Method::get;
  ask.target = target;
  ask.fields = &fields;
  ask.affinity = request.key.hash.low;
  origin::Exchange exchange(worker.connections(), request.snapshot->clusters[request.route->origin]);
  worker.metrics().origin_requests.add();
  Result<const http::ResponseHead*, origin::Failure> head = co_await exchange.request(ask);
  while (head && (*head)->status < 200) head = co_await exchange.next_head();
  if (!head || (*head)->status != 200) co_return "";
  // A server that knows them may label them itself.
  const http::Fields& came = (*head)->fields;
  if (came.has(http::FieldId::content_encoding) && policy::coding_named(came.get(http::FieldId::content_encoding)) != coding) co_return "";
  std::string bytes;
  for (;;) {
    const Result<origin::Piece, origin::Failure> piece = co_await exchange.read_body();
    if (!piece) co_return "";
    worker.metrics().origin_bytes_in.add(piece->bytes.size());
    bytes.append(piece->bytes);
    if (bytes.size() >= request.stored->body_bytes()) co_return "";
    if (piece->end) co_return bytes;
  }
}

}  // namespace

bool Neighbours::begin(const Hash128& name, SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  if (missing_until_.size() >= kMost) missing_until_.clear();
  SteadyTime& until = missing_until_[name];
  if (until > now) return false;
  until = now + kMissingFor;
  return true;
}

void Neighbours::found(const Hash128& name) {
  const std::scoped_lock lock(mutex_);
  missing_until_.erase(name);
}

net::Task<store::StoredPtr> form_of_neighbour(Worker& worker, const Request& request, Coding coding) {
  Shared& shared = worker.shared();
  const store::StoredPtr source = request.stored;
  if (source->coding() != Coding::identity || coding == Coding::identity || source->facts().status != 200) co_return nullptr;
  const Hash128 name = hash128(suffix_of(coding), request.key.hash.low ^ request.key.hash.high);
  if (!shared.neighbours.begin(name, worker.loop().now())) co_return nullptr;
  const std::string coded = co_await ask_for(worker, request, coding);
  if (coded.empty() || !unpacks_to(*source, coding, coded)) co_return nullptr;
  shared.neighbours.found(name);
  const store::FillPtr fill = shared.store.begin_fill(coded.size());
  if (fill == nullptr || !fill->append(coded)) co_return nullptr;
  const std::string head = policy::form_head(source->head(), coding, coded.size(), true);
  store::StoredPtr form;
  static_cast<void>(shared.store.add_form(*source, coding, true, fill, head, &form));
  co_return form;
}

}  // namespace davenport::server
