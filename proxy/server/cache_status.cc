#include "proxy/server/cache_status.h"

#include "core/base/text.h"

namespace davenport::server {

void append_forwarded_status(std::string& out, std::string_view name, const Forwarded& forwarded) {
  const policy::ReasonName reason = policy::name_of(forwarded.reason);
  out.append("Cache-Status: ").append(name).append("; fwd=").append(reason.fwd.empty() ? "request" : reason.fwd);
  if (forwarded.origin_status != 0) {
    out.append("; fwd-status=");
    append_number(out, forwarded.origin_status);
  }
  if (forwarded.has_ttl) {
    out.append("; ttl=");
    append_number(out, forwarded.ttl);
  }
  if (forwarded.stored) out.append("; stored");
  if (forwarded.collapsed) out.append("; collapsed");
  // Why it was not stored says more than why it was fetched; a pass has only the second.
  const bool about_storing = !forwarded.stored && forwarded.storing != policy::Storing::not_asked &&
                             forwarded.storing != policy::Storing::stored && forwarded.storing != policy::Storing::updated;
  out.append("; detail=").append(about_storing ? policy::name_of(forwarded.storing) : reason.name).append("\r\n");
}

void append_hit_status(std::string& out, std::string_view hit_prefix, std::int64_t ttl, policy::Reason reason) {
  out.append(hit_prefix);
  append_number(out, ttl);
  if (reason != policy::Reason::fresh_hit) out.append("; detail=").append(policy::name_of(reason).name);
  out.append("\r\n");
}

void append_server_timing(std::string& out, std::string_view what, Micros here, Micros origin) {
  const auto append_millis = [&out](Micros time) {
    append_number(out, time.count() / 1000);
    out.append(".");
    append_number(out, time.count() % 1000 / 100);
  };
  out.append("Server-Timing: cache;desc=").append(what).append(";dur=");
  append_millis(here);
  if (origin.count() > 0) {
    out.append(", origin;dur=");
    append_millis(origin);
  }
  out.append("\r\n");
}

void append_proxy_status(std::string& out, std::string_view name, std::string_view error) {
  out.append("Proxy-Status: ").append(name).append("; error=").append(error).append("\r\n");
}

void append_proxy_status(std::string& out, std::string_view name, const origin::FailureName& failure) {
  out.append("Proxy-Status: ").append(name).append("; error=").append(failure.proxy_error);
  out.append("; details=\"").append(failure.name).append("\"\r\n");
}

}  // namespace davenport::server
