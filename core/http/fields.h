// core/http/fields.h: the field lines of one message, in order, with the well-known names recognised once.
//     for (const Field& field : fields) …                   // every line, in the order it came
//     if (fields.has(FieldId::range)) …                     // one bit test
//     std::string_view host = fields.get(FieldId::host);    // the first line's value; empty if there is none
// Shape   values are trimmed of optional white space (RFC 9110 §5.5) and hold no control byte but HTAB.
// Owner   lines are views. add() borrows: the caller keeps the bytes alive (usually the connection's buffer);
//         add_copy() copies into this object. rebase() moves borrowed views after their buffer moved.
// Thread  one. clear() keeps capacity, so that a connection's next request allocates nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::http {

// The names that some code asks for. At most 64, so that "which are present" is one word.
enum class FieldId : std::uint8_t {
  other, accept, accept_encoding, accept_language, accept_ranges, age, allow, authorization, cache_control,
  cache_status, cache_tag, cdn_cache_control, connection, content_encoding, content_language, content_length,
  content_location, content_range, content_type, cookie, date, etag, expect, expires, forwarded, host, if_match,
  if_modified_since, if_none_match, if_range, if_unmodified_since, keep_alive, last_modified, location, origin, pragma,
  proxy_authenticate, proxy_authentication_info, proxy_authorization, proxy_connection, proxy_status, range,
  retry_after, server, set_cookie, surrogate_control, surrogate_key, te, trailer, transfer_encoding, upgrade,
  user_agent, vary, via, www_authenticate, x_forwarded_for, x_forwarded_host, x_forwarded_proto, x_request_id,
};
inline constexpr std::size_t kFieldIdCount = static_cast<std::size_t>(FieldId::x_request_id) + 1;
static_assert(kFieldIdCount <= 64);

FieldId field_id(std::string_view name);         // any case; `other` when the name is not of the list
std::string_view field_name(FieldId id);         // lower case; "" for `other`

constexpr std::uint64_t field_bit(FieldId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

// `view` at the same offset from new_base, if it lies in [old_base, old_base + size); else as it is.
std::string_view rebased(std::string_view view, const char* old_base, std::size_t size, const char* new_base);

struct Field {
  std::string_view name;   // as it came; compare with iequals, or by id
  std::string_view value;
  FieldId id = FieldId::other;
};

class Fields {
 public:
  Fields() = default;
  Fields(Fields&& other) noexcept
      : list_(std::move(other.list_)),
        owned_(std::move(other.owned_)),
        room_(std::exchange(other.room_, nullptr)),
        room_bytes_(std::exchange(other.room_bytes_, 0)),
        present_(std::exchange(other.present_, 0)) {}
  Fields& operator=(Fields&& other) noexcept {
    list_ = std::move(other.list_);
    owned_ = std::move(other.owned_);
    room_ = std::exchange(other.room_, nullptr);
    room_bytes_ = std::exchange(other.room_bytes_, 0);
    present_ = std::exchange(other.present_, 0);
    return *this;
  }
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  // A copy whose lines are all owned by it.
  Fields clone() const;

  void add(std::string_view name, std::string_view value);                // borrows
  void add(FieldId id, std::string_view name, std::string_view value) {   // borrows; the id is already known
    if (list_.size() == list_.capacity()) list_.reserve(list_.empty() ? kUsualLines : 2 * list_.size());
    list_.push_back({name, value, id});
    present_ |= field_bit(id);
  }
  void add_copy(std::string_view name, std::string_view value);
  // The value is a copy of the parts, one behind the other; the name is borrowed.
  void add_value(FieldId id, std::string_view name, std::initializer_list<std::string_view> parts);
  void set_copy(std::string_view name, std::string_view value);           // removes the others of that name
  void clear() {
    list_.clear();
    if (!owned_.empty()) owned_.clear();
    room_ = nullptr;
    room_bytes_ = 0;
    present_ = 0;
  }

  void remove(FieldId id);                          // all lines; `other` is not allowed
  void remove(std::string_view name);               // all lines, any case
  template <class Predicate>
  void remove_if(Predicate predicate) {             // predicate(const Field&) → bool
    std::erase_if(list_, predicate);
    recount();
  }

  bool has(FieldId id) const { return (present_ & field_bit(id)) != 0; }
  std::uint64_t present() const { return present_; }  // a bit for each FieldId
  const Field* find(FieldId id) const;              // the first line
  const Field* find(std::string_view name) const;   // the first line, any case
  std::string_view get(FieldId id) const;           // the first line's value, or ""
  std::string_view get(std::string_view name) const;
  std::size_t count(FieldId id) const;

  // All lines of a name as one list, joined by ", " (RFC 9110 §5.3). Returns the view itself where there is one line
  // only; otherwise joins into `scratch`. "" where there is none: ask has() to tell absence from emptiness.
  std::string_view combined(FieldId id, std::string& scratch) const;
  std::string_view combined(std::string_view name, std::string& scratch) const;

  std::size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

  // Views into [old_base, old_base + size) now point to the same offsets from new_base.
  void rebase(const char* old_base, std::size_t size, const char* new_base);

 private:
  void recount();
  char* own(std::size_t bytes);

  static constexpr std::size_t kUsualLines = 16;    // the first room for lines: most messages need no more

  std::vector<Field> list_;
  std::vector<std::unique_ptr<char[]>> owned_;
  char* room_ = nullptr;                            // what is left of the last block of owned_
  std::size_t room_bytes_ = 0;
  std::uint64_t present_ = 0;
};

}  // namespace davenport::http
