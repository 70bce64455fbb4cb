// Lists, directives, entity tags and weights out of any text: members are trimmed, in order, inside the text, and a
// list of the members is read as the same members.
#include "core/base/text.h"
#include "core/http/grammar.h"
#include "fuzz/fuzz.h"

namespace davenport::fuzz {
namespace {

std::string members(std::string_view list, std::string_view between) {
  std::string out;
  const char* last = list.data();
  for (http::ListReader reader(list); const auto member = reader.next();) {
    require(!member->empty() && trim_ows(*member) == *member, "a member is trimmed and not empty");
    require(member->data() >= last && member->data() + member->size() <= list.data() + list.size(),
            "members are in order");
    last = member->data() + member->size();
    if (!out.empty()) out.append(between);
    out.append(*member);
  }
  return out;
}

}  // namespace
}  // namespace davenport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace davenport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string joined = fuzz::members(text, ", ");
  fuzz::require_equal(fuzz::members(joined, ", "), joined, "a list of the members has the same members");

  for (http::DirectiveReader reader(text); const auto directive = reader.next();) {
    fuzz::require(http::is_token(directive->name), "a directive's name is a token");
    if (directive->value) {
      const auto seconds = http::parse_delta_seconds(*directive->value);
      fuzz::require(!seconds || (seconds->count() >= 0 && seconds->count() <= std::int64_t{1} << 31),
                    "seconds saturate");
    }
  }
  http::EntityTagReader tags(text);
  while (const auto tag = tags.next()) {
    const std::string written = (tag->weak ? "W/" : "") + std::string(tag->opaque);
    const auto again = http::parse_entity_tag(written);
    fuzz::require(again && again->weak == tag->weak && http::weak_match(*again, *tag), "a tag of a list is a tag");
  }
  for (http::ListReader reader(text); const auto member = reader.next();) {
    if (const auto weighted = http::parse_weighted(*member)) {
      fuzz::require(weighted->thousandths >= 0 && weighted->thousandths <= 1000, "a weight is at most 1");
      fuzz::require(!weighted->value.empty(), "a weight is that of something");
    }
  }
  return 0;
}
