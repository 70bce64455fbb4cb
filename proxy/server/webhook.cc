#include "proxy/server/webhook.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <string>

#include "core/base/log.h"
#include "core/http/message.h"
#include "core/http/uri.h"
#include "core/net/task.h"
#include "core/net/tls.h"
#include "proxy/origin/connections.h"
#include "proxy/origin/exchange.h"
#include "proxy/server/webhook_state.h"
#include "proxy/server/webhook_text.h"

namespace davenport::server {
namespace {

constexpr Millis kLongestPause{60'000};
constexpr std::size_t kAnswerBytes = 1 << 20;      // of which nothing is looked at

// The webhook's server as an origin of one address.
Result<config::Origin> origin_of(const config::Webhook& hook) {
  const bool https = hook.url.starts_with("https://");
  const std::size_t start = hook.url.find("://") + 3;
  const std::string authority = hook.url.substr(start, hook.url.find_first_of("/?{", start) - start);
  const auto parts = http::parse_host_port(authority);
  if (!parts) return Error{"\"" + hook.url + "\" names no host"};
  const std::string port(parts->port.empty() ? (https ? "443" : "80") : parts->port);
  Result<config::Address> address = config::Address::parse(std::string(parts->host) + ":" + port);
  if (!address) return address.error();
  config::Origin origin;
  origin.name = "webhook " + authority;
  origin.servers.push_back({*address, 1, https});
  origin.connect_timeout = origin.first_byte_timeout = origin.between_bytes_timeout = origin.queue_timeout = hook.timeout;
  origin.retries = 0;                              // tried again here
  origin.eject_after = 0;
  return origin;
}

bool worth_another_try(int status) { return status >= 500 || status == 408 || status == 429; }

}  // namespace

struct Webhooks::Hook {
  config::Webhook settings;
  origin::ClusterPtr cluster;
  std::deque<WebhookCall> waiting;
  bool under_way = false;
};

class Webhooks::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(net::Loop& loop) : loop_(loop), connections_(loop) {}

  Result<std::function<void()>> prepare(const std::vector<config::Webhook>& settings) {
    std::vector<std::shared_ptr<Hook>> hooks;
    for (const config::Webhook& each : settings) {
      const Result<config::Origin> origin = origin_of(each);
      if (!origin) return origin.error();
      net::TlsClientPtr tls;
      if (origin->https()) {
        Result<net::TlsClientPtr> made = net::make_tls_client({});
        if (!made) return made.error();
        tls = std::move(*made);
      }
      auto hook = std::make_shared<Hook>();
      hook->settings = each;
      hook->cluster = origin::make_cluster(*origin, nullptr, tls);
      hooks.push_back(std::move(hook));
    }
    return std::function<void()>([this, hooks = std::move(hooks)] {
      std::erase_if(every_, [](const std::weak_ptr<Hook>& each) { return each.expired(); });
      every_.insert(every_.end(), hooks.begin(), hooks.end());
      hooks_ = hooks;
      any_.store(!hooks_.empty(), std::memory_order_relaxed);
    });
  }

  void send(const purge::Request& purge) {
    if (!any_.load(std::memory_order_relaxed)) return;
    loop_.post([self = shared_from_this(), purge] {
      for (const std::shared_ptr<Hook>& hook : self->hooks_) self->queue(hook, purge);
    });
  }

  void restore(const std::string& path) {
    state_path_ = path;
    if (path.empty()) return;
    const Result<std::vector<WaitingPurge>> taken = take_webhook_state(path);
    if (!taken) {
      log_error("webhooks: {}", taken.error().message);
      return;
    }
    if (!taken->empty()) log_info("webhooks: {} request(s) of before the restart are sent now", taken->size());
    loop_.post([self = shared_from_this(), left = *taken] {
      for (const WaitingPurge& each : left) self->queue_again(each);
    });
  }

  void stop() {
    stopping_ = true;
    const std::uint64_t count = stats().waiting;
    if (count == 0) return;
    if (state_path_.empty()) {
      log_warning("{} webhook request(s) were still waiting and are not sent", count);
    } else if (const Result<std::monostate> saved = save_webhook_state(state_path_, waiting()); !saved) {
      log_error("{} webhook request(s) were still waiting and are not sent: {}", count, saved.error().message);
    } else {
      log_info("{} webhook request(s) wait in {} for the next start", count, state_path_);
    }
  }

  WebhookStats stats() const {
    const auto value = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
    return {value(sent_), value(retried_), value(failed_), value(dropped_), value(waiting_)};
  }

 private:
  void queue(const std::shared_ptr<Hook>& hook, const purge::Request& purge) {
    if (stopping_) return;
    for (WebhookCall& call : webhook_calls(hook->settings, purge)) {
      if (hook->waiting.size() >= hook->settings.queue) {
        ++dropped_;
        log_warning("webhook {}: its queue is full; a purge is not sent on", hook->settings.url);
        continue;
      }
      hook->waiting.push_back(std::move(call));
      ++waiting_;
    }
    if (!hook->under_way && !hook->waiting.empty()) net::spawn(work(shared_from_this(), hook));
  }

  void queue_again(const WaitingPurge& left) {
    const auto hook = std::find_if(hooks_.begin(), hooks_.end(), [&](const auto& each) { return webhook_name(each->settings) == left.hook; });
    if (hook != hooks_.end() && !webhook_calls((*hook)->settings, left.purge).empty()) return queue(*hook, left.purge);
    ++dropped_;
    log_warning("webhook {}: there is none any more; a purge of before the restart is not sent on", left.hook);
  }

  // The first of each may be under way: a purge may be sent twice, but not be forgotten. Webhooks of before a reload, too.
  std::vector<WaitingPurge> waiting() const {
    std::vector<WaitingPurge> all;
    for (const std::weak_ptr<Hook>& each : every_) {
      const std::shared_ptr<Hook> hook = each.lock();
      if (hook == nullptr) continue;
      for (const WebhookCall& call : hook->waiting) {
        purge::Request purge;
        purge.targets = call.targets;
        purge.soft = call.soft;
        all.push_back({webhook_name(hook->settings), std::move(purge)});
      }
    }
    return all;
  }

  static net::Task<void> work(std::shared_ptr<Impl> self, std::shared_ptr<Hook> hook) {
    hook->under_way = true;
    while (!self->stopping_ && !hook->waiting.empty()) {
      const bool goes_on = co_await self->deliver(*hook, hook->waiting.front());
      if (!goes_on) break;
      hook->waiting.pop_front();
      --self->waiting_;
    }
    hook->under_way = false;
  }

  // With all its tries. False: the loop is being shut down.
  net::Task<bool> deliver(Hook& hook, const WebhookCall& call) {
    Millis pause = hook.settings.retry_after;
    for (std::uint32_t attempt = 0;; ++attempt) {
      std::string trouble;
      const int status = co_await ask(hook, call, trouble);
      if (stopping_) co_return false;
      if (status >= 200 && status < 300) {
        ++sent_;
        log_info("webhook {} {}: {}", hook.settings.method, hook.settings.url, status);
        co_return true;
      }
      if (status != 0) trouble = "status " + std::to_string(status);
      if (attempt >= hook.settings.retries || (status != 0 && !worth_another_try(status))) {
        ++failed_;
        log_error("webhook {} {}: {}; given up after {} tries", hook.settings.method, hook.settings.url, trouble, attempt + 1);
        co_return true;
      }
      ++retried_;
      log_warning("webhook {} {}: {}; tried again in {} ms", hook.settings.method, hook.settings.url, trouble, pause.count());
      const bool slept = co_await net::sleep_until(loop_, loop_.now() + pause);
      if (!slept || stopping_) co_return false;
      pause = std::min(pause * 2, kLongestPause);
    }
  }

  // The answer's status; 0: there was none, and `trouble` says why.
  net::Task<int> ask(Hook& hook, const WebhookCall& call, std::string& trouble) {
    origin::Exchange exchange(connections_, hook.cluster);
    origin::OriginRequest request;
    request.method_name = hook.settings.method;
    request.method = http::method_of(hook.settings.method);
    request.target = call.target;
    request.fields = &call.fields;
    if (!call.body.empty()) {
      request.framing = http::Framing::length;
      request.content_length = call.body.size();
    }
    Result<const http::ResponseHead*, origin::Failure> head = co_await exchange.request(request);
    if (head && *head == nullptr) {
      const http::Fields no_trailers;
      static_cast<void>(co_await exchange.send_body(call.body));
      static_cast<void>(co_await exchange.end_body(no_trailers));
      head = co_await exchange.next_head();
    }
    while (head && (*head)->status < 200) head = co_await exchange.next_head();
    if (!head) {
      trouble = head.error().detail;
      co_return 0;
    }
    const int status = (*head)->status;
    for (std::size_t bytes = 0; bytes < kAnswerBytes;) {
      const Result<origin::Piece, origin::Failure> piece = co_await exchange.read_body();
      if (!piece || piece->end) break;
      bytes += piece->bytes.size();
    }
    co_return status;
  }

  net::Loop& loop_;
  origin::Connections connections_;
  std::vector<std::shared_ptr<Hook>> hooks_;
  std::vector<std::weak_ptr<Hook>> every_;           // those of before a reload too, while something waits for them
  std::string state_path_;
  std::atomic<bool> any_{false};
  bool stopping_ = false;
  std::atomic<std::uint64_t> sent_{0}, retried_{0}, failed_{0}, dropped_{0}, waiting_{0};
};

Webhooks::Webhooks(net::Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}
Webhooks::~Webhooks() { impl_->stop(); }
Result<std::function<void()>> Webhooks::prepare(const std::vector<config::Webhook>& settings) { return impl_->prepare(settings); }
void Webhooks::send(const purge::Request& purge) { impl_->send(purge); }
void Webhooks::restore(const std::string& path) { impl_->restore(path); }
WebhookStats Webhooks::stats() const { return impl_->stats(); }

}  // namespace davenport::server
