#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/base/text.h"
#include "core/http/fields.h"

namespace davenport::http {
namespace {

std::string text_of(const Fields& fields) {
  std::string out;
  for (const Field& field : fields) out.append(field.name).append("=").append(field.value).append(";");
  return out;
}

TEST_CASE("every known name is found in any case, and its name is found back") {
  std::set<std::string_view> names;
  for (std::size_t i = 1; i < kFieldIdCount; ++i) {
    const auto id = static_cast<FieldId>(i);
    const std::string_view name = field_name(id);
    CAPTURE(name);
    REQUIRE(!name.empty());
    CHECK(names.insert(name).second);
    CHECK(field_id(name) == id);
    std::string upper(name);
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    CHECK(field_id(upper) == id);
  }
  CHECK(field_name(FieldId::other) == "");
  CHECK(field_name(FieldId::x_request_id) == "x-request-id");
  CHECK(field_name(FieldId::if_unmodified_since) == "if-unmodified-since");
}

TEST_CASE("a name that differs from a known one in any byte is another") {
  for (std::size_t i = 1; i < kFieldIdCount; ++i) {
    const std::string name(field_name(static_cast<FieldId>(i)));
    CAPTURE(name);
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = name;
        changed[at] = static_cast<char>(byte);
        // Another known name may be one byte away (accept-… are not): what counts is equality in any case.
        const FieldId found = field_id(changed);
        const bool right = found == FieldId::other || iequals(field_name(found), changed);
        if (!right) CHECK(changed == field_name(found));
        if (iequals(changed, name)) CHECK(found == static_cast<FieldId>(i));
      }
    }
    CHECK(field_id(name + "x") == FieldId::other);
    CHECK(field_id("x" + name) == FieldId::other);
  }
  CHECK(field_id("") == FieldId::other);
  CHECK(field_id(std::string(1000, 'a')) == FieldId::other);
}

TEST_CASE("lines keep their order and are found by id and by name in any case") {
  Fields fields;
  fields.add("Accept", "a");
  fields.add("X-Own", "1");
  fields.add("accept", "b");
  fields.add("x-own", "2");
  CHECK(text_of(fields) == "Accept=a;X-Own=1;accept=b;x-own=2;");
  CHECK(fields.size() == 4);
  CHECK(fields.has(FieldId::accept));
  CHECK(!fields.has(FieldId::range));
  CHECK(fields.get(FieldId::accept) == "a");
  CHECK(fields.get("ACCEPT") == "a");
  CHECK(fields.get("X-OWN") == "1");
  CHECK(fields.get("X-Other") == "");
  CHECK(fields.get(FieldId::range) == "");
  CHECK(fields.find("x-other") == nullptr);
  CHECK(fields.find(FieldId::range) == nullptr);
  CHECK(fields.find("x-own")->name == "X-Own");
  CHECK(fields.count(FieldId::accept) == 2);
  CHECK(fields.count(FieldId::range) == 0);
  CHECK((fields.present() & field_bit(FieldId::accept)) != 0);
}

TEST_CASE("lines of one name are one list (RFC 9110 §5.3)") {
  Fields fields;
  std::string scratch;
  CHECK(fields.combined(FieldId::vary, scratch) == "");
  const std::string value = "Accept";
  fields.add("Vary", value);
  CHECK(fields.combined(FieldId::vary, scratch).data() == value.data());
  fields.add("X", "1");
  fields.add("vary", "");
  fields.add("VARY", "Cookie");
  CHECK(fields.combined(FieldId::vary, scratch) == "Accept, , Cookie");
  CHECK(fields.combined("vAry", scratch) == "Accept, , Cookie");
  CHECK(fields.combined("x", scratch) == "1");
  fields.add("x", "2");
  CHECK(fields.combined("X", scratch) == "1, 2");
  CHECK(fields.combined("Y", scratch) == "");
}

TEST_CASE("removing takes all lines of a name and forgets its presence") {
  Fields fields;
  fields.add("Vary", "a");
  fields.add("X", "1");
  fields.add("vary", "b");
  fields.add("x", "2");
  fields.add("Y", "3");
  fields.remove(FieldId::vary);
  CHECK(!fields.has(FieldId::vary));
  CHECK(text_of(fields) == "X=1;x=2;Y=3;");
  fields.remove("X");
  CHECK(text_of(fields) == "Y=3;");
  fields.remove("vary");
  fields.remove("nothing");
  fields.remove_if([](const Field& field) { return field.value == "3"; });
  CHECK(fields.empty());
  CHECK(fields.present() == 0);
}

TEST_CASE("copies outlive what they were made from; set_copy leaves one line") {
  Fields fields;
  {
    std::string name = "X-Long-Name", value(100, 'v');
    fields.add_copy(name, value);
    fields.add("Age", "1");
    fields.add("Age", "2");
    fields.set_copy("age", "3");
    name.assign(name.size(), '!');
    value.assign(value.size(), '!');
  }
  CHECK(text_of(fields) == "X-Long-Name=" + std::string(100, 'v') + ";age=3;");
  CHECK(fields.count(FieldId::age) == 1);
  fields.set_copy(fields.find(FieldId::age)->name, fields.find(FieldId::age)->value);   // of itself
  CHECK(fields.get(FieldId::age) == "3");
  fields.add_copy("E", "");
  CHECK(fields.find("e")->value.empty());
}

TEST_CASE("copied lines of all lengths stay what they are, though they share blocks") {
  Fields fields;
  std::string expected;
  for (std::size_t length = 0; length < 600; length += 7) {
    const std::string value(length, static_cast<char>('a' + length % 26));
    fields.add_copy("X", value);
    expected.append("X=").append(value).append(";");
  }
  CHECK(text_of(fields) == expected);
  fields.clear();
  fields.add_copy("Y", "after");
  CHECK(text_of(fields) == "Y=after;");
}

TEST_CASE("a clone owns its lines; a moved-from object is empty; clear keeps nothing") {
  Fields clone, moved;
  {
    const std::string text = "AcceptbX";
    Fields fields;
    fields.add(std::string_view(text).substr(0, 6), std::string_view(text).substr(6, 1));
    fields.add(std::string_view(text).substr(7, 1), "");
    clone = fields.clone();
    moved = std::move(fields);
    CHECK(fields.empty());             // NOLINT: what a moved-from one says is part of the contract here
    CHECK(!fields.has(FieldId::accept));
    CHECK(text_of(moved) == "Accept=b;X=;");
    moved.clear();
  }
  CHECK(text_of(clone) == "Accept=b;X=;");
  CHECK(clone.get(FieldId::accept) == "b");
  CHECK(moved.empty());
  CHECK(moved.present() == 0);
  CHECK(Fields().clone().empty());
}

TEST_CASE("rebase moves borrowed views and leaves owned ones and those of other buffers") {
  const std::string old = "Host: a\r\nX: ";
  std::string moved = old;
  const std::string elsewhere = "b";
  Fields fields;
  fields.add(std::string_view(old).substr(0, 4), std::string_view(old).substr(6, 1));
  fields.add(std::string_view(old).substr(9, 1), std::string_view(old).substr(12, 0));
  fields.add_copy("Age", "1");
  fields.add("Via", elsewhere);
  fields.rebase(old.data(), old.size(), moved.data());
  CHECK(fields.find(FieldId::host)->name.data() == moved.data());
  CHECK(fields.find(FieldId::host)->value.data() == moved.data() + 6);
  CHECK(fields.find("x")->value.data() == moved.data() + 12);
  CHECK(fields.get(FieldId::age) == "1");
  CHECK(fields.find(FieldId::via)->value.data() == elsewhere.data());
}

}  // namespace
}  // namespace davenport::http
