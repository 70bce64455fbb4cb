#include "cache/redis/redirection.h"

#include <charconv>

namespace davenport::redis {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// "3999 127.0.0.1:6381", "3999 ::1:6381", "3999 :6381" (the node that was asked)
Redirection read_target(Trouble trouble, std::string_view rest, std::string_view asked_host) {
  const std::size_t space = rest.find(' ');
  const std::size_t colon = rest.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) return {Trouble::other, 0, {}};
  std::uint16_t slot = 0, port = 0;
  const bool numbers = read_number(rest.substr(0, space), slot) && read_number(rest.substr(colon + 1), port);
  if (!numbers || slot >= kSlotCount || port == 0) return {Trouble::other, 0, {}};
  const std::string_view host = rest.substr(space + 1, colon - space - 1);
  return {trouble, slot, {std::string(host.empty() || host == "?" ? asked_host : host), port}};
}

}  // namespace

Redirection read_trouble(std::string_view error, std::string_view asked_host) {
  const std::string_view word = error.substr(0, error.find(' '));
  const std::string_view rest = word.size() < error.size() ? error.substr(word.size() + 1) : std::string_view{};
  if (word == "MOVED") return read_target(Trouble::moved, rest, asked_host);
  if (word == "ASK") return read_target(Trouble::ask, rest, asked_host);
  struct Row { std::string_view word; Trouble trouble; };
  static constexpr Row kRows[] = {
      {"TRYAGAIN", Trouble::try_again},   {"CLUSTERDOWN", Trouble::cluster_down}, {"READONLY", Trouble::read_only},
      {"LOADING", Trouble::loading},      {"MASTERDOWN", Trouble::loading},       {"OOM", Trouble::out_of_memory},
      {"NOAUTH", Trouble::refused},       {"WRONGPASS", Trouble::refused},        {"NOPERM", Trouble::refused},
  };
  for (const Row& row : kRows) {
    if (row.word == word) return {row.trouble, 0, {}};
  }
  return {Trouble::other, 0, {}};
}

std::string_view name_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::none: return "none";
    case Trouble::moved: return "moved";
    case Trouble::ask: return "ask";
    case Trouble::try_again: return "try_again";
    case Trouble::cluster_down: return "cluster_down";
    case Trouble::read_only: return "read_only";
    case Trouble::loading: return "loading";
    case Trouble::out_of_memory: return "out_of_memory";
    case Trouble::refused: return "refused";
    case Trouble::other: return "other";
  }
  __builtin_unreachable();
}

}  // namespace davenport::redis
