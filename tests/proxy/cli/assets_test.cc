// What a browser loads for a page by itself.
#include "proxy/cli_assets.h"

#include <doctest/doctest.h>

using namespace davenport::cli;

namespace {

std::string joined(const std::vector<std::string>& urls) {
  std::string out;
  for (const std::string& url : urls) out += (out.empty() ? "" : " ") + url;
  return out;
}

}  // namespace

TEST_CASE("a page loads style sheets, scripts, pictures and icons, each once, as absolute URLs") {
  struct Row { std::string_view html, urls; };
  for (const Row& row : {
           Row{"<link rel=stylesheet href=/a.css><link rel='Shortcut Icon' href=\"i.png\">", "http://h.test/a.css http://h.test/d/i.png"},
           Row{"<link rel=canonical href=/x><link rel=preconnect href=//c.test><a href=/y>y</a>", ""},
           Row{"<SCRIPT defer SRC = '/s.js?a=1&amp;b=2#x'></SCRIPT>", "http://h.test/s.js?a=1&b=2"},
           Row{"<img src=\"p.png\" srcset=\"p2.png 2x\"><img src='p.png'>", "http://h.test/d/p.png"},
           Row{"<img srcset=\" q.png 1x, q2.png 2x\">", "http://h.test/d/q.png"},
           Row{"<img src=\"data:image/png;base64,xx\"><img src=''>", ""},
           Row{"<img src=//c.test/p.png><img src=https://c.test/p.png>", "http://c.test/p.png https://c.test/p.png"},
           Row{"<base href='/other/'><img src=p.png>", "http://h.test/other/p.png"},
           Row{"<!-- <img src=no.png> --><img src=p.png>", "http://h.test/d/p.png"},
           Row{"<script>document.write('<img src=no.png>')</script><img src=p.png>", "http://h.test/d/p.png"},
           Row{"<style>@import 'a.css'; b { background: url( \"b.png\" ) } /* url(no.png) */</style>", "http://h.test/d/a.css http://h.test/d/b.png"},
           Row{"<p style=\"background:url(c.png)\">", "http://h.test/d/c.png"},
           Row{"<link rel=\"preload modulepreload\" as=font href=f.woff2>", "http://h.test/d/f.woff2"},
           Row{"<img src=p.png", "http://h.test/d/p.png"},
           Row{"<script>never ends <img src=no.png>", ""},
           Row{"< img src=no.png><", ""}}) {
    CAPTURE(row.html);
    CHECK(joined(assets_of_html(row.html, "http://h.test/d/page.html")) == row.urls);
  }
}

TEST_CASE("a style sheet loads pictures, fonts and other style sheets, from where it lies itself") {
  CHECK(joined(assets_of_css("@font-face{src:url(../f.woff2) format('woff2'),url('f.woff')}@import url(b.css);a{b:url(data:x)}",
                             "https://c.test/css/a.css")) == "https://c.test/f.woff2 https://c.test/css/f.woff https://c.test/css/b.css");
}
