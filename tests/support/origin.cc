#include "support/origin.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace davenport::testing {

Origin::Origin() { start(); }

Origin::~Origin() {
  stop();
  for (const std::string& text : errors_) ADD_FAIL_CHECK_AT("origin", 0, text);
}

Answer& Origin::on(const std::string& method, const std::string& target) {
  const std::lock_guard lock(mutex_);
  auto& answers = scripts_[method + " " + target].answers;
  answers.push_back(std::unique_ptr<Answer>(new Answer(mutex_)));
  return *answers.back();
}

void Origin::start() {
  listener_.resume();
  running_ = true;
  acceptor_ = std::thread([this] { accept_all(); });
}

void Origin::stop() {
  if (!running_.exchange(false)) return;
  listener_.pause();
  acceptor_.join();
  std::list<Connection> ending;
  {
    const std::lock_guard lock(mutex_);
    for (Connection& connection : connections_) {
      if (connection.socket != nullptr) connection.socket->shutdown_both();
    }
    ending.splice(ending.begin(), connections_);
  }
  for (Connection& connection : ending) connection.thread.join();
}

void Origin::cut_connections() {
  const std::lock_guard lock(mutex_);
  for (Connection& connection : connections_) {
    if (connection.socket != nullptr) connection.socket->shutdown_both();
  }
}

void Origin::accept_all() {
  while (true) {
    Socket socket = listener_.accept();
    if (!socket.is_open()) return;
    const std::lock_guard lock(mutex_);
    const int number = static_cast<int>(++accepted_);
    Connection& connection = connections_.emplace_back();
    connection.thread = std::thread([this, &connection, number, moved = std::make_shared<Socket>(std::move(socket))] {
      serve(connection, std::move(*moved), number);
    });
    changed_.notify_all();
  }
}

void Origin::speak_tls(const CertificateFiles& certificate, const std::string& client_ca) {
  const std::lock_guard lock(mutex_);
  certificate_ = certificate;
  client_ca_ = client_ca;
}

TlsFacts Origin::last_tls() const {
  const std::lock_guard lock(mutex_);
  return last_tls_;
}

void Origin::serve(Connection& connection, Socket socket, int number) {
  CertificateFiles certificate;
  std::string client_ca;
  {
    const std::lock_guard lock(mutex_);
    certificate = certificate_;
    client_ca = client_ca_;
  }
  if (!certificate.certificate.empty()) {
    try {
      start_tls_server(socket, certificate, client_ca);
    } catch (const TlsRefused&) {
      return;
    }
    const std::lock_guard lock(mutex_);
    last_tls_ = socket.tls()->facts();
  }
  Wire wire(std::move(socket));
  {
    const std::lock_guard lock(mutex_);
    connection.socket = &wire.socket();
    if (!running_) wire.socket().shutdown_both();
  }
  bool keep = true;
  while (keep) {
    SeenRequest request;
    request.connection = number;
    try {
      // An idle connection is no fault of anybody: it waits as long as the test runs.
      std::string first;
      if (wire.buffered().empty() &&
          wire.socket().read(wire.buffered(), within(std::chrono::minutes(10))) != Socket::Got::bytes) {
        break;
      }
      if (!read_request_head(wire, request)) {
        const std::lock_guard lock(mutex_);
        stray_bytes_ += request.raw.size() + wire.buffered().size();
        break;
      }
    } catch (const TimedOut&) {
      const std::lock_guard lock(mutex_);
      stray_bytes_ += request.raw.size() + wire.buffered().size();
      break;
    }
    std::size_t index = 0;
    {
      const std::lock_guard lock(mutex_);
      index = seen_.size();
      seen_.push_back(request);
      changed_.notify_all();
    }
    keep = answer(wire, request, index);
  }
  const std::lock_guard lock(mutex_);
  connection.socket = nullptr;
  wire.socket().close();
  changed_.notify_all();
}

Answer* Origin::pick(const SeenRequest& request) {
  auto found = scripts_.find(request.method + " " + request.target);
  if (found == scripts_.end()) {
    const std::string asked = request.method + " " + request.target;
    std::size_t longest = 0;
    for (auto entry = scripts_.begin(); entry != scripts_.end(); ++entry) {
      const std::string_view pattern = entry->first;
      if (!pattern.ends_with('*') || !asked.starts_with(pattern.substr(0, pattern.size() - 1))) continue;
      if (pattern.size() > longest) found = entry;
      longest = std::max(longest, pattern.size());
    }
  }
  if (found == scripts_.end()) return nullptr;
  Script& script = found->second;
  if (script.used && script.next + 1 < script.answers.size()) {
    ++script.next;
  } else if (script.used && script.answers[script.next]->once_) {
    return nullptr;
  }
  script.used = true;
  return script.answers[script.next].get();
}

bool Origin::answer(Wire& wire, SeenRequest& request, std::size_t index) {
  bool keep = true;
  std::vector<Answer::Step> steps;
  bool early = false;
  {
    const std::lock_guard lock(mutex_);
    if (const Answer* chosen = pick(request)) {
      steps = chosen->steps_;
      early = chosen->early_;
    }
  }
  Exchange exchange{wire, request, keep};
  try {
    if (!early) read_request_body(wire, request);
    record(index, request);
    if (steps.empty()) {
      error("unscripted request: " + request.method + " " + request.target);
      wire.socket().send_all("HTTP/1.1 599 Unscripted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return false;
    }
    for (const Answer::Step& step : steps) {
      const bool was_complete = request.complete;
      step(exchange);
      if (request.complete != was_complete) record(index, request);   // before the next step lets the test look
      if (!wire.socket().is_open()) break;
    }
  } catch (const TimedOut& timeout) {
    // A body that never came whole is the client's doing; a barrier that nobody opened is the test's.
    if (std::string_view(timeout.what()).find("barrier") != std::string_view::npos) error(timeout.what());
    keep = false;
  }
  record(index, request);
  return keep && request.complete;
}

void Origin::record(std::size_t index, const SeenRequest& request) {
  const std::lock_guard lock(mutex_);
  seen_[index] = request;
  changed_.notify_all();
}

void Origin::error(const std::string& text) {
  const std::lock_guard lock(mutex_);
  errors_.push_back(text);
}

std::size_t Origin::requests(const std::string& target) const {
  return requests_where([&](const SeenRequest& request) { return request.target == target; });
}

std::size_t Origin::requests() const {
  return requests_where([](const SeenRequest&) { return true; });
}

std::size_t Origin::requests_where(const std::function<bool(const SeenRequest&)>& matches) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(seen_.begin(), seen_.end(), matches));
}

void Origin::await_requests(const std::string& target, std::size_t count) const {
  std::unique_lock lock(mutex_);
  const auto enough = [&] {
    return static_cast<std::size_t>(std::count_if(seen_.begin(), seen_.end(), [&](const SeenRequest& request) {
             return request.target == target;
           })) >= count;
  };
  if (!changed_.wait_until(lock, within(), enough)) {
    throw TimedOut("request " + std::to_string(count) + " of " + target + " at the origin");
  }
}

SeenRequest Origin::last_request(const std::string& target) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(seen_.rbegin(), seen_.rend(),
                                  [&](const SeenRequest& request) { return request.target == target; });
  return found == seen_.rend() ? SeenRequest{} : *found;
}

std::vector<SeenRequest> Origin::all_requests() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::size_t Origin::connections() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

std::size_t Origin::open_connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const Connection& one) { return one.socket != nullptr; }));
}

std::uint64_t Origin::bytes_received() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t total = stray_bytes_;
  for (const SeenRequest& request : seen_) total += request.raw.size();
  return total;
}

std::vector<std::string> Origin::errors() const {
  const std::lock_guard lock(mutex_);
  return errors_;
}

void Origin::forgive() {
  const std::lock_guard lock(mutex_);
  errors_.clear();
}

}  // namespace davenport::testing
