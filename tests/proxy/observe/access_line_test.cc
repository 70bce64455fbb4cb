#include "proxy/observe/access_line.h"

#include <doctest/doctest.h>

#include <vector>

using namespace davenport;
using namespace davenport::observe;
using config::LogFormat;

namespace {

// 2015-10-21T07:28:00.042Z
constexpr WallTime kAt{Millis(1'445'412'480'042)};

AccessRecord hit() {
  AccessRecord record;
  record.at = kAt;
  record.client = "192.0.2.7";
  record.method = "GET";
  record.target = "/milk?fat=3";
  record.host = "shop.test";
  record.user_agent = "curl/8.0";
  record.request_id = "3f2a";
  record.status = 200;
  record.bytes_out = 512;
  record.duration_us = 41;
  record.reason = policy::Reason::fresh_hit;
  record.has_reason = true;
  record.age_s = 3;
  record.ttl_s = 57;
  return record;
}

AccessRecord miss() {
  AccessRecord record = hit();
  record.reason = policy::Reason::uri_miss;
  record.storing = policy::Storing::stored;
  record.origin_server = "127.0.0.1:8000";
  record.origin_us = 900;
  record.age_s = -1;
  record.http_minor = 0;
  record.referer = "http://shop.test/";
  return record;
}

std::string line(LogFormat format, const AccessRecord& record) {
  AccessFormatter formatter(format);
  std::string out;
  formatter.append(out, record);
  return out;
}

// The record as the writer of the log sees it.
std::vector<std::byte> packed(const AccessRecord& record) {
  const PackedSizes sizes = measure(record);
  std::vector<std::byte> bytes(sizes.total);
  pack(record, sizes, bytes.data());
  return bytes;
}

bool same(const AccessRecord& a, const AccessRecord& b) {
  return line(LogFormat::json, a) == line(LogFormat::json, b) && line(LogFormat::combined, a) == line(LogFormat::combined, b);
}

}  // namespace

TEST_CASE("the combined format is Apache's, with the reason and the timings behind it") {
  CHECK(line(LogFormat::combined, hit()) ==
        "192.0.2.7 - - [21/Oct/2015:07:28:00 +0000] \"GET /milk?fat=3 HTTP/1.1\" 200 512 \"-\" \"curl/8.0\" shop.test 3f2a "
        "reason=fresh_hit storing=- age=3 ttl=57 time_us=41 origin_us=- origin=-\n");
  CHECK(line(LogFormat::combined, miss()) ==
        "192.0.2.7 - - [21/Oct/2015:07:28:00 +0000] \"GET /milk?fat=3 HTTP/1.0\" 200 512 \"http://shop.test/\" \"curl/8.0\" "
        "shop.test 3f2a reason=uri_miss storing=stored age=- ttl=- time_us=41 origin_us=900 origin=127.0.0.1:8000\n");
}

TEST_CASE("the JSON format is one object a line and leaves out what does not apply") {
  CHECK(line(LogFormat::json, hit()) ==
        R"({"time":"2015-10-21T07:28:00.042Z","client":"192.0.2.7","method":"GET","host":"shop.test","target":"/milk?fat=3",)"
        R"("http":"1.1","status":200,"bytes":512,"user_agent":"curl/8.0","request_id":"3f2a","reason":"fresh_hit","age_s":3,)"
        R"("ttl_s":57,"time_us":41})"
        "\n");
  CHECK(line(LogFormat::json, miss()) ==
        R"({"time":"2015-10-21T07:28:00.042Z","client":"192.0.2.7","method":"GET","host":"shop.test","target":"/milk?fat=3",)"
        R"("http":"1.0","status":200,"bytes":512,"referer":"http://shop.test/","user_agent":"curl/8.0","request_id":"3f2a",)"
        R"("reason":"uri_miss","storing":"stored","time_us":41,"origin_us":900,"origin":"127.0.0.1:8000"})"
        "\n");
}

TEST_CASE("no byte of a peer ends a quoted part or a line of the combined format") {
  AccessRecord record = hit();
  record.user_agent = "a\" 200 0 \"b\\\r\nc\t\x80\xff\x7f";
  record.host = "two words";
  record.method = "G\"T";
  const std::string text = line(LogFormat::combined, record);
  CHECK(text.find(R"("a\x22 200 0 \x22b\x5C\x0D\x0Ac\x09\x80\xFF\x7F" two\x20words )") != std::string::npos);
  CHECK(text.find(R"("G\x22T /milk)") != std::string::npos);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("no byte of a peer ends a string or a line of the JSON format") {
  AccessRecord record = hit();
  record.user_agent = "a\",\"status\":500,\r\n\xff";
  const std::string text = line(LogFormat::json, record);
  CHECK(text.find(R"("user_agent":"a\",\"status\":500,\r\n)" "\xef\xbf\xbd\"") != std::string::npos);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("the time of a line follows its record, across seconds and days") {
  AccessFormatter combined(LogFormat::combined);
  struct Row { std::int64_t ms; const char *combined, *json; };
  for (const Row& row : {
           Row{0, "[01/Jan/1970:00:00:00 +0000]", "1970-01-01T00:00:00.000Z"},
           Row{999, "[01/Jan/1970:00:00:00 +0000]", "1970-01-01T00:00:00.999Z"},
           Row{1'709'251'199'500, "[29/Feb/2024:23:59:59 +0000]", "2024-02-29T23:59:59.500Z"},
           Row{1'709'251'200'000, "[01/Mar/2024:00:00:00 +0000]", "2024-03-01T00:00:00.000Z"}}) {
    AccessRecord record = hit();
    record.at = WallTime(Millis(row.ms));
    std::string out;
    combined.append(out, record);
    CHECK(out.find(row.combined) != std::string::npos);
    CHECK(line(LogFormat::json, record).find(row.json) != std::string::npos);
  }
}

TEST_CASE("a record goes through bytes unchanged") {
  for (const AccessRecord& record : {hit(), miss(), AccessRecord{}}) {
    const std::vector<std::byte> bytes = packed(record);
    CHECK(same(unpack(bytes), record));
  }
}

TEST_CASE("long texts are cut: the target at 2,048 bytes, others at 512") {
  const std::string text(5000, 'x');
  AccessRecord record = hit();
  record.target = record.user_agent = record.referer = record.host = record.client = text;
  record.method = record.request_id = record.origin_server = text;
  const std::vector<std::byte> bytes = packed(record);
  const AccessRecord kept = unpack(bytes);
  CHECK(kept.target.size() == 2048);
  for (const std::string_view view : {kept.user_agent, kept.referer, kept.host, kept.client, kept.method, kept.request_id,
                                      kept.origin_server}) {
    CHECK(view.size() == 512);
  }
  CHECK(kept.status == record.status);
}
