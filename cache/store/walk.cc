#include "cache/store/walk.h"

namespace davenport::store {

purge::Sweeper::Walk walk_of(MemoryStore& store) {
  return [&store](const purge::Sweeper::Judge& judge) {
    store.sweep([&judge](const StoredResponse& entry) {
      const purge::Sweeper::Verdict verdict = judge(entry.names(), entry.checked_at());
      if (verdict.state == policy::PurgeState::hard) return true;
      if (verdict.state == policy::PurgeState::soft) entry.mark_soft_purged();
      entry.mark_checked(verdict.checked_at);
      return false;
    });
  };
}

}  // namespace davenport::store
