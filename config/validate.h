// config/validate.h: what no single setting can say: whether the whole makes sense.
#pragma once
#include "config/config.h"
#include "config/context.h"

namespace davenport::config {

// Adds problems and warnings to the context. Routes have their origins already.
void validate(const Config& config, Context& context);

}  // namespace davenport::config
