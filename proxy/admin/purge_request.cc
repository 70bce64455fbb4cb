#include "proxy/admin/purge_request.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cache/policy/key.h"
#include "core/base/json.h"
#include "core/http/uri.h"

namespace davenport::admin {
namespace {

using purge::Kind;
using purge::Target;

constexpr std::array<std::string_view, 6> kSelectors{"url", "urls", "tag", "tags", "prefix", "all"};
constexpr std::string_view kMembers =
    "one of url, urls, tag, tags, prefix and all, and beside it soft, id, count and wait";

// How a name is shown in a message: short.
std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 100;
  return "\"" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "…\"" : "\"");
}

Result<Target> url_target(std::string_view url, const config::Config& config) {
  if (url.size() <= kPurgeUrlBytesMax && url.find("://") != std::string_view::npos) {   // a word is no URL, but a mistake
    std::string name = policy::purge_resource(url, "", config);
    if (!name.empty()) return Target{Kind::url, std::move(name)};
  }
  return Error{shown(url) + " is no URL: write \"http://host/path?query\" (at most 8,192 bytes), without a fragment"};
}

Result<Target> prefix_target(std::string_view prefix, const config::Config& config) {
  if (prefix.size() <= kPurgeUrlBytesMax && prefix.find("://") != std::string_view::npos) {
    std::string name = policy::purge_prefix(prefix, "", config);
    if (!name.empty()) return Target{Kind::prefix, std::move(name)};
  }
  return Error{shown(prefix) + " is no URL prefix: write \"http://host/path\" (at most 8,192 bytes), without a fragment"};
}

// As policy::tags_of() reads them: visible bytes without a comma.
Result<Target> tag_target(std::string_view tag) {
  const bool visible = std::all_of(tag.begin(), tag.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != ',';
  });
  if (!tag.empty() && tag.size() <= kPurgeTagBytesMax && visible) return Target{Kind::tag, std::string(tag)};
  return Error{shown(tag) + " is no tag: 1 to 256 visible bytes without spaces and commas"};
}

class OrderReader {
 public:
  explicit OrderReader(const config::Config& config) : config_(config) {}

  Result<PurgeOrder> read(const JsonValue::Object& object) {
    for (const JsonMember& member : object) {
      if (auto done = read_member(member); !done) return done.error();
    }
    if (selector_.empty()) return Error{"nothing says what to purge: give " + std::string(kMembers)};
    return std::move(order_);
  }

 private:
  Result<void> read_member(const JsonMember& member);
  Result<void> read_selector(const JsonMember& member);
  Result<void> read_option(const JsonMember& member);
  Result<void> read_names(const JsonMember& member, Kind kind);
  Result<void> add(std::string_view where, const JsonValue& name, Kind kind);

  const config::Config& config_;
  PurgeOrder order_;
  std::string selector_;
};

Error wrong_type(std::string_view where, std::string_view wanted, const JsonValue& found) {
  return Error{"\"" + std::string(where) + "\" must be " + std::string(wanted) + ", not " + std::string(found.type())};
}

Result<void> OrderReader::read_member(const JsonMember& member) {
  if (std::find(kSelectors.begin(), kSelectors.end(), member.name) == kSelectors.end()) return read_option(member);
  if (!selector_.empty()) {
    return Error{"\"" + selector_ + "\" and \"" + member.name + "\" exclude each other: purge by one of them at a time"};
  }
  selector_ = member.name;
  return read_selector(member);
}

Result<void> OrderReader::read_selector(const JsonMember& member) {
  if (member.name == "all") {
    if (member.value.boolean() == nullptr || !*member.value.boolean()) {
      return Error{"\"all\" must be true; leave it out to purge less than everything"};
    }
    order_.request.targets.push_back({Kind::all, ""});
    return {};
  }
  if (member.name == "urls") return read_names(member, Kind::url);
  if (member.name == "tags") return read_names(member, Kind::tag);
  const Kind kind = member.name == "url" ? Kind::url : member.name == "tag" ? Kind::tag : Kind::prefix;
  return add(member.name, member.value, kind);
}

Result<void> OrderReader::read_names(const JsonMember& member, Kind kind) {
  const JsonValue::Array* const names = member.value.array();
  if (names == nullptr) return wrong_type(member.name, "an array of strings", member.value);
  if (names->empty()) return Error{"\"" + member.name + "\" is empty: name at least one"};
  if (names->size() > kPurgeNamesMax) {
    return Error{"\"" + member.name + "\" has " + std::to_string(names->size()) + " names; at most 10,000 go in one purge"};
  }
  for (std::size_t i = 0; i < names->size(); ++i) {
    if (auto done = add(member.name + "[" + std::to_string(i) + "]", (*names)[i], kind); !done) return done.error();
  }
  return {};
}

Result<void> OrderReader::add(std::string_view where, const JsonValue& name, Kind kind) {
  if (name.string() == nullptr) return wrong_type(where, "a string", name);
  Result<Target> target = kind == Kind::url   ? url_target(*name.string(), config_)
                          : kind == Kind::tag ? tag_target(*name.string())
                                              : prefix_target(*name.string(), config_);
  if (!target) return Error{"\"" + std::string(where) + "\": " + target.error().message};
  order_.request.targets.push_back(std::move(*target));
  return {};
}

Result<void> OrderReader::read_option(const JsonMember& member) {
  if (member.name == "soft" || member.name == "count") {
    const bool* const value = member.value.boolean();
    if (value == nullptr) return wrong_type(member.name, "true or false", member.value);
    (member.name == "soft" ? order_.request.soft : order_.count) = *value;
    return {};
  }
  if (member.name == "wait") {
    const std::string* const wait = member.value.string();
    if (wait == nullptr || *wait != "all") return Error{"\"wait\" must be \"all\": until every live instance has confirmed"};
    order_.request.wait_all = true;
    return {};
  }
  if (member.name == "id") {
    const std::string* const id = member.value.string();
    if (id == nullptr) return wrong_type(member.name, "a string", member.value);
    if (id->empty() || id->size() > kPurgeIdBytesMax) return Error{"\"id\" must be of 1 to 128 bytes"};
    order_.request.id = *id;
    return {};
  }
  return Error{"unknown member " + shown(member.name) + ": a purge has " + std::string(kMembers)};
}

}  // namespace

Result<PurgeOrder> read_purge_order(std::string_view json, const config::Config& config) {
  const Result<JsonValue> value = parse_json(json);
  if (!value) return value.error();
  if (value->object() == nullptr) return Error{"the body must be a JSON object: " + std::string(kMembers)};
  return OrderReader(config).read(*value->object());
}

namespace {

// RFC 3339, in UTC and to the second.
std::string readable_time(WallTime time) {
  const auto seconds = std::chrono::floor<Seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace

std::string audit_json(const std::vector<purge::EmbeddedLog::Audited>& audit) {
  constexpr std::array<std::string_view, 4> kKinds{"url", "tag", "prefix", "all"};      // as purge::Kind
  JsonWriter json;
  json.object().array("purges");
  for (auto each = audit.rbegin(); each != audit.rend(); ++each) {
    json.object().member("position", each->position).member("at", readable_time(each->at)).member("by", each->by);
    if (!each->id.empty()) json.member("id", each->id);
    json.member("soft", each->soft).member("names", each->names).array("first");
    for (const purge::Target& target : each->first) {
      json.object().member("kind", kKinds[static_cast<std::size_t>(target.kind)]).member("name", target.name).end();
    }
    json.end().end();
  }
  json.end().end();
  return json.take();
}

}  // namespace davenport::admin
