// Names that carry a hash of their content, and names that only look like it.
#include <doctest/doctest.h>

#include <string_view>

#include "config/config.h"

using namespace davenport::config;

TEST_CASE("a name with a hash before its extension is fingerprinted") {
  struct Row { std::string_view path, who; };
  for (const Row& row : {
           Row{"/app.3f2a9c1b.css", "hexadecimal"}, Row{"/assets/app-3f2a9c1b.js", "hexadecimal"}, Row{"/main.8e0d62a0.js", "webpack"},
           Row{"/main.a1b2c3d4.chunk.js", "webpack"}, Row{"/static/css/main.073c9b0a.css.map", "webpack"}, Row{"/3f2a9c1be5.woff2", "webpack's file loader"},
           Row{"/_next/static/chunks/webpack-59c5c889f52620d6.js", "Next.js"}, Row{"/_next/static/media/a34f9d1faa5f3315-s.p.woff2", "Next.js, a font"},
           Row{"/app_3F2A9C1B.css", "capitals"}, Row{"/a/styles.5d41402abc4b2a76b9719d911017c592.css.map", "Rails, Django"},
           Row{"/assets/index-BkX3_a9Z.js", "Vite"}, Row{"/assets/index-BqZ4x9aK.js", "Vite"}, Row{"/assets/vendor-D-x_9aKq.css", "Vite, with signs"},
           Row{"/assets/index--bX3q9Za.js", "Vite, a sign first"}, Row{"/assets/logo-BkX3_a9Z.svg", "Vite, a picture"}, Row{"/assets/page-BqZxKaWd.js", "Vite, letters alone"},
           Row{"/_astro/client.CVf6nUbM.js", "Astro"}, Row{"/_nuxt/CVf6nUbM.js", "Nuxt: nothing else"}, Row{"/assets/index-BkX3_a9Z.js.map", "Rollup"},
           Row{"/chunk-7JQ5K2QX.js", "esbuild"}, Row{"/styles-5INURTSO.css", "Angular"}, Row{"/polyfills-SCHOHYNV.js", "Angular, letters alone"},
           Row{"/media/inter-FFHMD2TL.woff2", "Angular"}}) {
    CAPTURE(row.path);
    CAPTURE(row.who);
    CHECK(is_fingerprinted(row.path));
  }
}

TEST_CASE("words, versions, dates, sizes, ids and articles' numbers are no hash") {
  for (const std::string_view path : {
           "/", "/app.css", "/app.3f2a9c1b", "/3f2a9c1b/app.css", "/app.3f2a9c.css", "/deadbeef.css", "/products.html",
           // versions, dates, sizes
           "/jquery-3.6.0.min.js", "/app.bundle-v1.2.3.js", "/bootstrap-5.3.0-beta1.min.css", "/lib-1.2.3-rc10.js", "/report-20240131.pdf",
           "/photo.1024x768aa.jpg", "/photo-1024x768.jpg", "/IMG_20240131.jpg", "/banner-1024X768.jpg",
           // words
           "/jquery-migrate.js", "/bootstrap.bundle.js", "/product-headline.css", "/wp-emoji-release.min.js", "/date-picker.css", "/app-settings.js",
           "/sidebar-MainMenu.js", "/app-MyAppBar.js", "/app-UIHelper.js", "/app-HTMLForm.js", "/app-HTTPSApi.css", "/lib-DarkMode.css", "/A-My-Page2.js",
           "/theme-SETTINGS.css", "/lib-MAXWIDTH.js", "/app-WINDOWS7.js", "/readme-CONTACTS.js", "/font-Regular1.woff2", "/Inter-SemiBold.woff2", "/OpenSans-ExtraBld.ttf",
           // products and people
           "/iPhone15.png", "/apple-iPhone15.png", "/apple-iPadPro2.png", "/laptop-MacBook2.jpg", "/shoe-KX23QR45.jpg", "/SKU-7JQ5K2QX.jpg", "/B07XJ8C8F5.jpg",
           "/u/550e8400-e29b-41d4-a716-446655a40000.jpg", "/BkX3a9Zq.png",
           "/507f1f77bcf86cd799439011-thumb.jpg"}) {
    CAPTURE(path);
    CHECK_FALSE(is_fingerprinted(path));
  }
}
