#include "proxy/server/form.h"

#include "cache/policy/validate.h"
#include "core/net/told.h"
#include "proxy/server/hit.h"
#include "proxy/server/neighbour.h"
#include "proxy/server/worker.h"
#include "proxy/transform/coder.h"

namespace davenport::server {
namespace {

using http::FieldId;
using policy::Coding;

constexpr Millis kMustWait{15'000};      // for a client who can have nothing else
constexpr Millis kNeighbourWait{50};     // for a precompressed neighbour, at least

// A 304 needs no bytes, and no form.
bool not_modified(const Request& request) {
  const http::Fields& asked = request.head.fields;
  if (!asked.has(FieldId::if_none_match) && !asked.has(FieldId::if_modified_since)) return false;
  int status = 0;
  std::string_view reason;
  http::Fields fields;
  read_stored_head(*request.stored, status, reason, fields);
  return policy::evaluate(request.head, fields, request.stored->facts(), request.now.wall_seconds()) == policy::Precondition::not_modified;
}

net::Task<void> ask_neighbour(Worker& worker, std::unique_ptr<Request> request, Coding coding, std::function<void(store::StoredPtr)> tell) {
  store::StoredPtr form = co_await form_of_neighbour(worker, *request, coding);
  tell(std::move(form));
}

}  // namespace

const Wants& WantsMemo::of(const http::Fields& request, const config::Compression& rules) {
  if (!request.has(FieldId::accept_encoding)) return none_;
  const std::string_view field = request.get(FieldId::accept_encoding);
  if (field.size() <= kMostBytes && request.count(FieldId::accept_encoding) == 1) {
    const std::size_t last = field.empty() ? 0 : static_cast<unsigned char>(field.back());
    Entry& entry = slots_[(field.size() * 5 + last + reinterpret_cast<std::uintptr_t>(&rules) / 64) % kSlots];
    if (entry.rules != &rules || entry.field != field) {
      entry.rules = &rules;
      entry.field.assign(field);
      entry.wants.accepted = policy::accepted_codings(request);
      entry.wants.choice = policy::choose_coding(entry.wants.accepted, rules);
    }
    return entry.wants;
  }
  single_.accepted = policy::accepted_codings(request);
  single_.choice = policy::choose_coding(single_.accepted, rules);
  return single_;
}

Shape shape_for(const store::StoredResponse& source, const http::Fields& request, const Wants& wants, const config::Compression& rules) {
  const Coding own = source.coding();
  const bool takes_own = wants.accepted.takes(own);
  if (request.has(FieldId::cache_control) && policy::forbids_transform(request)) {
    return {takes_own ? Shape::Kind::source : Shape::Kind::ask_origin};
  }
  if (takes_own) {
    const bool as_is = !rules.enabled || wants.choice == own || wants.choice == Coding::identity || source.gains_nothing() ||
                       source.undecodable() || (own == Coding::identity && !policy::worth_coding(source.body_bytes(), rules));
    return as_is ? Shape{} : Shape{Shape::Kind::form, wants.choice, false};
  }
  if (source.undecodable()) return {Shape::Kind::ask_origin};
  // Nothing at all is acceptable: an answer is better than none (RFC 9110 §12.5.3).
  if (wants.choice == own || (wants.choice == Coding::identity && own == Coding::identity)) return {};
  return {Shape::Kind::form, wants.choice, true};
}

void order_strong(Worker& worker, const store::StoredResponse& source, const store::StoredResponse& form, const config::Compression& rules) {
  if (form.coding() == Coding::identity || !form.ask_strong()) return;
  Shared& shared = worker.shared();
  const std::uint64_t most = worker.snapshot()->config->cache.max_object_bytes;
  const transform::Order order = transform::make_order(shared.store.share(source), form.coding(), true, rules, most);
  static_cast<void>(shared.coder.make(order, nullptr));
}

net::Task<store::StoredPtr> find_form(Worker& worker, const Request& request) {
  const config::Compression& rules = request.rules().compression;
  const store::StoredPtr source = request.stored;
  if (!source->codable()) co_return source;
  const Wants wants = worker.wants().of(request.head.fields, rules);
  const Shape shape = shape_for(*source, request.head.fields, wants, rules);
  if (shape.kind == Shape::Kind::ask_origin) co_return store::StoredPtr{};
  if (shape.kind == Shape::Kind::source || not_modified(request)) co_return source;
  store::StoredPtr form = worker.shared().store.form(*source, shape.coding);
  if (!form && request.rules().precompressed) {
    // The origin may take its time, or say nothing: whoever comes later has it then.
    net::Told<store::StoredPtr> told(worker.loop());
    net::spawn(ask_neighbour(worker, request.copy(), shape.coding, told.teller()));
    form = (co_await told.wait(worker.loop().now() + std::max(rules.wait, kNeighbourWait))).value_or(store::StoredPtr{});
  }
  if (!form) {
    transform::Order order = transform::make_order(source, shape.coding, false, rules, request.snapshot->config->cache.max_object_bytes);
    order.must = shape.must;
    transform::FormWait wait(worker.loop());
    const Millis patience = shape.must ? std::max(rules.wait, kMustWait) : rules.wait;
    const bool ordered = worker.shared().coder.make(order, patience.count() > 0 ? &wait : nullptr);
    if (ordered && patience.count() > 0) {
      static_cast<void>(co_await wait.changed().wait(worker.loop().now() + patience));
      form = wait.form();
    }
  }
  if (form && worth_sending(*source, *form, wants)) co_return form;
  co_return shape.must ? store::StoredPtr{} : source;
}

void count_saved(Worker& worker, const store::StoredResponse& source, const store::StoredResponse& form, const Account& account) {
  if (account.status == 200 && account.body_bytes != 0 && source.body_bytes() > form.body_bytes()) {
    worker.metrics().bytes_saved.add(source.body_bytes() - form.body_bytes());
  }
}

void carry_forms(Worker& worker, const std::vector<store::StoredPtr>& forms, const store::StoredResponse& fresh) {
  for (const store::StoredPtr& form : forms) {
    const std::string head = policy::form_head(fresh.head(), form->coding(), form->body_bytes(), form->strong());
    static_cast<void>(worker.shared().store.carry_form(fresh, *form, head));
  }
}

Coding coding_on_the_way(Worker& worker, const Request& request, int status, const http::Fields& response,
                         std::optional<std::uint64_t> length, bool passed) {
  const config::Compression& rules = request.rules().compression;
  if (!request.head.fields.has(FieldId::accept_encoding) || request.head.minor == 0) return Coding::identity;
  if (length && !policy::worth_coding(*length, rules)) return Coding::identity;
  if (passed && !policy::may_code_passed(request.head.fields, response, rules)) return Coding::identity;
  if (policy::codable(status, response, rules) != policy::Codable::yes) return Coding::identity;
  if (policy::source_coding(response) != Coding::identity || policy::forbids_transform(request.head.fields)) return Coding::identity;
  return worker.wants().of(request.head.fields, rules).choice;
}

std::unique_ptr<transform::Encoder> make_passing_encoder(Coding coding, const config::Compression& rules) {
  return transform::make_encoder(coding, transform::make_order({}, coding, false, rules, 0).level, 0);
}

}  // namespace davenport::server
