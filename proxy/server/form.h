// proxy/server/form.h: in which content coding a client gets an answer: of a stored response as one of its forms (policy/coding.h,
// stored_response.h), of one that passes or is still arriving by a coder of its own.
//
// The first client of a form waits for it, beside the loop, up to `compression.wait`; then it is sent the source, and whoever comes
// later finds the form. Waiting, because most forms take a millisecond or two, and the bytes that they save take longer to send;
// bounded, because a large body may take seconds, which nobody should notice.
// Thread  the worker's.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/policy/coding.h"
#include "cache/store/memory_store.h"
#include "core/net/task.h"
#include "proxy/server/request.h"
#include "proxy/transform/codec.h"

namespace davenport::server {

class Worker;

// What requests ask for, remembered by the text of their field: browsers send a handful of them.
struct Wants {
  policy::Accepted accepted;
  policy::Coding choice = policy::Coding::identity;      // among the route's codings
};
class WantsMemo {
 public:
  // Good until the next call.
  const Wants& of(const http::Fields& request, const config::Compression& rules);
  void forget() { *this = WantsMemo(); }                  // rules of another configuration may lie where these did

 private:
  struct Entry {
    const config::Compression* rules = nullptr;
    std::string field;
    Wants wants;
  };
  static constexpr std::size_t kSlots = 16, kMostBytes = 128;
  std::array<Entry, kSlots> slots_;
  Wants none_, single_;
};

// How a stored source is sent.
struct Shape {
  enum class Kind : std::uint8_t { source, form, ask_origin } kind = Kind::source;
  policy::Coding coding = policy::Coding::identity;       // with form
  bool must = false;                                      // the source is not acceptable: no form, no answer
};
Shape shape_for(const store::StoredResponse& source, const http::Fields& request, const Wants& wants, const config::Compression& rules);

// Is the form, which is there, what the client gets? Not where it is no smaller than a source that is acceptable too.
inline bool worth_sending(const store::StoredResponse& source, const store::StoredResponse& form, const Wants& wants) {
  return form.body_bytes() < source.body_bytes() || !wants.accepted.takes(source.coding());
}

// Has the strong form made, behind.
void order_strong(Worker& worker, const store::StoredResponse& source, const store::StoredResponse& form, const config::Compression& rules);

// What is sent of `request.stored`, waiting for it where it has to be made. Null: the origin has to be asked.
net::Task<store::StoredPtr> find_form(Worker& worker, const Request& request);

// The bytes that a form saved, for the metrics.
void count_saved(Worker& worker, const store::StoredResponse& source, const store::StoredResponse& form, const Account& account);

// The forms of a source that was refreshed: the same bytes under the new head.
void carry_forms(Worker& worker, const std::vector<store::StoredPtr>& forms, const store::StoredResponse& fresh);

// The coding in which an answer is sent on while it arrives; identity: as it is. `passed`: it is not stored.
policy::Coding coding_on_the_way(Worker& worker, const Request& request, int status, const http::Fields& response,
                                 std::optional<std::uint64_t> length, bool passed);
std::unique_ptr<transform::Encoder> make_passing_encoder(policy::Coding coding, const config::Compression& rules);

}  // namespace davenport::server
