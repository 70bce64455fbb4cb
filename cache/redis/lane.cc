#include "cache/redis/lane.h"

namespace davenport::redis {

std::shared_ptr<Connection> Lane::connection() {
  if (connection_ != nullptr && connection_->state() != Connection::State::closed) return connection_;
  const SteadyTime now = loop_.now();
  const NodeAddress owner = client_.owner_of(key_);
  if (owner.host.empty()) return nullptr;
  if (!(owner == tried_)) {
    tried_ = owner;
    backoff_.succeeded();
  }
  if (!backoff_.due(now)) return nullptr;
  backoff_.failed(now, std::uniform_real_distribution<double>(0, 1)(random_));
  ConnectionOptions options = client_.options_for(owner);
  options.read_only = false;
  options.max_reply_bytes = 64 << 20;         // pages of a log whose purges name thousands
  connection_ = std::make_shared<Connection>(loop_, std::move(options));
  return connection_->state() == Connection::State::closed ? nullptr : connection_;
}

void Lane::drop(const Answer& why) {
  if (why.loss == Loss::none && why.reply.kind() == Reply::Kind::error) {
    client_.note_trouble(read_trouble(why.reply.text(), client_.owner_of(key_).host));
  } else {
    client_.note_wrong_map();
  }
  close();
}

void Lane::close() {
  if (const auto connection = std::exchange(connection_, nullptr)) connection->close("dropped");
}

}  // namespace davenport::redis
