#include "cache/redis/lane.h"

namespace davenport::redis {

std::shared_ptr<Connection> Lane::connection() {
  if (connection_ != nullptr && connection_->state() != Connection::State::closed) return connection_;
  const SteadyTime now = loop_.now();
  const NodeAddress owner = asking() ? asked_ : client_.owner_of(key_);
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

void Lane::prepare(Connection& connection, SteadyTime deadline) {
  static constexpr std::string_view kAsking[] = {"ASKING"};
  if (asking() && client_.owner_of(key_) == asked_) asked_ = {};      // it has become the owner
  if (asking()) static_cast<void>(connection.send(kAsking, nullptr, deadline));
}

void Lane::drop(const std::shared_ptr<Connection>& used, const Answer& why) {
  if (why.loss == Loss::none && why.reply.kind() == Reply::Kind::error) return drop(used, why.reply.text());
  if (used != connection_) return;
  asked_ = {};
  client_.note_wrong_map();
  close();
}

void Lane::drop(const std::shared_ptr<Connection>& used, std::string_view error) {
  if (used != connection_) return;
  const Redirection trouble = read_trouble(error, client_.owner_of(key_).host);
  client_.note_trouble(trouble);
  asked_ = trouble.trouble == Trouble::ask && !asking() ? trouble.to : NodeAddress{};
  close();
}

void Lane::close() {
  if (const auto connection = std::exchange(connection_, nullptr)) connection->close("dropped");
}

}  // namespace davenport::redis
