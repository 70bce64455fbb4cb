#include "config/reader.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <system_error>

#include "config/forms.h"

namespace davenport::config {
namespace {

constexpr std::size_t kSecretBytesMax = 4096;
constexpr std::size_t kSecretBytesShort = 16;

std::string_view without_line_ends(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// Regular files only: a pipe or a terminal would hold up the start, or a reload, for ever.
Result<std::string> read_secret_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) {
    return Error{fmt::format("{} is not a file that can be read", quote(path.string()))};
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kSecretBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return Error{fmt::format("{} cannot be read", quote(path.string()))};
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kSecretBytesMax) return Error{fmt::format("{} is too long for a token", quote(path.string()))};
  return std::string(without_line_ends(text));
}

bool others_may_read(const std::filesystem::path& path) {
  std::error_code failed;
  const auto permissions = std::filesystem::status(path, failed).permissions();
  return !failed && (permissions & std::filesystem::perms::others_read) != std::filesystem::perms::none;
}

// "cache.defaults.ttl" for a "ttl" that stands where it does not belong.
std::string elsewhere(std::string_view key) {
  for (const std::string& name : setting_names()) {
    if (name.size() > key.size() && name.ends_with(key) && name[name.size() - key.size() - 1] == '.') return name;
  }
  return "";
}

}  // namespace

std::string join_key(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

void assign_secret(std::string& slot, const Entry& source, const std::string& setting, Context& context) {
  const std::string* text = source.value.string();
  const Place place = source.value.place;
  if (text == nullptr || text->empty() || text->find('\0') != text->npos) {
    return context.error(place, setting, "expected a name in quotes; found " + describe_found(source.value));
  }
  if (!slot.empty()) {
    return context.error(source.place, setting, "the token has been given already: keep one of its two settings");
  }
  std::string secret;
  if (source.key.ends_with("_file")) {
    const std::filesystem::path path = context.directory / *text;
    auto read = read_secret_file(path);
    if (!read) return context.error(place, setting, read.error().message);
    if (others_may_read(path)) {
      context.warn(place, setting, fmt::format("everybody on this machine may read {}: chmod o-r it", quote(*text)));
    }
    secret = std::move(*read);
  } else {
    const char* variable = std::getenv(text->c_str());
    if (variable == nullptr) {
      return context.error(place, setting, fmt::format("the environment has no variable {}", quote(*text)));
    }
    secret = without_line_ends(variable);
  }
  const auto checked = check_form(Form::secret, secret);
  if (!checked) return context.error(place, setting, checked.error().message + " in what it names");
  if (secret.size() < kSecretBytesShort) {
    context.warn(place, setting, fmt::format("the token is short: {} characters and more are hard to guess",
                                             kSecretBytesShort));
  }
  slot = std::move(secret);
}

void report_literal_secret(const Entry& entry, const std::string& setting, Context& context) {
  context.error(entry.place, setting,
                fmt::format("a secret does not stand in this file: write {0}_file = \"path\" or {0}_env = \"VARIABLE\"",
                            entry.key));
}

void report_unknown(const Entry& entry, const std::string& setting, const std::vector<std::string>& siblings,
                    Context& context) {
  // A slip of one letter, or else the right word in the wrong table, or else something like it.
  std::string suggestion = nearest(entry.key, siblings, 1);
  if (suggestion.empty()) suggestion = elsewhere(entry.key);
  if (suggestion.empty()) suggestion = nearest(entry.key, siblings);
  context.error(entry.place, setting, "unknown setting", suggestion);
}

}  // namespace davenport::config
