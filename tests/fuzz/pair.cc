// A whole connection pair through the real code: two clients, the proxy with its store, and an origin, all bytes of which are the
// input's, in the input's order. What must hold whatever they say:
//   - what reaches the origin is well-formed requests, each whole before the next, for targets that a client has sent;
//   - an answer that a client gets whole is one that the origin framed whole, for a target that this client asked for;
//     so a cut answer never ends cleanly, and nobody gets bytes of another's;
//   - what is stored is what the origin framed whole, under the target that it was asked for;
//   - everything ends when both sides have, and nothing is left behind.
// Input: a choice of settings, then pieces, each behind a byte that says whose it is (below).
#include <algorithm>

#include "config/load.h"
#include "core/http/serializer.h"
#include "fuzz/fuzz.h"
#include "fuzz/pair.h"

namespace davenport::fuzz {
namespace {

const http::HeadLimits kWide{.head_bytes = 1 << 20, .field_count = 10'000, .target_bytes = 1 << 20};

// What begins a piece. None of these may stand in a head, so that seeds are readable.
enum Whose : char { kFirst = 1, kSecond = 2, kOrigin = 3, kOriginEnds = 4, kFirstHalfCloses = 5, kSecondLeaves = 6, kPurge = 7 };

const std::vector<config::ConfigPtr>& settings() {
  static const std::vector<config::ConfigPtr> all = [] {
    std::vector<config::ConfigPtr> made;
    const std::string origin = "[admin]\nenabled = false\n[origin.app]\nservers = [\"unix:" + Pair::directory() + "/origin\"]\nretries = ";
    const std::string listen = "workers = 1\nlisten = [\"unix:" + Pair::directory() + "/unused\"]\n";
    for (const std::string& text : {
             listen + origin + "0\n[cache]\nmemory = \"1MiB\"\n[[route]]\norigin = \"app\"\n[route.cache]\nstale_if_slow = \"0s\"\n",
             listen + origin + "1\n[cache]\nmemory = \"1MiB\"\nmax_object = \"2KiB\"\n[limits]\nwindow = \"16KiB\"\nhead = \"1KiB\"\ntarget = \"512\"\nbody = \"256\"\n"
                 "requests_per_connection = 4\n[[route]]\norigin = \"app\"\n[route.cache]\nstale_if_slow = \"0s\"\nconvert_head = false\ncoalesce = false\n",
             listen + origin + "0\n[cache]\nmemory = \"1MiB\"\nstrict_rfc = true\n[[route]]\norigin = \"app\"\n[route.cache]\nstale_if_slow = \"0s\"\n"
                 "max_variants = 2\ndefault_ttl = \"60s\"\nstale_while_revalidate = \"60s\"\nset_cookie = \"keep\"\ncontent_language = true\n"}) {
      const auto loaded = config::load(text, "fuzz.toml");
      if (!loaded) std::fprintf(stderr, "%s\n%s\n", text.c_str(), config::to_text(loaded.error().front(), "fuzz.toml").c_str());
      require(loaded.has_value(), "the settings are valid");
      made.push_back(*loaded);
    }
    return made;
  }();
  return all;
}

// A message's body as its head frames it; nullopt where it is not whole.
std::optional<std::string> framed(const http::ResponseHead& head, std::string_view& rest, bool ended) {
  std::string body;
  if (head.framing == http::Framing::none) return body;
  if (head.framing == http::Framing::length) {
    if (rest.size() < head.content_length) return std::nullopt;
    body.assign(rest.substr(0, head.content_length));
    rest.remove_prefix(head.content_length);
    return body;
  }
  if (head.framing == http::Framing::until_close) {
    if (!ended) return std::nullopt;
    body.assign(rest);
    rest = {};
    return body;
  }
  http::ChunkedDecoder decoder(kWide);
  http::Fields trailers;
  http::ChunkedDecoder::Step step;
  do {
    step = decoder.feed(rest, trailers);
    body.append(step.content);
    rest.remove_prefix(step.consumed);
  } while (step.state == http::ParseState::content);
  if (step.state != http::ParseState::done) return std::nullopt;
  return body;
}

struct Whole {
  int status = 0;
  std::string target, body;
};

// The answers that the origin framed whole.
std::vector<Whole> whole_answers(const Pair& pair) {
  std::vector<Whole> all;
  for (const auto& exchange : pair.exchanges()) {
    std::string_view rest = exchange->answer;
    http::ResponseParser parser(kWide);
    http::ResponseHead head;
    http::ParseResult result;
    do {
      result = parser.parse(rest, http::method_of(exchange->method), head);
      if (result.state == http::ParseState::done) rest.remove_prefix(result.consumed);
    } while (result.state == http::ParseState::done && head.status < 200 && head.status != 101);
    if (result.state != http::ParseState::done) continue;
    if (auto body = framed(head, rest, exchange->ended)) all.push_back({head.status, exchange->target, std::move(*body)});
  }
  return all;
}

// Targets are compared as the client sent them: where their spelling is changed on the way, any will do.
bool asked_for(const std::string& sent, const std::string& target) {
  return sent.find(target) != std::string::npos || sent.find('%') != std::string::npos || target == "/" || target == "*";
}

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

void check_store(Pair& pair, const std::vector<Whole>& origin) {
  pair.store().sweep([&](const store::StoredResponse& stored) {
    if (stored.marker() || stored.facts().partial) return false;
    std::string body;
    while (body.size() < stored.body_bytes()) {
      std::array<iovec, 8> pieces;
      std::uint64_t covered = 0;
      const std::size_t count = stored.body(body.size(), stored.body_bytes() - body.size(), pieces, covered);
      require(count > 0 && covered > 0, "a stored body is all there");
      for (std::size_t i = 0; i < count; ++i) body.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    }
    const bool known = std::any_of(origin.begin(), origin.end(), [&](const Whole& whole) {
      return whole.body == body && std::string(stored.resource()).ends_with(whole.target);
    });
    if (!known) std::fprintf(stderr, "stored: %s: %s\n", std::string(stored.resource()).c_str(), body.c_str());
    require(known, "what is stored is what the origin framed whole for that target");
    return false;
  });
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

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
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
  }
  const std::vector<fuzz::Whole> origin = fuzz::whole_answers(pair);
  // Parts are put together here: no body need be one that the origin framed.
  if (std::any_of(origin.begin(), origin.end(), [](const fuzz::Whole& whole) { return whole.status == 206; })) return 0;
  for (std::size_t client = 0; client < fuzz::Pair::kClients; ++client) fuzz::check_client(pair, client, origin);
  fuzz::check_store(pair, origin);
  return 0;
}
