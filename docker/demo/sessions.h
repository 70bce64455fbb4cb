// docker/demo/sessions.h: baskets and names behind a random cookie.
// Thread  any; every call copies in or out under one lock.
// Bound   `capacity` sessions, the longest unused goes first; kMaxLines in a basket, kMaxCount of each.
#pragma once
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace demo {

struct Session {
  static constexpr std::size_t kMaxLines = 40;
  static constexpr int kMaxCount = 99;
  std::map<int, int> basket;                       // product → how many
  std::string name;                                // "" until someone signs in
  int items() const;
};

// Adds within the bounds; false where the basket is full. A count that falls to 0 leaves.
bool change_basket(Session& session, int product, int by);

class Sessions {
 public:
  explicit Sessions(std::size_t capacity) : capacity_(capacity) {}

  std::optional<Session> find(std::string_view id);
  // Under `id` if it is one that we gave, else under a fresh one, which is returned either way.
  std::string save(std::string_view id, Session session);
  std::size_t size() const;

 private:
  using Order = std::list<std::pair<std::string, Session>>;   // the last used in front
  std::size_t capacity_;
  mutable std::mutex mutex_;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator> index_;  // views of the list's own ids
};

}  // namespace demo
