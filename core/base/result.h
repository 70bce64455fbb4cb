// core/base/result.h: a value or an error, for failures that are expected (`std::expected` needs C++23).
//     Result<Size> size = parse_size("256MiB");
//     if (!size) return size.error();
// Errors are values that carry their source; exceptions stop where a third-party library ends.
#pragma once
#include <string>
#include <utility>
#include <variant>

namespace davenport {

// What went wrong, in words that say what to do. `retryable`: the same call may succeed later or elsewhere.
struct Error {
  std::string message;
  bool retryable = false;
};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  bool has_value() const { return state_.index() == 0; }

  T& value() { return std::get<0>(state_); }
  const T& value() const { return std::get<0>(state_); }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  E& error() { return std::get<1>(state_); }
  const E& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, E> state_;
};

template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(E error) : error_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return error_.index() == 0; }
  bool has_value() const { return error_.index() == 0; }
  E& error() { return std::get<1>(error_); }
  const E& error() const { return std::get<1>(error_); }

 private:
  std::variant<std::monostate, E> error_;
};

}  // namespace davenport
