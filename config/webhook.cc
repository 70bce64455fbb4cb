#include "config/webhook.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "config/document.h"
#include "config/settings.h"
#include "core/http/uri.h"

namespace davenport::config {
namespace {

using enum WebhookVariable;

constexpr std::array<std::pair<std::string_view, WebhookVariable>, 13> kNames{
    {{"url", url}, {"host", host}, {"path", path}, {"tag", tag}, {"prefix", prefix}, {"urls", urls}, {"tags", tags}, {"prefixes", prefixes},
     {"urls_json", urls_json}, {"tags_json", tags_json}, {"prefixes_json", prefixes_json}, {"soft", soft}, {"token", token}}};

// "{word}" at the start of `text`: the word.
std::optional<std::string_view> braced_word(std::string_view text) {
  const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", 1);
  if (end == text.npos || end == 1 || text[end] != '}') return std::nullopt;
  return text.substr(1, end - 1);
}

std::optional<WebhookVariable> named(std::string_view word) {
  for (const auto& [name, variable] : kNames) {
    if (name == word) return variable;
  }
  return std::nullopt;
}

void check_text(std::string_view text, const std::string& setting, Context& context) {
  for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    const auto word = braced_word(text.substr(at));
    if (!word || named(*word)) continue;
    std::vector<std::string> names;
    for (const auto& [name, variable] : kNames) names.emplace_back(name);
    context.error(context.place_of(setting), setting, fmt::format("nothing is called {{{}}}", *word), nearest(*word, names));
  }
}

}  // namespace

WebhookPart next_webhook_part(std::string_view text) {
  for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    const auto word = braced_word(text.substr(at));
    const auto variable = word ? named(*word) : std::nullopt;
    if (variable) return {text.substr(0, at), *variable, word->size() + 2};
  }
  return {text, {}, 0};
}

void check_webhook(const Webhook& hook, const std::string& setting, Context& context) {
  check_text(hook.url, setting + ".url", context);
  check_text(hook.body, setting + ".body", context);
  for (const HeaderLine& line : hook.headers) check_text(line.value, setting + ".headers." + line.name, context);
  if (hook.url.empty()) return;                        // told already
  const std::size_t start = hook.url.find("://") + 3;
  const std::string authority = hook.url.substr(start, hook.url.find_first_of("/?", start) - start);
  const std::string front = authority.substr(0, authority.find('{'));
  const auto host = http::parse_host_port(front);
  if (!host || host->host.empty()) {
    context.error(context.place_of(setting + ".url"), setting + ".url", "expected a host: variables may only stand behind it");
  } else if (const Result<Address> address = Address::parse(std::string(host->host) + ":" + (host->port.empty() ? "80" : std::string(host->port))); !address) {
    context.error(context.place_of(setting + ".url"), setting + ".url", address.error().message);
  }
  for (std::size_t i = 0; i < hook.kinds.size(); ++i) {
    const std::vector<std::string> kinds{"url", "tag", "prefix", "all"};
    if (std::find(kinds.begin(), kinds.end(), hook.kinds[i]) != kinds.end()) continue;
    const std::string element = fmt::format("{}.kinds[{}]", setting, i);
    context.error(context.place_of(element), element, "expected \"url\", \"tag\", \"prefix\" or \"all\"", nearest(hook.kinds[i], kinds));
  }
  const bool speaks_of_token = (hook.url + hook.body).find("{token}") != std::string::npos ||
                               std::any_of(hook.headers.begin(), hook.headers.end(),
                                           [](const HeaderLine& line) { return line.value.find("{token}") != std::string::npos; });
  const bool tried = context.wrote(setting + ".token_file") || context.wrote(setting + ".token_env");
  if (speaks_of_token && hook.token.empty() && !tried) {
    context.error(context.place_of(setting), setting, "{token} needs token_file or token_env");
  }
  if (hook.url.starts_with("http://") && !hook.token.empty()) {
    context.warn(context.place_of(setting + ".url"), setting + ".url", "the token goes over plain HTTP: anybody on the way can read it");
  }
}

}  // namespace davenport::config
