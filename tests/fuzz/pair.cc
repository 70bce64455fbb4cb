// A whole connection pair through the real code: two clients, the proxy with its store, and an origin, all bytes of which are the
// input's, in the input's order. What must hold whatever they say:
//   - what reaches the origin is well-formed requests, each whole before the next, for targets that a client has sent, with fields of the
//     same client's;
//   - an answer that a client gets whole is one that the origin framed whole, for a target that this client asked for;
//     so a cut answer never ends cleanly, and nobody gets bytes of another's;
//   - what is stored is what the origin framed whole, under the target that it was asked for;
//   - everything ends when both sides have, and nothing is left behind.
// Input: a choice of settings, then pieces, each behind a byte that says whose it is (below).
#include <algorithm>

#include "fuzz/fuzz.h"
#include "fuzz/pair.h"
#include "fuzz/pair_checks.h"

namespace davenport::fuzz {
namespace {

// What begins a piece. None of these may stand in a head, so that seeds are readable.
enum Whose : char { kFirst = 1, kSecond = 2, kOrigin = 3, kOriginEnds = 4, kFirstHalfCloses = 5, kSecondLeaves = 6, kPurge = 7 };

void check_client(const Pair& pair, std::size_t client, const std::vector<Whole>& origin) {
  std::string_view asked = pair.sent(client), got = pair.received(client);
  http::ResponseParser responses(kWide);
  http::RequestHead request;
  http::ResponseHead response;
  while (!got.empty()) {
    // The method that the answer is to; behind a body or a mistake it is not known from here.
    http::RequestParser requests(kWide);
    const http::ParseResult parsed = requests.parse(asked, request);
    if (parsed.state != http::ParseState::done || request.framing != http::Framing::none) return;
    const http::Method method = request.method;
    asked.remove_prefix(parsed.consumed);
    http::ParseResult result;
    do {
      result = responses.parse(got, method, response);
      require(result.state != http::ParseState::error, "what a client gets is a response");
      if (result.state != http::ParseState::done) return;
      got.remove_prefix(result.consumed);
    } while (response.status < 200 && response.status != 101);
    if (response.status == 101 || response.framing == http::Framing::until_close) return;
    const auto body = framed(response, got, false);
    if (!body) return;                             // cut, and it shows
    const bool relayed = response.fields.has(http::FieldId::cache_status);
    if (!relayed || method == http::Method::head || response.status == 206 || response.status == 304 || response.status == 416 ||
        response.status == 412) {
      continue;
    }
    const bool known = std::any_of(origin.begin(), origin.end(), [&](const Whole& whole) {
      return whole.body == *body && asked_for(pair.sent(client), whole.target);
    });
    if (!known) std::fprintf(stderr, "client %zu got: %s\n", client, body->c_str());
    require(known, "a whole answer is one that the origin framed whole for a target of this client's");
  }
}

bool one_client_said(const Pair& pair, const Exchanged& exchange) {
  for (std::size_t client = 0; client < Pair::kClients; ++client) {
    const std::string& sent = pair.sent(client);
    const bool all = std::all_of(exchange.own.begin(), exchange.own.end(), [&](const std::string& value) { return sent.find(value) != std::string::npos; });
    if (all && asked_for(sent, exchange.target)) return true;
  }
  return false;
}

void play(Pair& pair, char whose, std::string_view bytes) {
  switch (whose) {
    case kFirst: pair.send(0, bytes); break;
    case kSecond: pair.send(1, bytes); break;
    case kOrigin: pair.answer(bytes); break;
    case kOriginEnds: pair.close_origin(); break;
    case kFirstHalfCloses: pair.half_close(0); break;
    case kSecondLeaves: pair.leave(1); break;
    case kPurge: pair.purge(); break;
    default: break;
  }
  pair.turn();
}

// A plain request gets through: a world in which nothing does would break no invariant.
bool works() {
  Pair pair(settings().front());
  play(pair, kFirst, "GET /works HTTP/1.1\r\nHost: a\r\n\r\n");
  play(pair, kOrigin, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
  pair.end();
  require(pair.exchanges().size() == 1 && pair.received(0).ends_with("\r\n\r\nyes"), "a plain request gets its answer");
  return true;
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  static const bool works = fuzz::works();
  if (!works) return 0;
  fuzz::Input input(data, size);
  fuzz::Pair pair(fuzz::settings()[input.choice() % fuzz::settings().size()]);
  std::string_view rest = input.rest();
  for (int pieces = 0; !rest.empty() && pieces < 64; ++pieces) {
    const char whose = rest.front();
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.size(), rest.find_first_of("\1\2\3\4\5\6\7"));
    fuzz::play(pair, whose, rest.substr(0, end));
    rest.remove_prefix(end);
  }
  pair.end();
  for (const auto& exchange : pair.exchanges()) {
    fuzz::require(fuzz::asked_for(pair.sent(0) + pair.sent(1), exchange->target), "the origin is asked for what a client asked for");
    fuzz::require(fuzz::one_client_said(pair, *exchange), "the fields of a request are those of one client, who asked for its target");
  }
  const std::vector<fuzz::Whole> origin = fuzz::whole_answers(pair);
  // Parts are put together here: no body need be one that the origin framed.
  if (std::any_of(origin.begin(), origin.end(), [](const fuzz::Whole& whole) { return whole.status == 206; })) return 0;
  for (std::size_t client = 0; client < fuzz::Pair::kClients; ++client) fuzz::check_client(pair, client, origin);
  fuzz::check_store(pair, origin);
  return 0;
}
