#include "cache/warm/sitemap.h"

#include <charconv>
#include <cstdint>

#include "cache/warm/sources.h"

namespace davenport::warm {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(kSpace);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

bool append_utf8(std::string& out, std::uint32_t code) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  const auto byte = [&out](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
  }
  return true;
}

// `name`: between "&" and ";".
bool append_entity(std::string& out, std::string_view name) {
  struct Known { std::string_view name; char stands_for; };
  for (const Known& known : {Known{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}) {
    if (name != known.name) continue;
    out += known.stands_for;
    return true;
  }
  if (!name.starts_with('#')) return false;
  const bool hex = name.starts_with("#x");
  const std::string_view digits = name.substr(hex ? 2 : 1);
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
  return !digits.empty() && error == std::errc{} && end == digits.data() + digits.size() && append_utf8(out, code);
}

class Reader {
 public:
  explicit Reader(std::string_view xml) : xml_(xml) {
    if (xml_.starts_with("\xef\xbb\xbf")) at_ = 3;
  }

  Result<Sitemap> read() {
    while (at_ < xml_.size()) {
      if (!(xml_[at_] == '<' ? markup() : text())) return Error{"the sitemap is malformed at byte " + std::to_string(at_) + ": " + why_};
    }
    if (!open_.empty() || !rooted_) return Error{"the sitemap ends before its root element does"};
    return std::move(out_);
  }

 private:
  bool bad(const char* why) {
    why_ = why;
    return false;
  }
  bool skip_behind(std::string_view end, const char* why) {
    const auto found = xml_.find(end, at_);
    if (found == xml_.npos) return bad(why);
    at_ = found + end.size();
    return true;
  }
  // In <url><loc>, or in <sitemap><loc>, right below the root.
  bool in_loc() const { return open_.size() == 3 && open_[2] == "loc" && open_[1] == (index_ ? "sitemap" : "url"); }

  bool markup() {
    const std::string_view rest = xml_.substr(at_);
    if (rest.starts_with("<?")) return skip_behind("?>", "a processing instruction does not end");
    if (rest.starts_with("<!--")) return skip_behind("-->", "a comment does not end");
    if (rest.starts_with("<![CDATA[")) return cdata();
    if (rest.starts_with("<!")) return bad("a document type is not taken");
    return rest.starts_with("</") ? end_tag() : start_tag();
  }

  bool cdata() {
    const std::size_t from = at_ + 9, end = xml_.find("]]>", from);
    if (end == xml_.npos) return bad("a CDATA section does not end");
    if (open_.empty()) return bad("text outside the root element");
    if (in_loc()) loc_.append(xml_.substr(from, end - from));
    at_ = end + 3;
    return true;
  }

  static std::string_view local(std::string_view name) {
    const auto colon = name.find(':');
    return colon == name.npos ? name : name.substr(colon + 1);
  }

  bool end_tag() {
    const std::size_t end = xml_.find('>', at_);
    if (end == xml_.npos) return bad("a tag does not end");
    const std::string_view name = trimmed(xml_.substr(at_ + 2, end - at_ - 2));
    if (open_.empty() || local(name) != open_.back()) return bad("an end tag without its start");
    if (in_loc() && !finish_loc()) return false;
    open_.pop_back();
    at_ = end + 1;
    return true;
  }

  bool start_tag() {
    std::size_t end = at_ + 1;
    for (char quote = 0; end < xml_.size() && (quote != 0 || xml_[end] != '>'); ++end) {
      const char c = xml_[end];
      if (quote != 0) quote = c == quote ? char{0} : quote;
      else if (c == '"' || c == '\'') quote = c;
      else if (c == '<') return bad("a tag within a tag");
    }
    if (end >= xml_.size()) return bad("a tag does not end");
    std::string_view tag = xml_.substr(at_ + 1, end - at_ - 1);
    const bool empty = tag.ends_with('/');
    if (empty) tag.remove_suffix(1);
    const std::string_view name = local(tag.substr(0, tag.find_first_of(kSpace)));
    if (name.empty()) return bad("a tag without a name");
    if (open_.empty() && !root(name)) return false;
    at_ = end + 1;
    if (empty) return true;
    if (open_.size() >= kDepth) return bad("elements are nested too deep");
    open_.push_back(name);
    loc_.clear();
    return true;
  }

  bool root(std::string_view name) {
    if (rooted_) return bad("there is more than one root element");
    rooted_ = true;
    index_ = name == "sitemapindex";
    return index_ || name == "urlset" ? true : bad("neither <urlset> nor <sitemapindex>");
  }

  bool text() {
    const std::size_t end = std::min(xml_.find('<', at_), xml_.size());
    std::string_view piece = xml_.substr(at_, end - at_);
    if (open_.empty()) {
      if (!trimmed(piece).empty()) return bad("text outside the root element");
    } else if (in_loc()) {
      while (!piece.empty()) {
        const auto entity = piece.find('&');
        loc_.append(piece.substr(0, entity));
        if (entity == piece.npos) break;
        const auto semicolon = piece.find(';', entity);
        if (semicolon == piece.npos || !append_entity(loc_, piece.substr(entity + 1, semicolon - entity - 1))) return bad("an unknown entity");
        piece.remove_prefix(semicolon + 1);
      }
    }
    at_ = end;
    return true;
  }

  bool finish_loc() {
    std::vector<std::string>& into = index_ ? out_.sitemaps : out_.urls;
    if (into.size() >= kMostUrls) return bad("more URLs than are taken");
    into.emplace_back(trimmed(loc_));
    return true;
  }

  const std::string_view xml_;
  std::size_t at_ = 0;
  std::vector<std::string_view> open_;
  std::string loc_;
  bool rooted_ = false, index_ = false;
  const char* why_ = "";
  Sitemap out_;
};

}  // namespace

Result<Sitemap> read_sitemap(std::string_view xml) { return Reader(xml).read(); }

}  // namespace davenport::warm
