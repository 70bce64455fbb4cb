#include "cache/purge/tag_names.h"

#include <doctest/doctest.h>

#include "cache/purge/log.h"

using namespace davenport;
using namespace davenport::purge;

TEST_CASE("tags are known by name as long as they are among the last that came, within a bound") {
  TagNames names;
  const auto note = [&](const std::string& name) { names.note(tag_hash(name), name); };
  note("product-17");
  CHECK(names.name_of(tag_hash("product-17")) == "product-17");
  CHECK(names.name_of(tag_hash("product-18")) == std::nullopt);
  note(std::string(TagNames::kLongest + 1, 'x'));
  CHECK(names.name_of(tag_hash(std::string(TagNames::kLongest + 1, 'x'))) == std::nullopt);
  for (std::size_t i = 0; i < TagNames::kGeneration; ++i) note("filler-" + std::to_string(i));
  CHECK(names.name_of(tag_hash("product-17")) == "product-17");          // in the older half
  for (std::size_t i = 0; i < TagNames::kGeneration; ++i) note("more-" + std::to_string(i));
  CHECK(names.name_of(tag_hash("product-17")) == std::nullopt);
}
