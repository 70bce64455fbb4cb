// cache/policy/selector.h: the bytes of a selector (vary.h): for each name that an answer varies by, what the request had there.
//     for (SelectorReader reader(selector); const auto chosen = reader.next();) …      // then: reader.failed()?
// Bytes   u16 size and name; u32 size of the value + 1, or 0 where the field was absent, and value; u16 size and the Content-Language that
//         may stand in for it. Names in lower case, sorted.
// Trust   a selector may come from another machine: each size is checked.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::policy {

struct Selected {
  std::string_view name;
  std::optional<std::string_view> value;         // as it is compared; nullopt: absent
  std::string_view language;
};
void append_selected(std::string& selector, const Selected& chosen);

class SelectorReader {
 public:
  explicit SelectorReader(std::string_view selector) : rest_(selector) {}
  std::optional<Selected> next();                // nullopt: the end, or no selector
  bool failed() const { return failed_; }

 private:
  template <class Size>
  std::size_t size();
  std::string_view bytes(std::size_t count);
  std::size_t fail();

  std::string_view rest_;
  bool failed_ = false;
};

// "accept-language, x-color": what a Vary would say. "" where the selector is empty or none.
std::string names_of_selector(std::string_view selector);
// The same without languages: what a request alone, and the names, make of it.
std::string plain_selector(std::string_view selector);
// The fields of a request that it chooses. Nullopt: it is none, or chooses by what is a visitor's own (Cookie, Authorization).
std::optional<std::vector<std::pair<std::string, std::string>>> fields_of_selector(std::string_view selector);

}  // namespace davenport::policy
