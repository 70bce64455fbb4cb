// proxy/observe/access_log.h: one line a request, formatted and written by a thread of its own. A worker copies a binary record
// into its ring (about 20 ns) and never waits: when the ring is full the record is dropped and counted.
// Thread  AccessLogRing::push: its worker's. AccessLog: any (reopen on SIGUSR1, stop writes all that is left).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cache/policy/reason.h"
#include "config/config.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace davenport::observe {

// Views are copied by push(); long ones are cut (target 2,048 bytes, others 512).
struct AccessRecord {
  WallTime at{};
  std::string_view client;          // numeric address
  std::string_view method, target, host, user_agent, referer, request_id;
  std::string_view origin_server;   // "" where none was asked
  std::uint16_t status = 0;
  std::uint8_t http_major = 1, http_minor = 1;
  std::uint64_t bytes_out = 0;      // of the body
  std::uint32_t duration_us = 0, origin_us = 0;   // origin: to its first byte; 0: none came
  policy::Reason reason{};
  bool has_reason = false;
  policy::Storing storing = policy::Storing::not_asked;
  std::int32_t age_s = -1, ttl_s = 0;             // age -1: not from the store
};

class AccessLogRing {
 public:
  virtual ~AccessLogRing() = default;
  virtual bool push(const AccessRecord& record) = 0;     // false: dropped, the ring is full
};

class AccessLog {
 public:
  // Opens the file (appending); the error says what to do. With LogFormat::off nothing is opened and rings are null.
  static Result<std::unique_ptr<AccessLog>> open(const config::AccessLog& settings);
  virtual ~AccessLog() = default;                        // writes all that is left
  virtual std::unique_ptr<AccessLogRing> make_ring() = 0;   // one a worker; dropped before the log
  virtual void reopen() = 0;                             // SIGUSR1: after a rotation
  virtual std::uint64_t lost() const = 0;                // lines that could not be written: a full disk, a closed pipe
};

}  // namespace davenport::observe
