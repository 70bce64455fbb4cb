// proxy/server/worker.h: one thread: its loop, its listeners, its clients, its connections to origins, and the buffers that
// its requests share because only one of them is being worked on at a time.
// Thread  the constructor and start() the main thread's; all else the worker's own (post() comes in).
#pragma once
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/policy/key.h"
#include "core/http/message.h"
#include "core/net/listener.h"
#include "core/net/loop.h"
#include "proxy/observe/access_log.h"
#include "proxy/observe/metrics.h"
#include "cache/redis/tier.h"
#include "cache/warm/sketch.h"
#include "proxy/origin/connections.h"
#include "proxy/server/flight.h"
#include "proxy/server/form.h"
#include "proxy/server/hot_table.h"
#include "proxy/server/output.h"
#include "proxy/server/request.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"

namespace davenport::server {

class ClientConnection;

class Worker {
 public:
  Worker(Shared& shared, SnapshotPtr snapshot, std::unique_ptr<observe::AccessLogRing> ring);
  ~Worker();

  // `index`: of the listener in the configuration, whose certificates a reload may change.
  void listen(int fd, std::size_t index, const config::Listener& listener);   // takes the descriptor; before start() or posted
  void start();
  void join();
  void post(std::function<void()> work) { loop_.post(std::move(work)); }

  // The worker's thread:
  void adopt(SnapshotPtr snapshot);
  void close_listeners();
  void close_idle_connections();          // draining: those between two requests go, the others when they are done
  void cancel_connections();              // the drain's deadline has passed
  void remove(ClientConnection& connection);

  net::Loop& loop() { return loop_; }
  Shared& shared() { return shared_; }
  const SnapshotPtr& snapshot() const { return snapshot_; }
  origin::Connections& connections() { return *connections_; }
  observe::WorkerMetrics& metrics() { return metrics_; }
  redis::Tier* tier() { return tier_.get(); }     // null: there is none
  observe::AccessLogRing* ring() { return ring_.get(); }
  warm::Sketch& sketch() { return sketch_; }
  HotTable& hot() { return hot_; }
  WantsMemo& wants() { return wants_; }
  std::uint32_t& passing_encoders() { return passing_encoders_; }      // that code a body on its way, now

  // Scratch: valid until the next suspension.
  std::vector<char>& read_buffer() { return read_buffer_; }
  http::RequestHead& head() { return head_; }
  Output& output() { return output_; }
  std::string& key_scratch() { return key_scratch_; }
  std::string& text_scratch() { return text_scratch_; }

  // Objects that a request on the long way needs for itself: made once, and given back as new with the room they have taken.
  std::unique_ptr<Request> make_request();
  void give_back(std::unique_ptr<Request> request);
  std::unique_ptr<Output> make_output();
  void give_back(std::unique_ptr<Output> output);
  FlightPtr make_lone_flight(const policy::KeyParts& key, purge::Position position);   // in no table: for one request of this worker's
  void give_back(FlightPtr flight);

 private:
  class Tick;
  void accepted(int fd, const net::SocketAddress& peer, std::size_t index, const config::Listener& listener);

  Shared& shared_;
  net::Loop loop_;
  SnapshotPtr snapshot_;
  std::unique_ptr<origin::Connections> connections_;
  std::unique_ptr<redis::Tier> tier_;
  observe::WorkerMetrics metrics_;
  std::unique_ptr<observe::AccessLogRing> ring_;
  warm::Sketch sketch_;
  HotTable hot_;
  std::uint32_t passing_encoders_ = 0;
  WantsMemo wants_;
  std::unique_ptr<Tick> tick_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  ClientConnection* clients_ = nullptr;   // an intrusive list; each removes itself
  std::vector<char> read_buffer_;
  http::RequestHead head_;
  Output output_;
  std::string key_scratch_, text_scratch_;
  std::vector<std::unique_ptr<Request>> spare_requests_;
  std::vector<std::unique_ptr<Output>> spare_outputs_;
  std::vector<FlightPtr> spare_flights_;
  std::thread thread_;
};

}  // namespace davenport::server
