// bench/replay.cc: what share of a trace's requests a policy answers, through the store's own eviction code.
//     xz -dc web.trace.xz | replay --format text --policy s3-fifo --size 1%
//     replay --format u32 --policy lru --size 5% web07.trace
// Formats  text: `time id size_bytes` a line. u32: big-endian ids of 4 bytes; every object counts as one byte.
// Size     bytes, or a share of the footprint: the sum of the sizes of all different objects, each as first seen.
// Counts   the trace's sizes alone: what the store holds beside a body is measured in its tests. Cold start; an object
//          larger than the cache is a miss and is not kept. An object is its id: with another size it is the same one.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/store/eviction.h"
#include "core/base/hash.h"

namespace davenport {
namespace {

struct Options {
  std::string format = "text", policy = "s3-fifo", size = "1%", path = "-", reference;
};

struct Request {
  std::uint32_t object;      // number of the object in the order of first sight
  std::uint64_t bytes;
};

struct Trace {
  std::vector<Request> requests;
  std::vector<std::uint64_t> names;        // of each object
  std::uint64_t footprint_bytes = 0, requested_bytes = 0;
};

std::optional<std::string> read_whole(const std::string& path) {
  const int file = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY);
  if (file < 0) return std::nullopt;
  std::string out;
  char block[1 << 16];
  ssize_t n = 0;
  while ((n = ::read(file, block, sizeof block)) > 0) out.append(block, static_cast<std::size_t>(n));
  if (path != "-") ::close(file);
  return n < 0 ? std::nullopt : std::optional(std::move(out));
}

template <class T>
bool parse_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

class TraceBuilder {
 public:
  void add(std::uint64_t name, std::uint64_t bytes) {
    const auto [place, is_new] = objects_.try_emplace(name, static_cast<std::uint32_t>(trace_.names.size()));
    if (is_new) {
      trace_.names.push_back(name);
      trace_.footprint_bytes += bytes;
    }
    trace_.requests.push_back({place->second, bytes});
    trace_.requested_bytes += bytes;
  }
  Trace take() { return std::move(trace_); }

 private:
  Trace trace_;
  std::unordered_map<std::uint64_t, std::uint32_t> objects_;
};

std::optional<Trace> parse_text(std::string_view bytes) {
  TraceBuilder builder;
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    if (line.empty()) continue;
    const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    std::uint64_t name = 0, size = 0;
    if (second == std::string_view::npos || !parse_number(line.substr(first + 1, second - first - 1), name) ||
        !parse_number(line.substr(second + 1), size)) {
      fmt::print(stderr, "replay: not `time id size_bytes`: {}\n", line);
      return std::nullopt;
    }
    builder.add(name, size);
  }
  return builder.take();
}

std::optional<Trace> parse_u32(std::string_view bytes) {
  if (bytes.size() % 4 != 0) {
    fmt::print(stderr, "replay: {} bytes are no sequence of 4-byte ids\n", bytes.size());
    return std::nullopt;
  }
  TraceBuilder builder;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint32_t name = 0;
    for (std::size_t k = 0; k < 4; ++k) name = name << 8 | static_cast<unsigned char>(bytes[i + k]);
    builder.add(name, 1);
  }
  return builder.take();
}

// One object as the eviction code sees it.
struct alignas(16) Object {
  store::Node node;
  std::uint64_t bytes = 0, hash = 0;
};

class Replay final : public store::Residents {
 public:
  Replay(const Trace& trace, config::Eviction policy, std::uint64_t capacity_bytes)
      : trace_(trace), capacity_bytes_(capacity_bytes), objects_(new Object[trace.names.size() + 1]) {
    for (std::size_t i = 0; i < trace.names.size(); ++i) {
      const std::uint64_t name = trace.names[i];
      objects_[i + 1].hash = hash64({reinterpret_cast<const char*>(&name), sizeof name}, 0);
    }
    eviction_ = store::make_eviction(policy, reinterpret_cast<char*>(objects_.get()), *this, std::uint64_t{1} << 30);
  }

  std::uint64_t bytes_of(const store::Node& node) const override { return object_of(node).bytes; }
  std::uint64_t hash_of(const store::Node& node) const override { return object_of(node).hash; }
  bool expired(const store::Node&) const override { return false; }

  void run() {
    for (const Request& request : trace_.requests) ask(objects_[request.object + 1], request.bytes);
  }

  std::uint64_t hits = 0, hit_bytes = 0;

 private:
  static const Object& object_of(const store::Node& node) { return reinterpret_cast<const Object&>(node); }

  void ask(Object& object, std::uint64_t bytes) {
    if (object.node.queue != 0) {
      ++hits;
      hit_bytes += bytes;
      object.node.mark_hit();
      return;
    }
    if (bytes > capacity_bytes_) return;
    while (used_bytes_ + bytes > capacity_bytes_) used_bytes_ -= object_of(*eviction_->take_victim()).bytes;
    object.bytes = bytes;
    used_bytes_ += bytes;
    eviction_->insert(object.node);
  }

  const Trace& trace_;
  std::uint64_t capacity_bytes_, used_bytes_ = 0;
  std::unique_ptr<Object[]> objects_;      // from 1: place 0 means "none"
  std::unique_ptr<store::Eviction> eviction_;
};

// Measured with an independent simulator, cold start, on two public traces of github.com/ben-manes/caffeine (simulator
// resources): adapt_size/request.trace and cache2k/web07.trace. They are known again by their counts.
struct Reference {
  std::size_t requests, objects;
  std::string_view size, policy, text;
};
constexpr Reference kReferences[] = {
    {66'987, 36'815, "1%", "lru", ".246/.276"},     {66'987, 36'815, "1%", "s3-fifo", ".270/.296"},
    {66'987, 36'815, "10%", "lru", ".344/.351"},    {66'987, 36'815, "10%", "s3-fifo", ".386/.379"},
    {76'118, 20'484, "5%", "lru", ".506"},          {76'118, 20'484, "5%", "s3-fifo", ".541"},
};

std::string_view reference_of(const Trace& trace, const Options& options) {
  for (const Reference& row : kReferences) {
    if (row.requests == trace.requests.size() && row.objects == trace.names.size() && row.size == options.size &&
        row.policy == options.policy) {
      return row.text;
    }
  }
  return "none known";
}

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    std::string* value = name == "--format" ? &options.format : name == "--policy" ? &options.policy
                       : name == "--size"   ? &options.size   : nullptr;
    if (value != nullptr && i + 1 < argc) {
      *value = argv[++i];
    } else if (value == nullptr && (name == "-" || !name.starts_with('-'))) {
      options.path = name;
    } else {
      return std::nullopt;
    }
  }
  const bool known = (options.format == "text" || options.format == "u32") &&
                     (options.policy == "lru" || options.policy == "s3-fifo");
  return known ? std::optional(options) : std::nullopt;
}

std::optional<std::uint64_t> capacity_of(std::string_view size, std::uint64_t footprint_bytes) {
  std::uint64_t bytes = 0;
  double percent = 0;
  if (size.ends_with('%') && parse_number(size.substr(0, size.size() - 1), percent) && percent > 0) {
    return static_cast<std::uint64_t>(static_cast<double>(footprint_bytes) * percent / 100);
  }
  return parse_number(size, bytes) && bytes > 0 ? std::optional(bytes) : std::nullopt;
}

int run(int argc, char** argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "usage: replay [--format text|u32] [--policy lru|s3-fifo] [--size BYTES|PERCENT%] [FILE|-]\n");
    return EXIT_FAILURE;
  }
  const std::optional<std::string> bytes = read_whole(options->path);
  if (!bytes) {
    fmt::print(stderr, "replay: cannot read {}\n", options->path);
    return EXIT_FAILURE;
  }
  const std::optional<Trace> trace = options->format == "text" ? parse_text(*bytes) : parse_u32(*bytes);
  if (!trace || trace->requests.empty()) return EXIT_FAILURE;
  const std::optional<std::uint64_t> capacity = capacity_of(options->size, trace->footprint_bytes);
  if (!capacity) {
    fmt::print(stderr, "replay: no size: {}\n", options->size);
    return EXIT_FAILURE;
  }
  Replay replay(*trace, options->policy == "lru" ? config::Eviction::lru : config::Eviction::s3_fifo, *capacity);
  replay.run();
  fmt::print("{} requests of {} objects, footprint {} bytes, cache {} bytes ({}), {}\n", trace->requests.size(),
             trace->names.size(), trace->footprint_bytes, *capacity, options->size, options->policy);
  fmt::print("object hit ratio {:.4f}  byte hit ratio {:.4f}  reference {}\n",
             static_cast<double>(replay.hits) / static_cast<double>(trace->requests.size()),
             static_cast<double>(replay.hit_bytes) / static_cast<double>(trace->requested_bytes),
             reference_of(*trace, *options));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace davenport

int main(int argc, char** argv) { return davenport::run(argc, argv); }
