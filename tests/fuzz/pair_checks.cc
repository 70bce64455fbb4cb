#include "fuzz/pair_checks.h"

#include <algorithm>
#include <array>

#include "config/load.h"
#include "fuzz/fuzz.h"

namespace davenport::fuzz {

const std::vector<config::ConfigPtr>& settings() {
  static const std::vector<config::ConfigPtr> all = [] {
    std::vector<config::ConfigPtr> made;
    const std::string origin = "[admin]\nenabled = false\n[origin.app]\nservers = [\"unix:" + Pair::directory() + "/origin\"]\nretries = ";
    const std::string listen = "workers = 1\nlisten = [\"unix:" + Pair::directory() + "/unused\"]\n";
    for (const std::string& text : {
             listen + origin + "0\n[cache]\nmemory = \"1MiB\"\n[[route]]\norigin = \"app\"\n[route.cache]\nstale_if_slow = \"0s\"\ncompression.enabled = false\n",
             listen + origin + "1\n[cache]\nmemory = \"1MiB\"\nmax_object = \"2KiB\"\n[limits]\nwindow = \"16KiB\"\nhead = \"1KiB\"\ntarget = \"512\"\nbody = \"256\"\n"
                 "requests_per_connection = 4\n[[route]]\norigin = \"app\"\n[route.cache]\nstale_if_slow = \"0s\"\ncompression.enabled = false\nconvert_head = false\ncoalesce = false\n",
             listen + origin + "0\n[cache]\nmemory = \"1MiB\"\nstrict_rfc = true\n[[route]]\norigin = \"app\"\n[route.cache]\nstale_if_slow = \"0s\"\ncompression.enabled = false\n"
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

bool asked_for(const std::string& sent, const std::string& target) {
  return sent.find(target) != std::string::npos || sent.find('%') != std::string::npos || target == "/" || target == "*";
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

}  // namespace davenport::fuzz
