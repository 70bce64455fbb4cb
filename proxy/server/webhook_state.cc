#include "proxy/server/webhook_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "core/base/json.h"
#include "proxy/server/webhook_text.h"

namespace davenport::server {
namespace {

using purge::Kind;

std::string why() { return std::strerror(errno); }

const JsonValue* member(const JsonValue::Object& object, std::string_view name) {
  for (const JsonMember& each : object) {
    if (each.name == name) return &each.value;
  }
  return nullptr;
}
const std::string* text_of(const JsonValue::Object& object, std::string_view name) {
  const JsonValue* const value = member(object, name);
  return value != nullptr ? value->string() : nullptr;
}

std::optional<purge::Target> target_of(const JsonValue& value) {
  if (value.object() == nullptr) return std::nullopt;
  const std::string* const kind = text_of(*value.object(), "kind");
  const std::string* const name = text_of(*value.object(), "name");
  if (kind == nullptr || name == nullptr) return std::nullopt;
  for (const Kind each : {Kind::url, Kind::tag, Kind::prefix, Kind::all}) {
    if (*kind == kind_name(each)) return purge::Target{each, *name};
  }
  return std::nullopt;
}

std::optional<WaitingPurge> waiting_of(const JsonValue& value) {
  if (value.object() == nullptr) return std::nullopt;
  const JsonValue* const soft = member(*value.object(), "soft");
  const JsonValue* const targets = member(*value.object(), "targets");
  const std::string* const hook = text_of(*value.object(), "webhook");
  if (hook == nullptr || soft == nullptr || soft->boolean() == nullptr || targets == nullptr || targets->array() == nullptr) return std::nullopt;
  WaitingPurge waiting{*hook, {}};
  waiting.purge.soft = *soft->boolean();
  for (const JsonValue& each : *targets->array()) {
    std::optional<purge::Target> target = target_of(each);
    if (!target) return std::nullopt;
    waiting.purge.targets.push_back(std::move(*target));
  }
  return waiting;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0;
}

}  // namespace

std::string webhook_name(const config::Webhook& hook) {
  std::string name = hook.method + " " + hook.url + " " + hook.body;
  for (const config::HeaderLine& line : hook.headers) name += " " + line.name + ": " + line.value;      // a secret stands there as {token}
  return name;
}

std::string webhook_state_text(const std::vector<WaitingPurge>& waiting) {
  JsonWriter json;
  json.object().array("waiting");
  for (const WaitingPurge& each : waiting) {
    json.object().member("webhook", each.hook).member("soft", each.purge.soft).array("targets");
    for (const purge::Target& target : each.purge.targets) {
      json.object().member("kind", kind_name(target.kind)).member("name", target.name).end();
    }
    json.end().end();
  }
  json.end().end();
  return json.take();
}

Result<std::vector<WaitingPurge>> read_webhook_state(std::string_view text) {
  const Result<JsonValue> read = parse_json(text);
  if (!read) return read.error();
  const JsonValue* const list = read->object() != nullptr ? member(*read->object(), "waiting") : nullptr;
  if (list == nullptr || list->array() == nullptr) return Error{"expected an object with the list \"waiting\""};
  std::vector<WaitingPurge> all;
  for (const JsonValue& value : *list->array()) {
    std::optional<WaitingPurge> waiting = waiting_of(value);
    if (!waiting) return Error{"an entry of \"waiting\" has no webhook, soft or targets"};
    all.push_back(std::move(*waiting));
  }
  return all;
}

Result<std::monostate> save_webhook_state(const std::string& path, const std::vector<WaitingPurge>& waiting) {
  if (waiting.empty()) return std::monostate{};
  const std::string beside = path + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return Error{beside + " cannot be written: " + why()};
  const bool written = write_all(fd, webhook_state_text(waiting));
  const std::string trouble = written ? "" : why();
  ::close(fd);
  if (!written) return Error{beside + " cannot be written: " + trouble};
  if (std::rename(beside.c_str(), path.c_str()) != 0) return Error{path + " cannot be written: " + why()};
  return std::monostate{};
}

Result<std::vector<WaitingPurge>> take_webhook_state(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    if (errno == ENOENT) return std::vector<WaitingPurge>{};
    return Error{path + " cannot be read: " + why()};
  }
  std::ostringstream text;
  text << file.rdbuf();
  Result<std::vector<WaitingPurge>> read = read_webhook_state(text.str());
  if (!read) return Error{path + ": " + read.error().message};
  if (std::remove(path.c_str()) != 0) return Error{path + " cannot be removed: " + why()};      // it would be sent at each start
  return read;
}

}  // namespace davenport::server
