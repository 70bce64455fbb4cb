// config/settings_cache.cc: the cache rules of [cache.defaults] and [route.cache].
#include "config/settings.h"

namespace davenport::config {
namespace {

constexpr double kYear = 365.0 * 86'400'000, kHour = 3'600'000;
constexpr double kTiB = 1024.0 * 1024 * 1024 * 1024;

template <auto... Path>
constexpr auto rule = at<CacheRules, Path...>;
template <auto Member>
constexpr auto coding = at<CacheRules, &CacheRules::compression, Member>;

constexpr Setting<CacheRules> kCache[] = {
    {"enabled", rule<&CacheRules::enabled>, "false: everything goes to the origin and nothing is stored."},

    {"ttl", rule<&CacheRules::ttl>,
     "How long answers (200, 203, 204, 300, 301, 308, 404, 410) are fresh, whatever lifetime the origin says. What says no-store, "
     "private or no-cache, or varies by everything, stays as it is.",
     {.high = 10 * kYear, .example = R"("5m")"}},
    {"default_ttl", rule<&CacheRules::default_ttl>, "How long they are fresh where the origin says nothing.",
     {.high = 10 * kYear, .example = R"("60s")"}},
    {"status_ttl", rule<&CacheRules::status_ttl>,
     "The same for single statuses, so that errors too may be kept for a moment.",
     {.high = 10 * kYear, .example = R"({ 404 = "30s", 503 = "1s" })"}},
    {"type_ttl", rule<&CacheRules::type_ttl>,
     "The same for media types (`*` for any run of characters), where `status_ttl` says nothing; the longest that matches counts.",
     {.high = 10 * kYear, .form = Form::media_type, .example = R"({ "image/*" = "1d", "text/html" = "60s" })"}},
    {"stale_while_revalidate", rule<&CacheRules::stale_while_revalidate>,
     "Past its freshness, how long an answer is served while one request fetches it anew; where the origin says "
     "nothing. An answer with s-maxage is not served stale (RFC 9111 §5.2.2.10).",
     {.high = 10 * kYear, .example = R"("30s")"}},
    {"refresh_ahead", rule<&CacheRules::refresh_ahead>,
     "How long before it expires a popular answer is validated, so that no visitor waits for it; what is asked for seldom is left to "
     "expire. 0: never.",
     {.high = kHour}},
    {"stale_if_error", rule<&CacheRules::stale_if_error>,
     "Past its freshness, how long an answer stands in for an origin that fails; where the origin says nothing.",
     {.high = 10 * kYear, .example = R"("1h")"}},
    {"stale_when_gone", rule<&CacheRules::stale_when_gone>,
     "A stale answer rather than 502 or 504 where nothing forbids it."},
    {"stale_if_slow", rule<&CacheRules::stale_if_slow>,
     "A stale answer in hand is served when the origin takes longer. 0: never.", {.high = kHour, .strict = "0s"}},
    {"s_maxage_allows_stale", rule<&CacheRules::s_maxage_allows_stale>,
     "Let answers with s-maxage be served stale, as other caches do and RFC 9111 §5.2.2.10 does not allow.",
     {.strict = "false"}},
    {"keep", rule<&CacheRules::keep>,
     "How long answers are kept beyond all that, to be validated and for an origin that is gone.", {.high = kYear}},
    {"ignore_client_no_cache", rule<&CacheRules::ignore_client_no_cache>,
     "Do not obey Cache-Control and Pragma of requests, so that a client's reload costs the origin nothing.",
     {.strict = "false"}},

    {"heuristic", rule<&CacheRules::heuristic>,
     "Guess a lifetime from Last-Modified where nothing else is said (RFC 9111 §4.2.2)."},
    {"heuristic_max", rule<&CacheRules::heuristic_max>, "The longest guess.", {.high = kYear}},
    {"heuristic_all_statuses", rule<&CacheRules::heuristic_all_statuses>,
     "Guess for all statuses that RFC 9110 §15.1 lists, 404 and 410 among them, not for 200, 203, 204, 300, 301 and "
     "308 alone.",
     {.strict = "true"}},

    {"set_cookie", rule<&CacheRules::set_cookie>,
     "What becomes of an answer with Set-Cookie: `strip` stores it without the field, where sharing is explicit; "
     "`refuse` does not store it; `keep` stores it with the field, which every client then gets.",
     {.strict = "keep"}},
    {"share_set_cookie", rule<&CacheRules::share_set_cookie>,
     "Say that answers of this route may be shared though they carry Set-Cookie."},
    {"strip_cookies", rule<&CacheRules::strip_cookies>,
     "Take Cookie from requests and Set-Cookie from answers: for routes that have no business with them."},
    {"pass_cookies", rule<&CacheRules::pass_cookies>,
     "A request with one of these cookies (`*` for any run of characters) goes to the origin and nothing of it is "
     "stored.",
     {.form = Form::token, .example = R"(["session", "wordpress_logged_in_*"])"}},

    {"ignore_other_cookies", rule<&CacheRules::ignore_other_cookies>,
     "Cookies that neither `pass_cookies` nor `key_cookies` names make no difference: not to an answer that varies by "
     "Cookie, and not to the origin, which gets none of them when it is asked for an answer to store."},

    {"key_cookies", rule<&CacheRules::key_cookies>, "Cookies whose values are parts of the key.",
     {.form = Form::token, .example = R"(["currency"])"}},
    {"key_fields", rule<&CacheRules::key_fields>, "Request fields whose values are parts of the key.",
     {.form = Form::field_name, .example = R"(["x-country"])"}},
    {"equivalent_escapes", rule<&CacheRules::equivalent_escapes>,
     "Characters that need no escape there make one key with and without it: `%28` and `(`. What the origin is asked stays as it came."},
    {"sort_query", rule<&CacheRules::sort_query>, "Parameters in another order make no other key."},
    {"drop_parameters", rule<&CacheRules::drop_parameters>,
     "Query parameters that are no part of the key (`*` for any run of characters).",
     {.form = Form::parameter, .example = R"(["utm_*", "fbclid", "gclid"])"}},
    {"keep_parameters", rule<&CacheRules::keep_parameters>,
     "Only these are; an empty list drops the query from the key. Not together with `drop_parameters`.",
     {.form = Form::parameter, .example = R"(["page", "q"])"}},
    {"max_variants", rule<&CacheRules::max_variants>, "Answers that are kept under one key because of Vary.",
     {.low = 1, .high = 10'000}},
    {"content_language", rule<&CacheRules::content_language>,
     "Answer a new Accept-Language with the stored variant whose Content-Language it would prefer.",
     {.strict = "false"}},

    {"tags", rule<&CacheRules::tags>, "Tags that every stored answer gets, for purges.",
     {.form = Form::tag, .example = R"(["shop"])"}},
    {"tag_fields", rule<&CacheRules::tag_fields>,
     "The fields in which answers carry their tags, with spaces or commas between them (`xkey`, `X-Magento-Tags`).",
     {.form = Form::token}},
    {"forward_tags", rule<&CacheRules::forward_tags>, "Leave the `tag_fields` in what clients get."},
    {"tags_as", rule<&CacheRules::tags_as>,
     "The field in which clients get all tags of an answer, the origin's and the route's, for the CDN in front: `\"Surrogate-Key\"` "
     "(with spaces between them), `\"Cache-Tag\"` or another (with commas). Empty: none. Without `forward_tags`, they stand there alone.",
     {.form = Form::optional_field, .example = R"("Cache-Tag")"}},
    {"unstored_fields", rule<&CacheRules::unstored_fields>,
     "Fields that are not stored (`*` for any run of characters): only the client whose request fetched the answer gets "
     "them.",
     {.form = Form::token, .example = R"(["RateLimit-*", "X-Request-Id"])"}},
    {"unstored_statuses", rule<&CacheRules::unstored_statuses>, "Statuses that are never stored, whatever the origin says.",
     {.form = Form::token, .example = R"(["302", "5*"])"}},
    {"targeted_fields", rule<&CacheRules::targeted_fields>,
     "Fields that replace Cache-Control and Expires for this cache, the first valid one counts (RFC 9213 §2.2).",
     {.form = Form::token}},
    {"forward_targeted", rule<&CacheRules::forward_targeted>, "Leave those fields in what clients get."},

    {"max_object", rule<&CacheRules::max_object_bytes>,
     "The largest answer of the route that is stored; 0: as `cache.max_object`.", {.high = 64 * kTiB}},
    {"hit_for_miss", rule<&CacheRules::hit_for_miss>,
     "How long it is remembered that an answer could not be stored, so that requests for it do not wait for one "
     "another.",
     {.high = kHour * 24}},
    {"convert_head", rule<&CacheRules::convert_head>,
     "A HEAD for which nothing is stored asks the origin by GET, so that its answer can be stored. false: HEAD stays HEAD."},
    {"trust_head", rule<&CacheRules::trust_head>,
     "An answer to HEAD with another status than 200 may end a stored GET's. false: for an application that knows no HEAD."},
    {"coalesce", rule<&CacheRules::coalesce>, "Requests for one key that miss together become one to the origin."},
    {"early_hints", rule<&CacheRules::early_hints>,
     "While a client waits for the origin, send it a 103 with the Link fields (preload, modulepreload, preconnect) of the last answer. To "
     "HTTP/1.1 clients only with `forwarding.early_hints_http1`."},
    {"hints_of_unstored", rule<&CacheRules::hints_of_unstored>,
     "Learn early hints also from answers that say no-store: their links are kept, and nothing else of them.",
     {.strict = "false"}},
    {"server_timing", rule<&CacheRules::server_timing>,
     "Add Server-Timing to answers: whether they came from the cache, and how many milliseconds they took here and at the origin."},

    {"cookieless_paths", rule<&CacheRules::cookieless_paths>,
     "Paths for which `strip_cookies` holds: patterns (`*` for any run of characters), or `\"fingerprinted\"` for names that carry a "
     "hash of their content.",
     {.form = Form::asset_path, .example = R"(["fingerprinted", "/assets/*"])"}},
    {"drop_vary", rule<&CacheRules::drop_vary>,
     "Fields (`*` for any run of characters) that are taken out of Vary: answers are not told apart by them here, and caches in front "
     "do not see them. `Vary: *` stays.",
     {.form = Form::token, .example = R"(["User-Agent", "X-Requested-With"])"}},

    {"precompressed", rule<&CacheRules::precompressed>,
     "The origin has compressed files beside its files (`app.css.br`, `.gz`, `.zst` beside `app.css`): they are asked for before anything "
     "is compressed here, and used where they unpack to the same bytes. What is not there is not asked for again for ten minutes."},

    {"compression.enabled", coding<&Compression::enabled>,
     "Compress answers of the types below. What is stored is compressed once and its forms are stored beside it. "
     "`Cache-Control: no-transform` is always respected."},
    {"compression.codings", coding<&Compression::codings>,
     "`br`, `zstd`, `gzip`: where a client likes several alike, the first counts.", {.form = Form::coding}},
    {"compression.types", coding<&Compression::types>, "Media types, `*` for any run of characters.",
     {.form = Form::media_type}},
    {"compression.min", coding<&Compression::min_bytes>, "The least body that is worth it.",
     {.high = 1024.0 * 1024 * 1024}},
    {"compression.ratio", coding<&Compression::ratio>,
     "A form that is not smaller than this share of its source is not kept.", {.low = 0.01, .high = 1}},
    {"compression.gzip_level", coding<&Compression::gzip_level>,
     "How hard gzip tries at the first demand, and for what passes.", {.low = 1, .high = 9}},
    {"compression.brotli_level", coding<&Compression::brotli_level>, "The same of brotli.", {.high = 11}},
    {"compression.zstd_level", coding<&Compression::zstd_level>, "The same of zstd.", {.low = 1, .high = 19}},
    {"compression.gzip_strong", coding<&Compression::gzip_strong>,
     "How hard gzip tries behind, on a thread of its own, for what has proved popular.", {.low = 1, .high = 9}},
    {"compression.brotli_strong", coding<&Compression::brotli_strong>, "The same of brotli.", {.high = 11}},
    {"compression.zstd_strong", coding<&Compression::zstd_strong>, "The same of zstd.", {.low = 1, .high = 19}},
    {"compression.popular_after", coding<&Compression::popular_after>,
     "Hits of a form on one worker after which it is made anew with the strong level. 0: never."},
    {"compression.wait", coding<&Compression::wait>,
     "How long the first client waits for a form that is being made; then it gets the answer as it is.",
     {.high = 60'000}},
    {"compression.passed", coding<&Compression::passed>,
     "Compress answers that are not stored too, as they pass, at the pace of the origin."},
    {"compression.secrets", coding<&Compression::secrets>,
     "Also those that carry secrets (Cookie or Authorization in the request, Set-Cookie in the answer). Where such an "
     "answer repeats input that somebody else may choose, its compressed length tells the secret (the BREACH attack): "
     "leave this off unless pages are protected against it."},
    {"compression.expansion", coding<&Compression::expansion>,
     "A stored answer that is unpacked for a client without codings may grow by this factor, and to "
     "`cache.max_object`; beyond it is a bomb, and the origin is asked.",
     {.low = 2, .high = 100'000}},
};

}  // namespace

std::span<const Setting<CacheRules>> cache_settings() { return kCache; }

}  // namespace davenport::config
