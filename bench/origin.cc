// bench/origin.cc: the origin of all servers that are compared: fast, deterministic, and counting what it is asked, so that a
// row of hits can prove that no answer came from here.
//     bench_origin PORT [FOLDER]   GET /KIND/SIZE/NAME (bench/load/pattern.h), by KIND:
//         hit, cond, zipf …   Cache-Control: max-age=86400, with ETag and Last-Modified
//         pass                no-store
//         tag                 as hit, with Surrogate-Key and Cache-Tag `bulk`
//         css, coded          FOLDER/style.css, plain; `coded`: as its .br or .gz, where Accept-Encoding has it
//     GET /count              how many requests there were before this one, as text
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_map>

#include "bench/load/serve.h"

namespace bench {
namespace {

std::string contents_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The value of Accept-Encoding, as far as these servers spell it.
std::string_view accepted_of(std::string_view request) {
  for (const std::string_view name : {"\nAccept-Encoding: ", "\naccept-encoding: "}) {
    const std::size_t at = request.find(name);
    if (at != std::string_view::npos) return request.substr(at, request.find('\r', at) - at).substr(name.size());
  }
  return {};
}

class Origin {
 public:
  explicit Origin(const std::string& folder) : style_{contents_of(folder + "/style.css"), contents_of(folder + "/style.css.gz"), contents_of(folder + "/style.css.br")} {}

  Answer answer(std::string_view text, std::string_view request) {
    heads_.resize(kBatch);
    std::string& head = heads_[next_++ % kBatch];
    if (text == "/count") {
      const std::string number = std::to_string(requests_);
      head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: " +
             std::to_string(number.size()) + "\r\n\r\n" + number;
      return {head, 0, 0};
    }
    ++requests_;
    const Path path = Path::of(text);
    const std::uint64_t hash = hash_of(text);
    if (path.kind == "css" || path.kind == "coded") {
      head = style(path.kind == "coded" ? accepted_of(request) : "", path.kind == "coded");
      return {head, 0, 0};
    }
    head.assign("HTTP/1.1 200 OK\r\n");
    head.append(date_line()).append("Content-Type: application/octet-stream\r\nContent-Length: ");
    append(head, path.size, 10);
    head.append("\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nETag: \"");
    append(head, hash, 16);
    head.append(path.kind == "pass" ? "\"\r\nCache-Control: no-store\r\n" : "\"\r\nCache-Control: max-age=86400\r\n");
    if (path.kind == "tag") head.append("Surrogate-Key: bulk\r\nCache-Tag: bulk\r\n");
    head.append("\r\n");
    return {head, hash, path.size};
  }
  const Pattern& pattern() const { return pattern_; }

 private:
  // Head and body in one.
  std::string style(std::string_view accepted, bool coded) {
    const bool brotli = accepted.find("br") != std::string_view::npos, gzip = accepted.find("gzip") != std::string_view::npos;
    const std::string& body = brotli ? style_.br : gzip ? style_.gz : style_.plain;
    const std::string coding = brotli ? "br" : gzip ? "gzip" : "";
    return "HTTP/1.1 200 OK\r\n" + date_line() + "Content-Type: text/css\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nETag: \"style" + (coded ? "-" + coding : "") + "\"\r\nCache-Control: max-age=86400\r\n" +
           (coding.empty() ? "" : "Content-Encoding: " + coding + "\r\n") + (coded ? "Vary: Accept-Encoding\r\n" : "") + "\r\n" + body;
  }

  static constexpr std::size_t kBatch = 4096;        // heads that live until their batch was written

  static void append(std::string& text, std::uint64_t number, int base) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
    text.append(digits, static_cast<std::size_t>(end - digits));
  }

  const std::string& date_line() {
    const std::time_t now = std::time(nullptr);
    if (now != date_at_) {
      date_at_ = now;
      std::tm parts{};
      ::gmtime_r(&now, &parts);
      char text[64];
      date_.assign(text, std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts));
    }
    return date_;
  }

  const struct { std::string plain, gz, br; } style_;
  Pattern pattern_;
  std::vector<std::string> heads_;
  std::size_t next_ = 0;
  std::uint64_t requests_ = 0;
  std::time_t date_at_ = 0;
  std::string date_;
};

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  const std::uint16_t port = bench::port_of(count, arguments);
  bench::Origin origin(count > 2 ? arguments[2] : ".");
  bench::EpollServer<bench::Origin>(origin, bench::listen_at(port)).run();
}
