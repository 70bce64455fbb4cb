// core/base/log_level.h: how much the log says (core/base/log.h).
#pragma once

namespace davenport {

enum class LogLevel { debug, info, warning, error };

}  // namespace davenport
