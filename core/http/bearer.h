// core/http/bearer.h: bearer tokens (RFC 6750 §2.1), for the admin API and for PURGE on a traffic listener.
//     if (same_secret(bearer_token(request.fields), settings.token)) …      // an empty setting is the caller's to refuse
// Thread  any. Nothing is allocated.
#pragma once
#include <string_view>

#include "core/http/fields.h"

namespace davenport::http {

// "Bearer" in any case, then the token; "" where there is none, another scheme, or more than one Authorization line.
std::string_view bearer_token(const Fields& fields);

// Takes the same time wherever the two differ, so that a token cannot be guessed byte by byte.
bool same_secret(std::string_view given, std::string_view secret);

}  // namespace davenport::http
