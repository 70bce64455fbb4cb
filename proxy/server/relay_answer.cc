#include "proxy/server/relay_answer.h"

#include "cache/policy/coding.h"
#include "cache/policy/validate.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"
#include "proxy/server/answer.h"
#include "proxy/server/cache_status.h"
#include "proxy/server/forward.h"
#include "proxy/server/hit.h"
#include "proxy/server/keep.h"
#include "proxy/server/passing.h"

namespace davenport::server {
namespace {

// What the client is told of the body's length, of an answer that is neither coded here nor an upgrade.
void append_length(std::string& text, const http::ResponseHead& head, bool head_only) {
  const bool none = head.framing == http::Framing::none;
  if (head.framing == http::Framing::length || (head.content_length > 0 && none)) {
    http::append_field(text, "Content-Length", head.content_length);
  } else if (none && !head_only && head.status >= 200 && head.status != 204 && head.status != 304) {
    http::append_field(text, "Content-Length", std::uint64_t{0});
  }
}

// A client that has a form which was coded on the way named its tag, the origin its own: the 304 is about what the client has
// (RFC 9110 §15.4.5).
void name_coded_tag(const http::Fields& request, http::Fields& fields) {
  const auto own = http::parse_entity_tag(fields.get(http::FieldId::etag));
  std::string scratch;
  if (!own || !request.has(http::FieldId::if_none_match)) return;
  http::ListReader tags(request.combined(http::FieldId::if_none_match, scratch));
  while (const auto member = tags.next()) {
    const auto tag = http::parse_entity_tag(*member);
    if (!tag || tag->opaque == own->opaque || policy::etag_family(tag->opaque) != policy::etag_family(own->opaque)) continue;
    const std::string named(*member);
    fields.set_copy("ETag", named);
    policy::vary_by_coding(fields);
    return;
  }
}

// The head for this client. `passing` decides here whether the body is coded on its way. Returns whether the body goes in chunks.
bool append_relayed_head(Client& client, const Request& request, const http::ResponseHead& head, std::string_view private_lines,
                         bool kept, Passing& passing, const Account& account) {
  Output& out = client.output();
  const bool head_only = request.head.method == http::Method::head;
  const bool upgraded = head.status == 101;
  const Ending ending = ending_of(request.head);
  bool chunked = false;
  if (head.framing == http::Framing::until_close || head.framing == http::Framing::chunked) {
    chunked = ending == Ending::chunks;
    if (ending == Ending::close) client.close_after_this();       // the end of the connection is the end of the body
  }
  http::Fields fields;
  std::string lines;
  const policy::RuleSubject subject = rule_subject(request, head.status, head.fields.get(http::FieldId::content_type));
  const policy::Brings brings = head.status == 304 ? policy::Brings::update : policy::Brings::answer;
  make_client_fields(request, head, nullptr, subject, brings, read_wall_seconds(), fields, lines);
  if (head.status == 304) name_coded_tag(request.head.fields, fields);
  if (!upgraded && !kept) {
    const bool length_known = head.framing == http::Framing::length || (head_only && head.content_length > 0);
    const bool no_body = head.framing == http::Framing::none && !head_only;
    passing.choose(head.status, head.fields, no_body ? std::optional<std::uint64_t>(0) : length_known ? std::optional(head.content_length) : std::nullopt, true);
    if (passing.codes()) {
      fields = passing.fields(fields);
      chunked = ending == Ending::chunks;
    }
  }
  std::string& text = out.begin_text();
  const std::size_t from = text.size();
  append_head(text, head.status, head.reason, fields);
  if (upgraded) {
    text.append("Connection: upgrade\r\n");
    http::append_field(text, "Upgrade", head.fields.get(http::FieldId::upgrade));
  } else {
    append_forwarded_status(text, request.snapshot->config->cache.name,
                            {account.reason, account.storing, head.status, kept, false, false, 0});
    if (request.rules().server_timing) append_server_timing(text, "pass", took(request, client.worker().loop().now()), account.origin_time);
    text.append(private_lines);
    if (chunked && !head_only) {
      text.append("Transfer-Encoding: chunked\r\n");
    } else if (!passing.codes()) {                  // a HEAD that is coded: what the GET would be, whose length nobody knows
      append_length(text, head, head_only);
    }
    text.append(connection_line(request.head, client.keeps_alive()));
  }
  text.append("\r\n");
  out.end_text(from);
  return chunked;
}

// A piece of a body that is not coded here, borrowed until the next push().
void append_piece(Output& out, std::string_view bytes, bool chunked) {
  if (bytes.empty()) return;
  if (chunked) {
    std::string& size = out.begin_text();
    const std::size_t at = size.size();
    http::append_chunk_size(size, bytes.size());
    out.end_text(at);
  }
  out.borrowed(bytes);
  if (chunked) out.text("\r\n");
}

void append_end(Client& client, const http::Fields& trailers, bool coded, bool chunked, Ending ending) {
  if (chunked) {
    std::string& last = client.output().begin_text();
    const std::size_t at = last.size();
    last.append("0\r\n");
    const http::HopByHop hop(trailers);
    for (const http::Field& field : trailers) {
      if (!hop(field) && http::may_trail(field) && !(coded && policy::is_digest(field.name))) http::append_field(last, field.name, field.value);
    }
    last.append("\r\n");
    client.output().end_text(at);
  } else if (ending == Ending::frames && !trailers.empty()) {
    http::Fields kept;
    for (const http::Field& field : trailers) {
      if (!(coded && policy::is_digest(field.name))) kept.add(field.id, field.name, field.value);
    }
    client.send_trailers(kept);
  }
}

net::Task<void> tunnel(Client& client, const Request& request, origin::Exchange& exchange) {
  client.close_after_this();
  client.set_exchange(nullptr);
  std::string leftover;
  net::StreamPtr stream = exchange.take_stream(leftover);
  client.worker().metrics().tunnels_open.add();
  co_await client.tunnel(std::move(stream), std::move(leftover), request.snapshot->config->limits.idle_timeout * 10);
  client.worker().metrics().tunnels_open.sub();
}

}  // namespace

bool answered_not_modified(Client& client, const Request& request, origin::Exchange& exchange, const http::ResponseHead& head, Account& account) {
  if (request.head.method != http::Method::get || (head.status != 200 && head.status != 203)) return false;
  if (!request.head.fields.has(http::FieldId::if_none_match) && !head.fields.has(http::FieldId::last_modified)) return false;
  if (head.fields.has(http::FieldId::set_cookie)) return false;      // a 304 is no place for it, and it must not get lost
  http::Fields fields;
  std::string lines;
  const policy::RuleSubject subject = rule_subject(request, head.status, head.fields.get(http::FieldId::content_type));
  const WallSeconds now = read_wall_seconds();
  make_client_fields(request, head, nullptr, subject, policy::Brings::answer, now, fields, lines);
  policy::StoredFacts facts;
  facts.status = head.status;
  facts.date = now;
  if (policy::evaluate(request.head, fields, facts, now) != policy::Precondition::not_modified) return false;
  name_coded_tag(request.head.fields, fields);
  std::string& text = client.output().begin_text();
  const std::size_t from = text.size();
  append_304(text, request.head, fields);
  append_forwarded_status(text, request.snapshot->config->cache.name, {account.reason, account.storing, head.status, false, false, false, 0});
  text.append(connection_line(request.head, client.keeps_alive())).append("\r\n");
  client.output().end_text(from);
  account.status = 304;
  // A body that has come already is read away, so that its connection stays; a longer one is not worth it.
  for (std::uint64_t read = 0; read < net::kTurnBytes;) {
    const std::optional<Result<origin::Piece, origin::Failure>> piece = exchange.try_read_body();
    if (!piece) break;
    if (!*piece || (**piece).end) return true;
    read += (**piece).bytes.size();
  }
  exchange.abandon();
  return true;
}

net::Task<void> relay_answer(Client& client, Request& request, origin::Exchange& exchange, const http::ResponseHead& head,
                             std::string_view private_lines, Keeper* keeper, Account& account) {
  Output& out = client.output();
  account.status = head.status;
  account.origin_server = exchange.server();
  const Watch watch(client, exchange);
  Passing passing(client, request, account);
  const bool chunked = append_relayed_head(client, request, head, private_lines, keeper != nullptr, passing, account);
  if (head.status == 101) {
    co_await tunnel(client, request, exchange);
    co_return;
  }
  if (head.framing == http::Framing::none) {
    static_cast<void>(exchange.try_read_body());    // it sees its end there, and gives the connection back
    if (keeper != nullptr) keeper->finish();
    co_return;
  }
  if (request.head.method == http::Method::head) {  // it was asked as a GET, and may not be stored: the body is not wanted
    exchange.abandon();
    co_return;
  }
  std::uint64_t in_a_row = 0;                      // bytes since others were served
  for (;;) {
    std::optional<Result<origin::Piece, origin::Failure>> piece = exchange.try_read_body();
    if (!piece) {
      passing.flush();                              // the origin pauses: the client gets all that there is
      if (!client.push()) {
        const bool drained = co_await client.drain();
        if (!drained) {
          exchange.abandon();
          co_return;
        }
      }
      piece.emplace(co_await exchange.read_body());
    }
    if (!*piece) {
      log_debug("answer cut short: {}", (*piece).error().detail);
      client.worker().metrics().origin_failures.add();
      account.storing = policy::Storing::incomplete;
      client.finish_uncleanly();
      co_return;
    }
    const origin::Piece& got = **piece;
    client.worker().metrics().origin_bytes_in.add(got.bytes.size());
    if (!passing.codes()) account.body_bytes += got.bytes.size();
    in_a_row += got.bytes.size();
    if (keeper != nullptr) {
      keeper->append(got.bytes);
      if (got.end) keeper->finish();
    }
    if (passing.codes()) {
      passing.append(got.bytes);
      if (got.end) passing.finish();
      if (passing.failed()) {
        exchange.abandon();
        client.finish_uncleanly();
        co_return;
      }
    } else {
      append_piece(out, got.bytes, chunked);
    }
    if (got.end) append_end(client, exchange.trailers(), passing.codes(), chunked, ending_of(request.head));
    const bool end = got.end;
    if (!client.push()) {                           // borrowed bytes are gone after this; what is left was copied
      const bool drained = co_await client.drain();
      if (!drained) {
        exchange.abandon();
        co_return;
      }
    }
    if (end) co_return;
    if (passing.codes()) {
      co_await passing.pause();
      continue;
    }
    if (in_a_row >= net::kTurnBytes) {
      in_a_row = 0;
      co_await net::yield(client.worker().loop());
    }
  }
}

}  // namespace davenport::server
