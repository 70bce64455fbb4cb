// cache/purge/tag_names.h: the names of tags that answers have brought lately, for whoever asks what a stored response is tagged with:
// the store keeps hashes alone.
// Bound   at most 2 × kGeneration names of at most kLongest bytes; the oldest half is forgotten at once.
// Thread  any.
#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/hash.h"

namespace davenport::purge {

class TagNames {
 public:
  static constexpr std::size_t kGeneration = 16'384, kLongest = 256;

  void note(const Hash128& hash, std::string_view name) {
    if (name.size() > kLongest) return;
    const std::lock_guard lock(mutex_);
    if (recent_.contains(hash.low)) return;
    if (recent_.size() >= kGeneration) older_ = std::exchange(recent_, {});
    recent_.emplace(hash.low, name);
  }
  std::optional<std::string> name_of(const Hash128& hash) const {
    const std::lock_guard lock(mutex_);
    for (const auto* names : {&recent_, &older_}) {
      if (const auto found = names->find(hash.low); found != names->end()) return found->second;
    }
    return std::nullopt;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::string> recent_, older_;
};

}  // namespace davenport::purge
