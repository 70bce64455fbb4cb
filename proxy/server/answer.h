// proxy/server/answer.h: the answers that we make ourselves, and the log line and counters of every answer.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/http/parser.h"
#include "proxy/origin/failure.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"
#include "proxy/server/worker.h"

namespace davenport::server {

struct OwnAnswer {
  int status = 500;
  std::string_view sentence;                         // what happened and what to do, for a person
  std::string_view more_fields = {};                 // whole lines
  std::optional<origin::FailureKind> failure = {};   // adds Proxy-Status, and Retry-After for 503
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view request_id = {};
  bool body_is_sentence = false;                     // the body is the sentence alone (JSON)
};
// A short, clear body; never cached. `request` may be null (a head that could not be parsed).
void append_own_answer(Output& out, const http::RequestHead* request, const OwnAnswer& answer, const Snapshot& snapshot,
                       WallSeconds now, bool keep_alive, Account& account);

// Counters and the access log.
void record(Worker& worker, const http::RequestHead& request, const Peer& peer, std::string_view id, const Account& account,
            const Now& started, SteadyTime ended);

}  // namespace davenport::server
