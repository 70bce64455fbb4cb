// tests/fuzz/pair_checks.h: what must hold of a pair (pair.h) whatever protocol its clients speak: what the origin framed whole is what
// may be stored and what clients may get whole.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/http/message.h"
#include "core/http/parser.h"
#include "fuzz/pair.h"

namespace davenport::fuzz {

inline const http::HeadLimits kWide{.head_bytes = 1 << 20, .field_count = 10'000, .target_bytes = 1 << 20};

const std::vector<config::ConfigPtr>& settings();

// A message's body as its head frames it; nullopt where it is not whole.
std::optional<std::string> framed(const http::ResponseHead& head, std::string_view& rest, bool ended);

struct Whole {
  int status = 0;
  std::string target, body;
};

std::vector<Whole> whole_answers(const Pair& pair);            // those that the origin framed whole

// Targets are compared as the client sent them: where their spelling is changed on the way, any will do.
bool asked_for(const std::string& sent, const std::string& target);

void check_store(Pair& pair, const std::vector<Whole>& origin);

}  // namespace davenport::fuzz
