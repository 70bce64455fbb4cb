#include "core/http/message.h"

namespace davenport::http {

Method method_of(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "GET") return Method::get;
      if (name == "PUT") return Method::put;
      if (name == "BAN") return Method::ban;
      break;
    case 4:
      if (name == "HEAD") return Method::head;
      if (name == "POST") return Method::post;
      break;
    case 5:
      if (name == "PATCH") return Method::patch;
      if (name == "PURGE") return Method::purge;
      if (name == "TRACE") return Method::trace;
      break;
    case 6:
      if (name == "DELETE") return Method::delete_;
      break;
    case 7:
      if (name == "OPTIONS") return Method::options;
      if (name == "CONNECT") return Method::connect;
      break;
    default: break;
  }
  return Method::other;
}

bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options || method == Method::trace;
}

bool is_idempotent(Method method) { return is_safe(method) || method == Method::put || method == Method::delete_; }

// Member by member: to assign a new head would move the fields out and in again, for each request.
void RequestHead::clear() {
  method = Method::get;
  form = TargetForm::origin;
  method_name = target = scheme = authority = path = query = {};
  has_query = false;
  major = minor = 1;
  framing = Framing::none;
  content_length = 0;
  keep_alive = true;
  expect_continue = wants_upgrade = false;
  fields.clear();
}

void RequestHead::rebase(const char* old_base, std::size_t size, const char* new_base) {
  for (std::string_view* view : {&method_name, &target, &scheme, &authority, &path, &query}) {
    *view = rebased(*view, old_base, size, new_base);
  }
  fields.rebase(old_base, size, new_base);
}

void ResponseHead::clear() {
  status = 0;
  reason = {};
  minor = 1;
  framing = Framing::none;
  content_length = 0;
  keep_alive = true;
  fields.clear();
}

void ResponseHead::rebase(const char* old_base, std::size_t size, const char* new_base) {
  reason = rebased(reason, old_base, size, new_base);
  fields.rebase(old_base, size, new_base);
}

// RFC 9110 §15, and the registered ones of RFC 4918, 5842, 6585, 7725, 8297, 8470.
std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 506: return "Variant Also Negotiates";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 511: return "Network Authentication Required";
    default: return "";
  }
}

}  // namespace davenport::http
