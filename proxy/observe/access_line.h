// proxy/observe/access_line.h: an access record as bytes in a ring, and as a line of text.
//     const PackedSizes sizes = measure(record);
//     if (std::byte* room = ring.begin_write(sizes.total)) pack(record, sizes, room);
//     formatter.append(out, unpack(bytes));
// Combined  what Apache and nginx call so, then host, request id and name=value pairs of ours:
//     192.0.2.7 - - [21/Oct/2015:07:28:00 +0000] "GET /milk HTTP/1.1" 200 512 "-" "curl/8.0" shop.test 3f2a reason=fresh_hit
//     storing=- age=3 ttl=57 time_us=41 origin_us=- origin=-
//         In quotes, the quote, the backslash and bytes outside printable ASCII are written as \xHH; elsewhere spaces too.
// JSON    one object a line; what does not apply is left out.
// Time    UTC.
// Thread  pack, unpack: any. A formatter: one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "proxy/observe/access_log.h"

namespace davenport::observe {

// How much is kept of each text of a record, and what all of it takes.
inline constexpr std::size_t kAccessTexts = 8;
struct PackedSizes {
  std::array<std::uint16_t, kAccessTexts> texts;
  std::size_t total;
};
PackedSizes measure(const AccessRecord& record);
void pack(const AccessRecord& record, const PackedSizes& sizes, std::byte* into);
AccessRecord unpack(std::span<const std::byte> bytes);      // its views lie in `bytes`

class AccessFormatter {
 public:
  explicit AccessFormatter(config::LogFormat format) : format_(format) {}
  void append(std::string& out, const AccessRecord& record);   // with its line end

 private:
  void append_combined(std::string& out, const AccessRecord& record);
  void append_json(std::string& out, const AccessRecord& record);
  // "21/Oct/2015:07:28:00 +0000" or "2015-10-21T07:28:00"; made anew when the second changes.
  const std::string& second_text(WallSeconds second);

  config::LogFormat format_;
  WallSeconds second_ = WallSeconds::min();
  std::string second_text_;
};

}  // namespace davenport::observe
