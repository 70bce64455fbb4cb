// proxy/server/inward.h: requests that no client sent: what a warming asks for, and what is refreshed before it expires. They join and
// lead flights like any other, so that a visitor who comes meanwhile waits for the same fetch.
// Thread  the worker's.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/policy/key.h"
#include "cache/warm/run.h"
#include "core/net/task.h"
#include "proxy/server/request.h"

namespace davenport::server {

class Worker;

// A GET of an absolute URL as a visitor would send it to this instance; null where the URL is none or no route takes it. The key's
// scheme is the URL's where a listener speaks it, or a trusted proxy may, else the one that all of them speak.
std::unique_ptr<Request> make_inward_request(Worker& worker, std::string_view url, std::string_view coding);

// The same of a key (policy/key.h) and a selector (policy/selector.h) that were stored or seen before; null also where today's rules would
// make another key of it, or choose another variant.
std::unique_ptr<Request> make_keyed_request(Worker& worker, std::string_view key, std::string_view selector);

// A visitor had this answer, or caused its fetch, which took the origin so long. Not followed: what varies by what is a visitor's own,
// for nobody else may ask for it, and what varies by too much to remember.
void note_popular(Worker& worker, const policy::KeyParts& key, std::string_view selector, std::optional<Micros> origin_time);

// Has it in the store, in `coding` too where one is named.
net::Task<warm::Warmed> warm_up(Worker& worker, std::string url, std::string coding);

// What the origin of a URL says, past the cache: at most `most_bytes`, unpacked where it is gzip.
net::Task<Result<std::string>> load_source(Worker& worker, std::string url, std::uint64_t most_bytes);

}  // namespace davenport::server
