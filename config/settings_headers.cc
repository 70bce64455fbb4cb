// config/settings_headers.cc: what a header rule says, in [[header]] and [[route.header]].
#include "config/settings.h"

namespace davenport::config {
namespace {

constexpr Setting<HeaderRule> kHeader[] = {
    {"paths", at<HeaderRule, &HeaderRule::paths>,
     "The paths that it holds for: patterns (`*` for any run of characters), or `\"fingerprinted\"` for names that carry a hash of "
     "their content (`app.3f2a9c1b.css`). None: every path.",
     {.form = Form::asset_path, .example = R"(["fingerprinted", "/assets/*"])"}},
    {"types", at<HeaderRule, &HeaderRule::types>, "Media types, `*` for any run of characters. None: every one.",
     {.form = Form::media_type, .example = R"(["font/*", "application/font-woff2"])"}},
    {"statuses", at<HeaderRule, &HeaderRule::statuses>, "Statuses, `*` for any run of digits.", {.form = Form::token}},
    {"remove", at<HeaderRule, &HeaderRule::remove>, "Fields that are taken out (`*` for any run of characters), before anything is put in.",
     {.form = Form::token, .example = R"(["Server", "X-Powered-By"])"}},
    {"set", at<HeaderRule, &HeaderRule::set>,
     "Fields in place of those of the same name. `$host`, `$path`, `$query`, `$scheme` and `$status` stand for the request's and the "
     "answer's, `$$` for a dollar sign.",
     {.form = Form::answer_field, .example = R"({ Cache-Control = "public, max-age=31536000, immutable" })"}},
    {"add", at<HeaderRule, &HeaderRule::add>, "Fields beside those of the same name.",
     {.form = Form::answer_field, .example = R"({ Link = "</app.css>; rel=preload; as=style" })"}},
    {"default", at<HeaderRule, &HeaderRule::defaults>, "Fields where the answer has none of that name.",
     {.form = Form::answer_field, .example = R"({ Referrer-Policy = "strict-origin-when-cross-origin" })"}},
    {"allow_origins", at<HeaderRule, &HeaderRule::allow_origins>,
     "Sites that may use the answer from their pages (CORS): its `Access-Control-Allow-Origin` names the one that asks, with "
     "`Vary: Origin`; `\"*\"` lets every site, without.",
     {.form = Form::origin, .example = R"(["https://shop.example", "https://*.shop.example"])"}},
    {"obey", at<HeaderRule, &HeaderRule::obey>,
     "Let this cache, too, do as the fields then say: it judges the answer as if the origin had sent them. false: they are for whoever "
     "comes after it. Such rules come before the others."},
};

}  // namespace

std::span<const Setting<HeaderRule>> header_settings() { return kHeader; }

}  // namespace davenport::config
