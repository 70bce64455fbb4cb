#include "proxy/server/request.h"

#include <cstring>

namespace davenport::server {

void Request::take(http::RequestHead& parsed, std::string_view raw) {
  bytes.assign(raw);
  parsed.rebase(raw.data(), raw.size(), bytes.data());
  std::swap(head, parsed);
}

void Request::take_key(const policy::KeyParts& made) {
  key_bytes.assign(made.key);
  key = made;
  key.key = key_bytes;
  key.resource = key.key.substr(static_cast<std::size_t>(made.resource.data() - made.key.data()), made.resource.size());
}

void Request::reset() {
  bytes.clear();
  head.clear();
  snapshot.reset();
  route = nullptr;
  now = {};
  scheme = "http";
  forwarded_host.clear();
  peer.address.clear();
  peer.port = peer.redirect_port = 0;
  peer.https = false;
  id.clear();
  key_bytes.clear();
  key = {};
  ask = {};
  decision = {};
  found.reset();
  stored.reset();
  purge = policy::PurgeState::valid;
  hinted = false;
}

std::unique_ptr<Request> Request::copy() const {
  auto other = std::make_unique<Request>();
  other->bytes = bytes;
  other->head = [&] {
    http::RequestHead head_copy;
    head_copy.method = head.method;
    head_copy.method_name = head.method_name;
    head_copy.form = head.form;
    head_copy.target = head.target;
    head_copy.scheme = head.scheme;
    head_copy.authority = head.authority;
    head_copy.path = head.path;
    head_copy.query = head.query;
    head_copy.has_query = head.has_query;
    head_copy.major = head.major;
    head_copy.minor = head.minor;
    for (const http::Field& field : head.fields) head_copy.fields.add(field.id, field.name, field.value);
    head_copy.rebase(bytes.data(), bytes.size(), other->bytes.data());
    return head_copy;
  }();
  other->snapshot = snapshot;
  other->route = route;
  other->now = now;
  other->scheme = scheme;
  other->forwarded_host = forwarded_host;
  other->peer = peer;
  other->id = id;
  other->take_key(key);
  other->ask = ask;
  other->decision = decision;
  other->stored = stored;
  other->purge = purge;
  return other;
}

}  // namespace davenport::server
