// A whole connection of HTTP/2 through the real code (pair.h), beside one of HTTP/1.1 and an origin. What must hold beyond what holds of
// a pair, whatever frames come:
//   - what the client gets are frames in an order that RFC 9113 allows: one final head a stream, DATA behind it, nothing behind its end;
//   - heads are HPACK, with names in lower case and no field that concerns a connection;
//   - a stream that ends with END_STREAM brought a body that the origin framed whole, for a target of this client's.
// Input: a choice of settings, then pieces, each behind a byte that says what it is. A head's fields are lines, so that seeds are
// readable: kHead, stream, flags, ":method GET\n:path /a".
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <map>

#include "fuzz/fuzz.h"
#include "fuzz/pair.h"
#include "fuzz/pair_checks.h"

namespace davenport::fuzz {
namespace {

enum What : char { kHead = 1, kData = 2, kFrame = 3, kRaw = 4, kOrigin = 5, kOriginEnds = 6, kPurge = 7, kOther = 8, kLeaves = 11 };
constexpr const char* kKinds = "\1\2\3\4\5\6\7\10\13";

// "a" is stream 1, "b" 3, …; "0" the connection; "2" an even one.
std::uint32_t stream_of(char letter) {
  if (letter == '0') return 0;
  return letter == '2' ? 2 : 1 + 2 * (static_cast<unsigned char>(letter) % 32u);
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  const std::size_t size = payload.size();
  std::string out{static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size), static_cast<char>(type), static_cast<char>(flags),
                  static_cast<char>(stream >> 24), static_cast<char>(stream >> 16), static_cast<char>(stream >> 8), static_cast<char>(stream)};
  return out.append(payload);
}

void append_string(std::string& out, std::string_view text) {
  text = text.substr(0, 126);
  out.push_back(static_cast<char>(text.size()));
  out.append(text);
}

// "name value" lines as literals without indexing.
std::string block(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    const std::size_t space = std::min(line.find(' '), line.size());
    out.push_back(0);
    append_string(out, line.substr(0, space));
    append_string(out, line.substr(std::min(line.size(), space + 1)));
  }
  return out;
}

char take(std::string_view& bytes) {
  if (bytes.empty()) return 'a';
  const char first = bytes.front();
  bytes.remove_prefix(1);
  return first;
}

void play(Pair& pair, char what, std::string_view bytes) {
  switch (what) {
    case kHead: {
      const std::uint32_t stream = stream_of(take(bytes));
      const auto flags = static_cast<std::uint8_t>(take(bytes));     // '%': ends both the head and the stream; '$': the head alone
      pair.send(0, frame(NGHTTP2_HEADERS, flags, stream, block(bytes)));
      break;
    }
    case kData: {
      const std::uint32_t stream = stream_of(take(bytes));
      pair.send(0, frame(NGHTTP2_DATA, static_cast<std::uint8_t>(take(bytes)), stream, bytes));
      break;
    }
    case kFrame: {
      const auto type = static_cast<std::uint8_t>(take(bytes) % 16);
      const std::uint32_t stream = stream_of(take(bytes));
      pair.send(0, frame(type, static_cast<std::uint8_t>(take(bytes)), stream, bytes));
      break;
    }
    case kRaw: pair.send(0, bytes); break;
    case kOrigin: pair.answer(bytes); break;
    case kOriginEnds: pair.close_origin(); break;
    case kPurge: pair.purge(); break;
    case kOther: pair.send(1, bytes); break;
    case kLeaves: pair.leave(0); break;
    default: break;
  }
  pair.turn();
}

struct Answer {
  int status = 0;
  bool head = false, relayed = false, ended = false;
  std::string body;
};

class Checker {
 public:
  explicit Checker(const Pair& pair) : pair_(pair) { nghttp2_hd_inflate_new(&inflater_); }
  ~Checker() { nghttp2_hd_inflate_del(inflater_); }
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  void run(const std::vector<Whole>& origin) {
    std::string_view got = pair_.received(0);
    while (got.size() >= 9) {
      const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(got[i])); };
      const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
      const std::uint32_t type = byte(3), flags = byte(4), stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
      require(size <= 16'384, "no frame is larger than the client takes");
      if (got.size() < 9 + size) return;
      take(type, flags, stream, got.substr(9, size));
      got.remove_prefix(9 + size);
    }
    for (const auto& entry : answers_) {
      const Answer& answer = entry.second;
      if (!answer.ended || !answer.relayed || answer.body.empty() || answer.status == 206 || answer.status == 416) continue;
      const bool known = std::any_of(origin.begin(), origin.end(),
                                     [&](const Whole& whole) { return whole.body == answer.body && asked_for(pair_.sent(0), whole.target); });
      if (!known) std::fprintf(stderr, "stream %u got: %s\n", entry.first, answer.body.c_str());
      require(known, "a stream that has ended brought what the origin framed whole for a target of this client's");
    }
  }

 private:
  void take(std::uint32_t type, std::uint32_t flags, std::uint32_t stream, std::string_view payload) {
    require(type != NGHTTP2_PUSH_PROMISE && type != NGHTTP2_PRIORITY, "the server sends no such frames");
    if (type == NGHTTP2_DATA) {
      Answer& answer = answers_[stream];
      require(answer.head && !answer.ended, "DATA follows a final head, and nothing follows the end");
      answer.body.append(payload);
      answer.ended = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
    }
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_CONTINUATION) return;
    block_.append(payload);
    if (type == NGHTTP2_HEADERS) ends_ = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if ((flags & NGHTTP2_FLAG_END_HEADERS) != 0) take_head(answers_[stream]);
  }

  void take_head(Answer& answer) {
    std::string_view rest = block_;
    int status = 0;
    for (;;) {
      nghttp2_nv line;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &line, &flags, reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size(), 1);
      require(used >= 0, "a head is HPACK");
      rest.remove_prefix(static_cast<std::size_t>(used));
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        const std::string name(reinterpret_cast<const char*>(line.name), line.namelen), value(reinterpret_cast<const char*>(line.value), line.valuelen);
        for (const char c : name) require(c > 0x20 && c < 0x7f && (c < 'A' || c > 'Z'), "names are tokens in lower case");
        for (const char* of_connection : {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"}) {
          require(name != of_connection, "no field concerns the connection");
        }
        if (name == ":status") status = std::atoi(value.c_str());
        if (name == "cache-status") answer.relayed = true;
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && rest.empty()) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    block_.clear();
    require(!answer.ended, "nothing follows the end");
    if (answer.head) require(status == 0 && ends_, "only trailers follow a final head");
    else require(status >= 100 && status != 101 && (status >= 200 || !ends_), "a head has a status, and an interim one ends nothing");
    if (status >= 200) {
      answer.head = true;
      answer.status = status;
    }
    answer.ended = ends_;
  }

  const Pair& pair_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::map<std::uint32_t, Answer> answers_;
  std::string block_;
  bool ends_ = false;
};

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  fuzz::Input input(data, size);
  fuzz::Pair pair(fuzz::settings()[input.choice() % fuzz::settings().size()]);
  pair.send(0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + fuzz::frame(NGHTTP2_SETTINGS, 0, 0, ""));
  pair.turn();
  pair.send(0, fuzz::frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, ""));
  std::string_view rest = input.rest();
  for (int pieces = 0; !rest.empty() && pieces < 64; ++pieces) {
    const char what = rest.front();
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.size(), rest.find_first_of(fuzz::kKinds));
    fuzz::play(pair, what, rest.substr(0, end));
    rest.remove_prefix(end);
  }
  pair.end();
  const std::vector<fuzz::Whole> origin = fuzz::whole_answers(pair);
  const bool parts = std::any_of(origin.begin(), origin.end(), [](const fuzz::Whole& whole) { return whole.status == 206; });
  const bool tunnels = std::any_of(pair.exchanges().begin(), pair.exchanges().end(), [](const auto& exchange) { return exchange->upgrade; });
  if (tunnels) return 0;                               // a tunnel's bytes are nobody's answer
  fuzz::Checker(pair).run(parts ? std::vector<fuzz::Whole>{} : origin);
  if (!parts) fuzz::check_store(pair, origin);
  return 0;
}
