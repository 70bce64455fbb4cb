// proxy/server/neighbour.h: precompressed neighbours at the origin: app.css.br beside app.css, made once when the site was built. Where a
// route says that there are some (`precompressed`), the first client who wants a coded form has the neighbour asked for before
// anything is compressed here.
// Trust   a neighbour is a form only if it unpacks to the very bytes of the source; one that was forgotten in the last change is not.
// Once    one request asks, the others go the usual way meanwhile. What is not there, or is no good, is not asked for again for
//         kMissingFor.
// Thread  Neighbours: any, a short lock; the rest the worker's.
#pragma once
#include <mutex>
#include <unordered_map>

#include "cache/policy/coding.h"
#include "cache/store/memory_store.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/net/task.h"

namespace davenport::server {

struct Request;
class Worker;

class Neighbours {
 public:
  static constexpr Seconds kMissingFor{600};

  // True for the one caller who is to ask; it counts as missing until found() says otherwise.
  bool begin(const Hash128& name, SteadyTime now);
  void found(const Hash128& name);

 private:
  static constexpr std::size_t kMost = 16'384;     // forgotten all at once beyond it
  std::mutex mutex_;
  std::unordered_map<Hash128, SteadyTime> missing_until_;
};

// The form of request.stored, a source without a coding, out of its neighbour; null: there is none.
net::Task<store::StoredPtr> form_of_neighbour(Worker& worker, const Request& request, policy::Coding coding);

}  // namespace davenport::server
