// proxy/admin/answer.h: what the admin server sends back, before it is bytes. Errors are problem details (RFC 9457).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace davenport::admin {

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;   // besides Content-Type, -Length, Date and Connection
};

// {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "…"}
Answer problem(int status, std::string_view detail);

}  // namespace davenport::admin
