// cache/redis/popular.h: what is popular in the fleet, as one hash PREFIX{popular}: a field for each instance, which holds the time of
// Redis' own clock and the instance's list (warm/sketch.h). Lists of instances that are gone are worth less as they age.
// Bound   kMostInstances lists; the oldest makes room. All of it ends kKept after the last word.
// Thread  the loop's.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis/client.h"
#include "cache/warm/sketch.h"
#include "core/net/task.h"

namespace davenport::redis {

class PopularLists {
 public:
  static constexpr std::size_t kMostInstances = 32;
  static constexpr Seconds kKept{7 * 86'400}, kHalfLife{3'600};

  PopularLists(Client& client, std::string_view prefix) : client_(client), key_(std::string(prefix) + "{popular}") {}

  net::Task<bool> publish(std::string instance, std::vector<warm::Popular> list, SteadyTime deadline);
  // All instances' lists as one; nothing where Redis can't be reached.
  net::Task<std::vector<warm::Popular>> read(std::size_t most, SteadyTime deadline);

 private:
  Client& client_;
  const std::string key_;
};

}  // namespace davenport::redis
