// bench/micro_http.cc: what the parser and the small grammars cost, in ns a call.
//     micro_http --benchmark_filter=parse
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "core/http/grammar.h"
#include "core/http/parser.h"
#include "core/http/serializer.h"

namespace davenport::http {
namespace {

constexpr std::string_view kWrk = "GET /milk/1024.bin HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

constexpr std::string_view kBrowser =
    "GET /products/milk/whole-3.5-percent?currency=eur&variant=glass-bottle HTTP/1.1\r\n"
    "Host: shop.davenport.example\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Referer: https://shop.davenport.example/products\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Server: origin\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "Cache-Control: public, max-age=60, stale-while-revalidate=30\r\n"
    "ETag: \"0123456789abcdef\"\r\n"
    "Vary: Accept-Encoding\r\n\r\n";

void parse_request(benchmark::State& state, std::string_view bytes) {
  const HeadLimits limits;
  RequestParser parser(limits);
  RequestHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(bytes, head));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void parse_response(benchmark::State& state, std::string_view bytes) {
  const HeadLimits limits;
  ResponseParser parser(limits);
  ResponseHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(bytes, Method::get, head));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void decode_chunks(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 64; ++i) {
    append_chunk_size(body, 1000);
    body.append(1000, 'x').append("\r\n");
  }
  body.append("0\r\n\r\n");
  const HeadLimits limits;
  ChunkedDecoder decoder(limits);
  Fields trailers;
  for (auto _ : state) {
    decoder.reset();
    std::string_view rest = body;
    ChunkedDecoder::Step step;
    do {
      step = decoder.feed(rest, trailers);
      rest.remove_prefix(step.consumed);
      benchmark::DoNotOptimize(step.content);
    } while (step.state == ParseState::content);
  }
}

void read_directives(benchmark::State& state) {
  for (auto _ : state) {
    DirectiveReader directives("public, max-age=60, stale-while-revalidate=30, no-cache=\"Set-Cookie\"");
    while (const auto directive = directives.next()) benchmark::DoNotOptimize(directive->name);
  }
}

void read_date(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT",
                                                                WallSeconds(Seconds(800000000))));
}

void write_date(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_http_date(out, WallSeconds(Seconds(784111777)));
    benchmark::DoNotOptimize(out.data());
  }
}

BENCHMARK_CAPTURE(parse_request, wrk, kWrk);
BENCHMARK_CAPTURE(parse_request, browser, kBrowser);
BENCHMARK_CAPTURE(parse_response, origin, kResponse);
BENCHMARK(decode_chunks);
BENCHMARK(read_directives);
BENCHMARK(read_date);
BENCHMARK(write_date);

}  // namespace
}  // namespace davenport::http

BENCHMARK_MAIN();
