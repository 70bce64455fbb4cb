#include "cache/redis/record.h"

#include <charconv>

#include "cache/policy/key.h"
#include "core/base/text.h"
#include "core/http/bytes.h"
#include "core/http/grammar.h"
#include "core/net/mac.h"

namespace davenport::redis {
namespace {

constexpr std::string_view kMagic = "DVR3";
constexpr std::size_t kPreamble = 8, kSumBytes = 8, kMacBytes = 32;
constexpr std::uint64_t kSeed = 0x6461'7665'6e70'6f72;   // the same on every instance
constexpr std::size_t kMaxTags = 0xffff;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  template <class Number>
  void number(Number value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(Number); ++i, bits >>= 8) out_.push_back(static_cast<char>(bits & 0xff));
  }
  void text(std::string_view bytes) {
    number(static_cast<std::uint32_t>(bytes.size()));
    out_.append(bytes);
  }

 private:
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  template <class Number>
  Number number() {
    if (rest_.size() < sizeof(Number)) return fail(), Number{};
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) bits |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    rest_.remove_prefix(sizeof(Number));
    return static_cast<Number>(bits);
  }
  std::string_view text() {
    const auto size = number<std::uint32_t>();
    if (size > rest_.size()) return fail(), std::string_view{};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  bool ended() const { return !failed_ && rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  std::string_view rest_;
  bool failed_ = false;
};

enum Flag : std::uint16_t {
  kMustRevalidate = 1, kNoCache = 2, kImmutable = 4, kHeuristic = 8, kForced = 16, kValidator = 32, kAuthorization = 64,
  kSieStated = 128, kTargeted = 256, kRelabelled = 512, kCodable = 1024, kAllFlags = 2047,
};

std::uint16_t flags_of(const policy::StoredFacts& facts) {
  return static_cast<std::uint16_t>((facts.must_revalidate ? kMustRevalidate : 0) | (facts.no_cache ? kNoCache : 0) |
                                    (facts.immutable ? kImmutable : 0) | (facts.heuristic ? kHeuristic : 0) |
                                    (facts.forced ? kForced : 0) | (facts.has_validator ? kValidator : 0) |
                                    (facts.shared_with_authorization ? kAuthorization : 0) | (facts.sie_stated ? kSieStated : 0) |
                                    (facts.targeted ? kTargeted : 0) | (facts.relabelled ? kRelabelled : 0));
}

void write_facts(Writer& out, const Record& record) {
  const policy::StoredFacts& facts = record.facts;
  out.number(WallSeconds(facts.date).time_since_epoch().count());
  out.number(WallSeconds(facts.response_time).time_since_epoch().count());
  for (const std::uint32_t each : {facts.initial_age, facts.lifetime, facts.stale_while_revalidate, facts.stale_if_error, facts.keep}) {
    out.number(each);
  }
  out.number(facts.status);
  out.number(static_cast<std::uint16_t>(flags_of(facts) | (record.codable ? kCodable : 0)));
}

bool read_facts(Reader& in, Record& record) {
  policy::StoredFacts& facts = record.facts;
  const WallSeconds date(Seconds(in.number<std::int64_t>()));
  const WallSeconds response_time(Seconds(in.number<std::int64_t>()));
  facts.date = date;
  facts.response_time = response_time;
  for (std::uint32_t* each : {&facts.initial_age, &facts.lifetime, &facts.stale_while_revalidate, &facts.stale_if_error, &facts.keep}) {
    *each = in.number<std::uint32_t>();
    if (*each > (1u << 31)) return false;
  }
  facts.status = in.number<std::uint16_t>();
  const auto flags = in.number<std::uint16_t>();
  facts.must_revalidate = (flags & kMustRevalidate) != 0;
  facts.no_cache = (flags & kNoCache) != 0;
  facts.immutable = (flags & kImmutable) != 0;
  facts.heuristic = (flags & kHeuristic) != 0;
  facts.forced = (flags & kForced) != 0;
  facts.has_validator = (flags & kValidator) != 0;
  facts.shared_with_authorization = (flags & kAuthorization) != 0;
  facts.sie_stated = (flags & kSieStated) != 0;
  facts.targeted = (flags & kTargeted) != 0;
  facts.relabelled = (flags & kRelabelled) != 0;
  record.codable = (flags & kCodable) != 0;
  // Times that write_facts() never says.
  constexpr std::int64_t kFarthest = std::int64_t{1} << 32;
  const auto sane = [](WallSeconds time) { return time.time_since_epoch().count() >= 0 && time.time_since_epoch().count() < kFarthest; };
  return sane(date) && sane(response_time) && (flags & ~kAllFlags) == 0;
}

bool is_status_line(std::string_view line, std::uint16_t status) {
  if (line.size() < 13 || !line.starts_with("HTTP/1.1 ") || line[12] != ' ') return false;
  std::uint32_t number = 0;
  for (std::size_t i = 9; i < 12; ++i) {
    if (line[i] < '0' || line[i] > '9') return false;
    number = number * 10 + static_cast<std::uint32_t>(line[i] - '0');
  }
  return number == status;
}

// Of a field line "name: value": may it stand in a head that is sent as it stands? Content-Length is counted and compared.
bool is_line(std::string_view name, std::string_view value, std::size_t body_bytes, int& lengths) {
  if (iequals(name, "transfer-encoding") || iequals(name, "connection")) return false;
  if (!iequals(name, "content-length")) return true;
  ++lengths;
  char digits[24];
  const char* const end = std::to_chars(digits, digits + sizeof digits, body_bytes).ptr;
  return trim_ows(value) == std::string_view(digits, end);
}

// Is this a head that may be sent as it stands, and does its framing fit the body?
bool is_head(std::string_view head, const policy::StoredFacts& facts, std::size_t body_bytes) {
  namespace bytes = http::bytes;
  const char* at = head.data();
  const char* const end = at + head.size();
  const auto line_ends_at = [end](const char* p) { return end - p >= 2 && p[0] == '\r' && p[1] == '\n'; };
  if (facts.status < 200 || facts.status > 599) return false;
  if (head.starts_with("HTTP/")) {
    const char* const stop = bytes::skip_value(at, end);
    if (!line_ends_at(stop) || !is_status_line({at, stop}, facts.status)) return false;
    at = stop + 2;
  }
  int lengths = 0;
  for (const char* stop = nullptr; !line_ends_at(at); at = stop + 2) {      // the empty line ends it
    const char* const colon = bytes::skip(at, end, bytes::kToken);
    if (colon == at || colon == end || *colon != ':') return false;
    stop = bytes::skip_value(colon + 1, end);
    if (!line_ends_at(stop) || !is_line({at, colon}, {colon + 1, stop}, body_bytes, lengths)) return false;
  }
  const bool bodiless = facts.status == 204;
  if (at + 2 != end) return false;
  return bodiless ? lengths == 0 && body_bytes == 0 : lengths == 1;
}

void append_seal(std::string& out, std::string_view mac_key) {
  if (mac_key.empty()) {
    Writer(out).number(hash64(out, kSeed));
    return;
  }
  const net::Mac mac = net::hmac_sha256(mac_key, out);
  out.append(reinterpret_cast<const char*>(mac.data()), mac.size());
}

bool is_sealed(std::string_view bytes, std::string_view seal, std::string_view mac_key) {
  if (!mac_key.empty()) return net::same_mac(net::hmac_sha256(mac_key, bytes), seal);
  return Reader(seal).number<std::uint64_t>() == hash64(bytes, kSeed);
}

Result<Record, Damage> read_response(Reader& in, Record record) {
  record.selector = in.text();
  if (!read_facts(in, record)) return Damage::shape;
  const auto tags = in.number<std::uint16_t>();
  if (tags > kMaxTags) return Damage::shape;
  for (std::uint16_t i = 0; i < tags && !in.failed(); ++i) {
    const auto low = in.number<std::uint64_t>();
    record.tags.push_back({low, in.number<std::uint64_t>()});
  }
  record.head = in.text();
  record.body = in.text();
  if (!in.ended() || !is_head(record.head, record.facts, record.body.size())) return Damage::shape;
  return record;
}

void append_hex(std::string& out, const Hash128& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  char hex[32];
  char* at = hex;
  for (const std::uint64_t half : {hash.high, hash.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) *at++ = kDigits[(half >> shift) & 15];
  }
  out.append(hex, sizeof hex);
}

}  // namespace

std::string_view name_of(Damage damage) {
  switch (damage) {
    case Damage::truncated: return "truncated";
    case Damage::version: return "version";
    case Damage::seal: return "seal";
    case Damage::key: return "key";
    case Damage::shape: return "shape";
  }
  __builtin_unreachable();
}

std::string encode(const Record& record, const std::vector<std::string_view>& body, std::string_view mac_key) {
  std::size_t body_bytes = 0;
  for (const std::string_view piece : body) body_bytes += piece.size();
  std::string out;
  out.reserve(kPreamble + record.key.size() + record.selector.size() + record.head.size() + record.vary.size() +
              record.tags.size() * sizeof(Hash128) + body_bytes + 160);
  Writer writer(out);
  out.append(kMagic);
  writer.number(static_cast<std::uint8_t>(record.kind));
  writer.number(static_cast<std::uint8_t>(mac_key.empty() ? 0 : 1));
  writer.number(std::uint16_t{0});
  writer.number(record.pid.position);
  writer.number(record.pid.nonce);
  writer.text(record.key);
  if (record.kind == Record::Kind::varies) {
    writer.text(record.vary);
  } else {
    writer.text(record.selector);
    write_facts(writer, record);
    writer.number(static_cast<std::uint16_t>(record.tags.size()));
    for (const Hash128& tag : record.tags) {
      writer.number(tag.low);
      writer.number(tag.high);
    }
    writer.text(record.head);
    writer.number(static_cast<std::uint32_t>(body_bytes));
    for (const std::string_view piece : body) out.append(piece);
  }
  append_seal(out, mac_key);
  return out;
}

Result<Record, Damage> decode(std::string_view value, std::string_view key, std::string_view mac_key) {
  const std::size_t seal_bytes = mac_key.empty() ? kSumBytes : kMacBytes;
  if (value.size() < kPreamble + seal_bytes) return Damage::truncated;
  if (!value.starts_with(kMagic)) return Damage::version;
  const std::string_view sealed = value.substr(0, value.size() - seal_bytes);
  const bool has_mac = value[5] == 1;
  if (has_mac == mac_key.empty()) return Damage::seal;          // an unsealed record is none where a key is set
  if (!is_sealed(sealed, value.substr(sealed.size()), mac_key)) return Damage::seal;
  Reader in(sealed.substr(kMagic.size()));
  Record record;
  const auto kind = in.number<std::uint8_t>();
  static_cast<void>(in.number<std::uint8_t>());
  if (in.number<std::uint16_t>() != 0) return Damage::version;
  record.pid.position = in.number<std::uint64_t>();
  record.pid.nonce = in.number<std::uint64_t>();
  record.key = in.text();
  if (in.failed()) return Damage::shape;
  if (record.key != key) return Damage::key;
  if (kind == static_cast<std::uint8_t>(Record::Kind::response)) return read_response(in, std::move(record));
  if (kind != static_cast<std::uint8_t>(Record::Kind::varies)) return Damage::version;
  record.kind = Record::Kind::varies;
  record.vary = in.text();
  if (!in.ended() || record.vary.empty() || !http::is_field_value(record.vary)) return Damage::shape;
  return record;
}

std::string record_key(std::string_view prefix, std::string_view key) {
  std::string out;
  out.reserve(prefix.size() + 34);
  out.append(prefix).push_back('{');
  append_hex(out, hash128(key, kSeed));
  out.push_back('}');
  return out;
}

std::string variant_key(std::string_view record_key, std::string_view selector) {
  std::string out;
  out.reserve(record_key.size() + 33);
  out.append(record_key).push_back(':');
  append_hex(out, hash128(selector, kSeed));
  return out;
}

}  // namespace davenport::redis
