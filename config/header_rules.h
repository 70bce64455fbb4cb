// config/header_rules.h: what may stand in the fields that an operator writes. Nothing that is put into a head may end its line.
// Of answers ("answer_field"):
//   names    fields that say how a message is framed, coded or validated are the server's alone; Set-Cookie can only be removed,
//            for what is stored goes to everybody;
//   values   visible ASCII, spaces, and $host, $path, $query, $scheme, $status, $$; a targeted field (CDN-Cache-Control and its
//            kin) is a dictionary of RFC 9651.
// Of a webhook's request: names that do not frame it; its values' {url} and the like are for proxy/server/webhook.h.
// Thread  any; pure.
#pragma once
#include <string_view>
#include <variant>

#include "config/context.h"
#include "config/settings.h"
#include "core/base/result.h"

namespace davenport::config {

Result<std::monostate> check_field_name(Form form, std::string_view name);
Result<std::monostate> check_field_value(Form form, std::string_view name, std::string_view value);

// A rule as a whole, at its place: what changes nothing, or cannot be meant.
void check_header_rule(const HeaderRule& rule, const std::string& setting, Context& context);

// $name in a value, after the dollar sign: which one, and how long its name is. What is none has the length 0.
enum class Variable : unsigned char { dollar, host, path, query, scheme, status };
struct VariableAt {
  Variable variable = Variable::dollar;
  std::size_t length = 0;
};
VariableAt variable_at(std::string_view behind_dollar);

}  // namespace davenport::config
