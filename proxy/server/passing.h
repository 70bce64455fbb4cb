// proxy/server/passing.h: an answer that is compressed for one client while it passes: coded bytes (in chunks, where the client takes them so), flushed whenever the
// origin pauses, so that nothing waits in the encoder for what comes later.
//     Passing passing(client, request, account);  passing.choose(status, fields, length, true);
//     if (passing.codes()) head = passing.fields(fields);      // chunked, without Content-Length
//     passing.append(piece); … passing.flush(); … passing.finish();      // the last chunk is the caller's
// Bound   the caller hands in slices (kSliceBytes) and pauses between them, so that other clients of the worker are served.
// Thread  the worker's.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/policy/coding.h"
#include "core/net/task.h"
#include "proxy/server/request.h"
#include "proxy/transform/codec.h"

namespace davenport::server {

class Client;

class Passing {
 public:
  static constexpr std::uint64_t kSliceBytes = 64 << 10;

  Passing(Client& client, const Request& request, Account& account)
      : client_(client), request_(request), account_(account), chunked_(ending_of(request.head) == Ending::chunks) {}
  ~Passing();
  Passing(const Passing&) = delete;
  Passing& operator=(const Passing&) = delete;

  // As form.h's coding_on_the_way().
  void choose(int status, const http::Fields& response, std::optional<std::uint64_t> length, bool passed);
  bool codes() const { return coding_ != policy::Coding::identity; }
  bool failed() const { return failed_; }
  http::Fields fields(const http::Fields& of) const;         // a copy
  // Each does nothing where it does not code.
  void append(std::string_view bytes);
  void flush();
  void finish();
  net::Task<void> pause();                                   // others' turn, once a slice

 private:
  void feed(std::string_view bytes, transform::Flush flush);

  Client& client_;
  const Request& request_;
  Account& account_;
  policy::Coding coding_ = policy::Coding::identity;
  void end_encoder();
  std::unique_ptr<transform::Encoder> encoder_;          // until the end of the body
  std::string coded_;
  std::uint64_t in_bytes_ = 0, out_bytes_ = 0, since_pause_ = 0;
  bool failed_ = false, unflushed_ = false;
  bool chunked_;
};

}  // namespace davenport::server
