// config/webhook.h: {url}, {tags} and the like in the texts of a webhook; proxy/server/webhook_text.h says what they stand for.
// A brace that does not hold one of these names, in small letters and alone, is itself: so a body may be JSON.
// Thread  any; pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/context.h"

namespace davenport::config {

enum class WebhookVariable : std::uint8_t {
  url, host, path, tag, prefix, urls, tags, prefixes, urls_json, tags_json, prefixes_json, soft, token,
};

// The text up to the next variable, and that. Without one (length 0) `before` is all of it.
struct WebhookPart {
  std::string_view before;
  WebhookVariable variable{};
  std::size_t length = 0;        // with its braces
};
WebhookPart next_webhook_part(std::string_view text);

// A webhook as a whole, at its place.
void check_webhook(const Webhook& hook, const std::string& setting, Context& context);

}  // namespace davenport::config
