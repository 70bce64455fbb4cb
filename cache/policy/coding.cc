#include "cache/policy/coding.h"

#include <algorithm>

#include "cache/policy/validate.h"
#include "cache/policy/vary.h"
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "core/http/serializer.h"

namespace davenport::policy {
namespace {

using http::FieldId;

constexpr std::array<std::string_view, kCodingCount> kNames{"identity", "gzip", "br", "zstd"};

}  // namespace

bool is_content_digest(std::string_view name) { return iequals(name, "content-digest") || iequals(name, "content-md5"); }

bool is_digest(std::string_view name) { return is_content_digest(name) || iequals(name, "digest") || iequals(name, "repr-digest"); }

std::string media_type(std::string_view value) { return lower(trim_ows(value.substr(0, value.find(';')))); }

std::string_view name_of(Coding coding) { return kNames[static_cast<std::size_t>(coding)]; }

std::optional<Coding> coding_named(std::string_view name) {
  for (std::size_t i = 0; i < kCodingCount; ++i) {
    if (iequals(name, kNames[i])) return static_cast<Coding>(i);
  }
  if (iequals(name, "x-gzip")) return Coding::gzip;
  return std::nullopt;
}

Accepted accepted_codings(const http::Fields& request) {
  Accepted accepted;
  std::array<bool, kCodingCount> named{};
  std::optional<std::uint16_t> others;
  for (const http::Field& line : request) {
    if (line.id != FieldId::accept_encoding) continue;
    http::ListReader list(line.value);
    while (const auto member = list.next()) {
      const auto weighted = http::parse_weighted(*member);
      if (!weighted || (weighted->value != "*" && !http::is_token(weighted->value))) return Accepted{};
      const auto weight = static_cast<std::uint16_t>(weighted->thousandths);
      if (weighted->value == "*") {
        others = weight;
      } else if (const auto coding = coding_named(weighted->value)) {
        accepted.weight[static_cast<std::size_t>(*coding)] = weight;
        named[static_cast<std::size_t>(*coding)] = true;
      }
    }
  }
  for (std::size_t i = 0; others && i < kCodingCount; ++i) {
    // "*" takes identity away, but does not raise it: it is acceptable anyway, and a coding is what was asked for.
    if (!named[i] && (i > 0 || *others == 0)) accepted.weight[i] = *others;
  }
  return accepted;
}

Coding choose_coding(const Accepted& accepted, const config::Compression& rules) {
  Coding best = Coding::identity;
  std::uint16_t weight = 0;
  for (const std::string& name : rules.codings) {
    const auto coding = coding_named(name);
    if (!coding || *coding == Coding::identity || accepted.of(*coding) <= weight) continue;
    best = *coding;
    weight = accepted.of(*coding);
  }
  return weight >= accepted.of(Coding::identity) ? best : Coding::identity;
}

std::string_view name_of(Codable codable) {
  switch (codable) {
    case Codable::yes: return "yes";
    case Codable::off: return "off";
    case Codable::no_transform: return "no_transform";
    case Codable::status: return "status";
    case Codable::type: return "type";
    case Codable::coded: return "coded";
  }
  return "";
}

bool forbids_transform(const http::Fields& fields) {
  for (const http::Field& line : fields) {
    if (line.id != FieldId::cache_control) continue;
    http::DirectiveReader reader(line.value);
    while (const auto directive = reader.next()) {
      if (iequals(directive->name, "no-transform")) return true;
    }
  }
  return false;
}

Codable codable(int status, const http::Fields& response, const config::Compression& rules) {
  if (!rules.enabled || rules.codings.empty()) return Codable::off;
  if (status < 200 || status == 204 || status == 205 || status == 206 || status == 304) return Codable::status;
  if (response.has(FieldId::content_range)) return Codable::status;
  if (forbids_transform(response)) return Codable::no_transform;
  if (response.count(FieldId::content_encoding) > 1) return Codable::coded;
  const std::string_view coding = response.get(FieldId::content_encoding);
  if (!coding.empty() && !coding_named(coding)) return Codable::coded;
  const std::string type = media_type(response.get(FieldId::content_type));
  const bool listed = std::any_of(rules.types.begin(), rules.types.end(),
                                  [&](const std::string& pattern) { return config::matches_pattern(pattern, type); });
  return listed ? Codable::yes : Codable::type;
}

Coding source_coding(const http::Fields& response) {
  return coding_named(response.get(FieldId::content_encoding)).value_or(Coding::identity);
}

std::uint64_t most_coded_bytes(std::uint64_t body_bytes, const config::Compression& rules) {
  return static_cast<std::uint64_t>(static_cast<double>(body_bytes) * rules.ratio);
}

bool may_code_passed(const http::Fields& request, const http::Fields& response, const config::Compression& rules) {
  if (!rules.passed) return false;
  if (rules.secrets) return true;
  return !request.has(FieldId::cookie) && !request.has(FieldId::authorization) && !response.has(FieldId::set_cookie);
}

void vary_by_coding(http::Fields& response) {
  if (varies_on_everything(response)) return;
  std::string names;
  for (const http::Field& line : response) {
    if (line.id != FieldId::vary) continue;
    if (http::list_contains(line.value, "accept-encoding")) return;
    if (!names.empty()) names.append(", ");
    names.append(line.value);
  }
  response.set_copy("Vary", names.empty() ? "Accept-Encoding" : names + ", Accept-Encoding");
}

std::string form_etag(std::string_view etag, Coding coding, bool strong) {
  const auto tag = http::parse_entity_tag(etag);
  if (!tag) return {};
  std::string out = "W/";
  out.append(tag->opaque.substr(0, tag->opaque.size() - 1)).append("~").append(name_of(coding));
  if (strong) out.push_back('+');
  out.push_back('"');
  return out;
}

std::string_view etag_family(std::string_view opaque) {
  const std::string_view inner = opaque.substr(1, opaque.size() - 2);
  const std::size_t mark = inner.rfind('~');
  if (mark == std::string_view::npos) return inner;
  std::string_view form = inner.substr(mark + 1);
  if (form.ends_with('+')) form.remove_suffix(1);
  return std::find(kNames.begin(), kNames.end(), form) != kNames.end() ? inner.substr(0, mark) : inner;
}

std::string origin_tags(std::string_view list) {
  if (trim_ows(list) == "*") return "*";
  std::string out;
  http::EntityTagReader reader(list);
  while (const auto tag = reader.next()) {
    const std::string_view family = etag_family(tag->opaque);
    const bool form = family.size() + 2 != tag->opaque.size();
    std::string text = tag->weak || form ? "W/\"" : "\"";
    text.append(family).push_back('"');
    if (is_own_etag(text)) continue;
    if (!out.empty()) out.append(", ");
    out.append(text);
  }
  return reader.failed() ? std::string(list) : out;
}

void make_form_fields(http::Fields& fields, Coding to) {
  const std::string etag = form_etag(fields.get(FieldId::etag), to, false);
  fields.remove_if([](const http::Field& field) {
    return field.id == FieldId::content_encoding || field.id == FieldId::content_length || field.id == FieldId::etag ||
           field.id == FieldId::accept_ranges || (field.id == FieldId::other && is_digest(field.name));
  });
  if (to != Coding::identity) fields.add_copy("Content-Encoding", name_of(to));
  if (!etag.empty()) fields.add_copy("ETag", etag);
}

std::string form_head(std::string_view source_head, Coding to, std::uint64_t body_bytes, bool strong) {
  std::string out;
  out.reserve(source_head.size() + 64);
  std::string etag;
  out.append(http::status_line_of(source_head));
  source_head.remove_prefix(out.size());
  while (!source_head.empty()) {
    const std::size_t end = std::min(source_head.find("\r\n"), source_head.size() - 2) + 2;
    const std::string_view line = source_head.substr(0, end);
    source_head.remove_prefix(end);
    if (line == "\r\n") break;
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    const FieldId id = http::field_id(name);
    if (id == FieldId::etag) etag = form_etag(trim_ows(line.substr(colon + 1, line.size() - colon - 3)), to, strong);
    if (id == FieldId::etag || id == FieldId::content_encoding || id == FieldId::content_length || is_digest(name)) continue;
    out.append(line);
  }
  if (!etag.empty()) http::append_field(out, "ETag", etag);
  if (to != Coding::identity) http::append_field(out, "Content-Encoding", name_of(to));
  http::append_field(out, "Content-Length", body_bytes);
  out.append("\r\n");
  return out;
}

}  // namespace davenport::policy
