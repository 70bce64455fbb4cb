// The commands that speak with a running proxy: purge and explain.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/base/json.h"
#include "core/base/text.h"
#include "proxy/cli.h"
#include "proxy/cli_client.h"

namespace davenport::cli {
namespace {

int fail(std::string_view message) {
  fmt::print(stderr, "davenport: {}\n", message);
  return 1;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// The text of `from` without what may stand at its end.
Result<std::string> read_token(std::string token, const std::string& from) {
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  for (const char c : token) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) return Error{from + " must hold one token on one line"};
  }
  return token;
}

Result<std::string> token_of(const AdminAccess& admin) {
  if (admin.token_file.empty()) {
    const char* const token = std::getenv("DAVENPORT_ADMIN_TOKEN");
    return read_token(token != nullptr ? token : "", "DAVENPORT_ADMIN_TOKEN");
  }
  std::ifstream file(admin.token_file);
  Result<std::string> token = read_token({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}, admin.token_file);
  if (token && (!file || token->empty())) return Error{"cannot read a token from " + admin.token_file};
  return token;
}

// The "detail" of problem details (RFC 9457), or the body as it is.
std::string detail_of(const HttpAnswer& answer) {
  const Result<JsonValue> json = parse_json(answer.body);
  if (json && json->object() != nullptr) {
    for (const JsonMember& member : *json->object()) {
      if (member.name == "detail" && member.value.string() != nullptr) return *member.value.string();
    }
  }
  return answer.body;
}

std::string refusal_of(const HttpAnswer& answer, const AdminAccess& admin) {
  std::string text = fmt::format("{} answers {}: {}", admin.url, answer.status, detail_of(answer));
  if (answer.status == 401) text += " Give it with --token-file or DAVENPORT_ADMIN_TOKEN.";
  return text;
}

Result<HttpAnswer> ask_admin(const AdminAccess& admin, HttpAsk request) {
  Result<std::string> token = token_of(admin);
  if (!token) return token.error();
  request.token = std::move(*token);
  request.tls.ca = admin.ca;
  request.tls.certificate = admin.certificate;
  request.tls.key = admin.key.empty() ? admin.certificate : admin.key;
  Result<HttpAnswer> answer = ask(admin.url, request);
  if (!answer) return answer.error();
  if (answer->status != 200 && answer->status != 202) return Error{refusal_of(*answer, admin)};
  return answer;
}

std::string purge_body(const PurgeOptions& options) {
  JsonWriter json;
  json.object();
  const auto names = [&json](std::string_view name, const std::vector<std::string>& list) {
    if (list.empty()) return;
    json.array(name);
    for (const std::string& one : list) json.value(one);
    json.end();
  };
  names("urls", options.urls);
  names("tags", options.tags);
  if (!options.prefix.empty()) json.member("prefix", options.prefix);
  if (options.all) json.member("all", true);
  if (options.soft) json.member("soft", true);
  if (options.wait_all) json.member("wait", "all");
  if (options.no_count) json.member("count", false);
  if (!options.id.empty()) json.member("id", options.id);
  json.end();
  return json.take();
}

std::optional<double> number_in(const JsonValue::Object& object, std::string_view name) {
  for (const JsonMember& member : object) {
    if (member.name != name) continue;
    if (const double* number = std::get_if<double>(&member.value.data)) return *number;
  }
  return std::nullopt;
}

// "edge-2, replica": who has not confirmed a purge.
std::string missing_in(const JsonValue::Object& object) {
  std::string out;
  for (const JsonMember& member : object) {
    if (member.name != "missing" || member.value.array() == nullptr) continue;
    for (const JsonValue& each : *member.value.array()) {
      if (each.string() != nullptr) out.append(out.empty() ? "" : ", ").append(*each.string());
    }
  }
  return out;
}

}  // namespace

int purge(const AdminAccess& admin, const PurgeOptions& options) {
  const int kinds = (options.urls.empty() ? 0 : 1) + (options.tags.empty() ? 0 : 1) + (options.prefix.empty() ? 0 : 1) +
                    (options.all ? 1 : 0);
  if (kinds != 1) return fail("purge wants one of --url, --tag, --prefix and --all");
  const Result<HttpAnswer> answer = ask_admin(admin, {"POST", "/purge", "", purge_body(options), {}});
  if (!answer) return fail(answer.error().message);
  const bool partly = answer->status == 202;
  if (options.json) return print(answer->body), partly ? kPurgePartly : 0;
  const Result<JsonValue> json = parse_json(answer->body);
  if (!json || json->object() == nullptr) return fail("the answer is no JSON object: " + answer->body);
  const auto position = number_in(*json->object(), "position"), matched = number_in(*json->object(), "matched_here");
  std::string line = fmt::format("purged{}: position {:.0f}", options.soft ? " softly" : "", position.value_or(0));
  if (matched) line += fmt::format(", {:.0f} stored response{} hit", *matched, *matched == 1 ? "" : "s");
  print(line + "\n");
  if (!partly) return 0;
  fmt::print(stderr, "davenport: it holds here and is recorded, and was not confirmed in time by: {}\n", missing_in(*json->object()));
  return kPurgePartly;
}

int explain(const AdminAccess& admin, const ExplainOptions& options) {
  std::string target = "/explain?url=" + percent_encoded(options.url) + "&format=" + (options.json ? "json" : "text");
  if (!options.method.empty()) target += "&method=" + percent_encoded(options.method);
  for (const std::string& field : options.fields) target += "&field=" + percent_encoded(field);
  const Result<HttpAnswer> answer = ask_admin(admin, {"GET", std::move(target), "", "", {}});
  if (!answer) return fail(answer.error().message);
  print(answer->body);
  return 0;
}

}  // namespace davenport::cli
