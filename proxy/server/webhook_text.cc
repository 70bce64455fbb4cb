#include "proxy/server/webhook_text.h"

#include <algorithm>
#include <array>

#include "config/webhook.h"
#include "core/base/json_text.h"
#include "core/base/text.h"
#include "core/http/uri.h"

namespace davenport::server {
namespace {

using config::WebhookVariable;
using purge::Kind;

enum class Place : std::uint8_t { url, field, body };

// What one request speaks of.
struct Names {
  std::string_view url, tag, prefix;                   // of one target; resources for url and prefix
  std::vector<std::string> urls, tags, prefixes;
};

std::string https(std::string_view resource) { return "https://" + std::string(resource); }

std::string spaced(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out.append(out.empty() ? "" : " ").append(name);
  return out;
}

std::string json_list(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
  }
  return out + "]";
}

void append_percent_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[static_cast<unsigned char>(c) & 15]};
    }
  }
}

class Filler {
 public:
  Filler(const config::Webhook& hook, const Names& names, bool soft) : hook_(hook), names_(names), soft_(soft) {}

  std::string operator()(std::string_view text, Place place) const {
    std::string out;
    while (true) {
      const config::WebhookPart part = config::next_webhook_part(text);
      out += part.before;
      if (part.length == 0) return out;
      append(out, part.variable, place);
      text.remove_prefix(part.before.size() + part.length);
    }
  }

 private:
  void append(std::string& out, WebhookVariable variable, Place place) const {
    const std::string value = value_of(variable);
    const bool json = variable == WebhookVariable::urls_json || variable == WebhookVariable::tags_json || variable == WebhookVariable::prefixes_json;
    if (place == Place::url && variable != WebhookVariable::path) {
      append_percent_encoded(out, value);
    } else if (place == Place::body && !json) {
      std::string quoted;
      append_json_string(quoted, value);
      out.append(quoted, 1, quoted.size() - 2);
    } else {
      out += value;
    }
  }

  std::string value_of(WebhookVariable variable) const {
    switch (variable) {
      case WebhookVariable::url: return https(names_.url);
      case WebhookVariable::host: return std::string(names_.url.substr(0, names_.url.find('/')));
      case WebhookVariable::path: return std::string(names_.url.substr(std::min(names_.url.find('/'), names_.url.size())));
      case WebhookVariable::tag: return std::string(names_.tag);
      case WebhookVariable::prefix: return https(names_.prefix);
      case WebhookVariable::urls: return spaced(names_.urls);
      case WebhookVariable::tags: return spaced(names_.tags);
      case WebhookVariable::prefixes: return spaced(names_.prefixes);
      case WebhookVariable::urls_json: return json_list(names_.urls);
      case WebhookVariable::tags_json: return json_list(names_.tags);
      case WebhookVariable::prefixes_json: return json_list(names_.prefixes);
      case WebhookVariable::soft: return soft_ ? "true" : "false";
      case WebhookVariable::token: return hook_.token;
    }
    __builtin_unreachable();
  }

  const config::Webhook& hook_;
  const Names& names_;
  const bool soft_;
};

// Which kinds the templates speak of, and of which of them one at a time.
struct Spoken {
  std::array<bool, 4> of{}, singly{};
  bool any = false;

  explicit Spoken(const config::Webhook& hook) {
    look(hook.url);
    look(hook.body);
    for (const config::HeaderLine& line : hook.headers) look(line.value);
  }
  bool speaks_of(Kind kind) const { return !any || of[static_cast<std::size_t>(kind)]; }
  bool one_by_one(Kind kind) const { return singly[static_cast<std::size_t>(kind)]; }

 private:
  void look(std::string_view text) {
    while (true) {
      const config::WebhookPart part = config::next_webhook_part(text);
      if (part.length == 0) return;
      note(part.variable);
      text.remove_prefix(part.before.size() + part.length);
    }
  }
  void note(WebhookVariable variable) {
    switch (variable) {
      case WebhookVariable::url: case WebhookVariable::host: case WebhookVariable::path: return note(Kind::url, true);
      case WebhookVariable::tag: return note(Kind::tag, true);
      case WebhookVariable::prefix: return note(Kind::prefix, true);
      case WebhookVariable::urls: case WebhookVariable::urls_json: return note(Kind::url, false);
      case WebhookVariable::tags: case WebhookVariable::tags_json: return note(Kind::tag, false);
      case WebhookVariable::prefixes: case WebhookVariable::prefixes_json: return note(Kind::prefix, false);
      case WebhookVariable::soft: case WebhookVariable::token: return;
    }
  }
  void note(Kind kind, bool one) {
    any = true;
    of[static_cast<std::size_t>(kind)] = true;
    if (one) singly[static_cast<std::size_t>(kind)] = true;
  }
};

WebhookCall call_of(const config::Webhook& hook, const Names& names, bool soft) {
  const Filler fill(hook, names, soft);
  const auto parts = http::parse_http_uri(std::string_view(hook.url).substr(0, hook.url.find('{')));
  const std::size_t authority_end = std::min(hook.url.find_first_of("/?{", hook.url.find("://") + 3), hook.url.size());
  WebhookCall call;
  call.soft = soft;
  call.target = fill(std::string_view(hook.url).substr(authority_end), Place::url);
  if (!call.target.starts_with('/')) call.target.insert(0, "/");
  call.body = fill(hook.body, Place::body);
  bool has_host = false, has_type = hook.body.empty();
  for (const config::HeaderLine& line : hook.headers) {
    has_host = has_host || iequals(line.name, "host");
    has_type = has_type || iequals(line.name, "content-type");
    call.fields.add_copy(line.name, fill(line.value, Place::field));
  }
  if (!has_host && parts) call.fields.add_copy("Host", parts->authority);
  if (!has_type) call.fields.add_copy("Content-Type", hook.body.starts_with('{') ? "application/json" : "text/plain; charset=utf-8");
  return call;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::url: return "url";
    case Kind::tag: return "tag";
    case Kind::prefix: return "prefix";
    case Kind::all: return "all";
  }
  __builtin_unreachable();
}

std::vector<WebhookCall> webhook_calls(const config::Webhook& hook, const purge::Request& purge) {
  const Spoken spoken(hook);
  std::vector<WebhookCall> calls;
  Names together;
  std::vector<purge::Target> targets;            // of `together`
  for (const purge::Target& target : purge.targets) {
    const bool wanted = std::find(hook.kinds.begin(), hook.kinds.end(), kind_name(target.kind)) != hook.kinds.end();
    if (!wanted || !spoken.speaks_of(target.kind)) continue;
    if (spoken.one_by_one(target.kind)) {
      Names one;
      if (target.kind == Kind::url) one.url = target.name, one.urls = {https(target.name)};
      if (target.kind == Kind::tag) one.tag = target.name, one.tags = {target.name};
      if (target.kind == Kind::prefix) one.prefix = target.name, one.prefixes = {https(target.name)};
      calls.push_back(call_of(hook, one, purge.soft));
      calls.back().targets.push_back(target);
      continue;
    }
    targets.push_back(target);
    if (target.kind == Kind::url) together.urls.push_back(https(target.name));
    if (target.kind == Kind::tag) together.tags.push_back(target.name);
    if (target.kind == Kind::prefix) together.prefixes.push_back(https(target.name));
  }
  if (!targets.empty()) {
    calls.push_back(call_of(hook, together, purge.soft));
    calls.back().targets = std::move(targets);
  }
  return calls;
}

}  // namespace davenport::server
