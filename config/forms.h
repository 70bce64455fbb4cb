// config/forms.h: what a text must look like, by Form.
#pragma once
#include <string>

#include "config/settings.h"
#include "core/base/result.h"

namespace davenport::config {

// The text as it is kept (in lower case where case means nothing), or what was expected.
Result<std::string> check_form(Form form, const std::string& text);

}  // namespace davenport::config
