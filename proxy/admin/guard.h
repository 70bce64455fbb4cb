// proxy/admin/guard.h: who may use the admin API. With a token, whoever has it. Without one (loopback or a Unix socket
// alone), every program of this machine; but a web page in a browser of this machine is none of these, and comes with the
// Host of its own site (DNS rebinding) or with an Origin. A client that has shown a certificate may name the interface as it
// likes: no other site has a certificate of the same name.
// Thread  any; pure.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/http/message.h"

namespace davenport::admin {

enum class Entry : std::uint8_t { allowed, no_token /* 401 */, foreign_host, foreign_origin /* 403 */ };

enum class EntryTls : std::uint8_t { none, server_only, client_certificate };

// PURGE names the site whose page is purged in its Host, so that Host is not looked at there: what a foreign page could
// purge is only its own.
Entry check_entry(const http::RequestHead& request, std::string_view token, bool unix_socket, EntryTls tls = EntryTls::none);

}  // namespace davenport::admin
