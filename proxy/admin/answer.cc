#include "proxy/admin/answer.h"

#include "core/base/json.h"
#include "core/http/message.h"

namespace davenport::admin {

Answer problem(int status, std::string_view detail) {
  JsonWriter json;
  json.object();
  json.member("type", "about:blank");
  json.member("title", http::reason_phrase(status));
  json.member("status", status);
  json.member("detail", detail);
  json.end();
  return {status, "application/problem+json", json.take(), {}};
}

}  // namespace davenport::admin
