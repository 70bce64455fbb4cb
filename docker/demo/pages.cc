#include "docker/demo/pages.h"

#include <fmt/format.h>

#include "docker/demo/text.h"

namespace demo {
namespace {

constexpr std::string_view kFrame = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{title}} · Davenport Goods</title><link rel="icon" href="/favicon.ico" type="image/svg+xml">
<link rel="stylesheet" href="{{style}}"><script src="{{script}}" defer></script></head><body>
<header class="top"><div><a class="brand" href="/"><img src="/favicon.ico" alt="">Davenport Goods</a>
<form class="search" action="/search"><input type="search" name="q" placeholder="Search 240 good things" aria-label="Search" maxlength="80"></form>
<nav>{{{links}}}<a href="/account">Account</a><a href="/basket">Basket <span class="badge"></span></a></nav></div></header>
<main>{{{main}}}</main>
<footer class="facts"><div><span class="cache">cache: asking …</span><span>Made at {{clock}} UTC in {{ms}} ms with {{queries}}</span>
<span id="took"></span><span>Reload: a page from the cache keeps its time.</span></div></footer></body></html>
)";

constexpr std::string_view kCard = R"(<a class="card" href="/product/{{id}}"><img src="/img/product-{{id}}.svg" alt="" loading="lazy" width="400" height="400">
<div><b>{{name}}</b><small>{{material}}</small><br><span class="price">€ {{price}}</span></div></a>
)";

constexpr std::string_view kHome = R"html(<section class="hero" style="background-image:url({{banner}})">
<h1>Things worth keeping.</h1><p>Cups, pots, lamps and tents from small workshops, chosen slowly and delivered quickly.</p>
<div><a class="button" href="/category/lighting">See what is new</a></div></section>
<h2>Shop by room</h2><div class="tiles">{{{tiles}}}</div>
<h2>This week's choice</h2><div class="grid">{{{cards}}}</div>)html";

constexpr std::string_view kTile = R"(<a href="/category/{{slug}}"><img src="/img/product-{{id}}.svg" alt="" width="400" height="400">{{name}}</a>)";

constexpr std::string_view kCategory = R"html(<section class="hero small" style="background-image:url({{banner}})"><h1>{{name}}</h1><p>{{line}}</p></section>
<div class="grid">{{{cards}}}</div><nav class="pages" aria-label="Pages">{{{pages}}}</nav>)html";

constexpr std::string_view kProduct = R"(<p class="crumbs"><a href="/">Shop</a> / <a href="/category/{{slug}}">{{category}}</a></p>
<section class="product" data-product="{{id}}"><img src="/img/product-{{id}}.svg" alt="{{name}}" width="400" height="400">
<div><h1>{{name}}</h1><p>{{text}}</p><p class="price" id="price">€ {{price}}</p><p class="muted" id="stock">&nbsp;</p>
<form method="post" action="/basket/add"><input type="hidden" name="product" value="{{id}}">
<input type="number" name="count" value="1" min="1" max="99" aria-label="How many"><button>Add to basket</button></form>
<dl><dt>Material</dt><dd>{{material}}</dd><dt>Made in</dt><dd>{{origin}}</dd><dt>Number</dt><dd>DG-{{id}}</dd></dl>
<p class="muted"><a href="/admin/product/{{id}}">Change the price ›</a></p></div></section>
<section class="told"><div><h2>Delivery and returns</h2><table><tr><td>Standard, two to four days</td><td>€ 4.90</td></tr>
<tr><td>Express, ordered by noon and there the next day</td><td>€ 9.90</td></tr><tr><td>Orders of more than € 80</td><td>free</td></tr>
<tr><td>Returns, within thirty days</td><td>free</td></tr></table></div>
<div><h2>What shoppers say</h2>{{{reviews}}}</div></section>
<h2>Goes well with it</h2><div class="grid">{{{cards}}}</div>
<script type="application/ld+json">{"@context":"https://schema.org","@type":"Product","name":"{{{json_name}}}","sku":"DG-{{id}}","description":"{{{json_text}}}",
"image":"/img/product-{{id}}.svg","material":"{{{json_material}}}","category":"{{{json_category}}}","brand":{"@type":"Brand","name":"Davenport Goods"},
"offers":{"@type":"Offer","url":"/product/{{id}}","price":"{{price}}","priceCurrency":"EUR"} }</script>)";

constexpr std::string_view kReview = R"(<article class="review"><b>{{title}}</b><p>{{text}}</p><p class="muted">{{who}}, who bought it</p></article>
)";

// Said of everything alike: this shop's shoppers are of one mind.
struct Review {
  std::string_view title, text, who;
};
constexpr Review kReviews[] = {
    {"Better than the picture", "It came a day early, well packed, and has been in use every day since.", "Ines"},
    {"Worth the wait", "I looked for one like it for years. The finish is as even inside as it is outside.", "Tomasz"},
    {"A gift that stayed", "Bought for my sister, and then a second one for myself.", "Beatrix"},
    {"Solid", "Heavier than I thought, and that is meant as praise.", "Okonkwo"},
    {"Good people", "One part was missing. They answered within the hour and sent it the same day.", "Maren"}};

constexpr std::string_view kBasketLine = R"(<tr><td><img src="/img/product-{{id}}.svg" alt="" width="400" height="400"></td><td><a href="/product/{{id}}">{{name}}</a><br>
<span class="muted">{{count}} × € {{price}}</span></td><td class="price">€ {{sum}}</td><td><form method="post" action="/basket/remove">
<input type="hidden" name="product" value="{{id}}"><button class="quiet">Remove</button></form></td></tr>
)";

constexpr std::string_view kSignIn = R"(<h1>Your account</h1><div class="panel"><p>Any name will do: this is a demonstration.</p>
<form method="post" action="/login"><input name="name" placeholder="Your name" maxlength="40" required aria-label="Your name"> <button>Sign in</button></form></div>)";

constexpr std::string_view kSignedIn = R"(<h1>Good to see you, {{name}}</h1><div class="panel"><p>{{items}} items are in your <a href="/basket"><b>basket</b></a>.
This page is yours alone: <code>Cache-Control: no-store</code>.</p><form method="post" action="/logout"><button class="quiet">Sign out</button></form></div>)";

constexpr std::string_view kAdmin = R"(<p class="crumbs"><a href="/product/{{id}}">‹ {{name}}</a></p><h1>Change a price</h1>{{{note}}}
<div class="panel"><p>{{name}} costs <b>€ {{price}}</b>. Pages that show it carry the tag <code>product-{{id}}</code>.</p>
<form method="post" action="/admin/product/{{id}}"><input name="price" value="{{price}}" pattern="[0-9]{1,5}([.][0-9]{1,2})?" required aria-label="Price">
<button>Save</button></form></div>)";

}  // namespace

std::string Pages::frame(std::string_view title, std::string_view main, const Making& making) const {
  std::string links;
  for (const Category& category : catalog_.categories()) {
    if (category.id > 5) break;                    // the others are on the home page
    links += render(R"(<a href="/category/{{slug}}">{{name}}</a>)", {{"slug", category.slug}, {"name", category.name}});
  }
  return render(kFrame, {{"title", title},
                         {"style", assets_.style()},
                         {"script", assets_.script()},
                         {"links", links},
                         {"main", main},
                         {"clock", making.clock},
                         {"ms", std::to_string(making.milliseconds)},
                         {"queries", fmt::format("{} {}", making.queries, making.queries == 1 ? "query" : "queries")}});
}

std::string Pages::cards(const std::vector<const Product*>& products) const {
  std::string out;
  for (const Product* product : products) {
    out += render(kCard, {{"id", std::to_string(product->id)},
                          {"name", product->name},
                          {"material", product->material},
                          {"price", price_text(catalog_.offer(product->id).cents)}});
  }
  return out;
}

std::string Pages::home(const std::vector<const Product*>& featured, const Making& making) const {
  std::string tiles;
  for (const Category& category : catalog_.categories()) {
    const int first = (category.id - 1) * Catalog::kProductsEach + 1;
    tiles += render(kTile, {{"slug", category.slug}, {"id", std::to_string(first)}, {"name", category.name}});
  }
  return frame("Things worth keeping",
               render(kHome, {{"banner", assets_.banner(0)}, {"tiles", tiles}, {"cards", cards(featured)}}), making);
}

std::string Pages::category(const Category& category, int page, const Making& making) const {
  const int last = catalog_.page_count(category.id);
  std::string pages;
  for (int i = 1; i <= last; ++i) {
    pages += render(i == page ? "<b>{{page}}</b>" : R"(<a href="/category/{{slug}}?page={{page}}">{{page}}</a>)",
                    {{"slug", category.slug}, {"page", std::to_string(i)}});
  }
  return frame(category.name,
               render(kCategory, {{"banner", assets_.banner(category.id)},
                                  {"name", category.name},
                                  {"line", category.line},
                                  {"cards", cards(catalog_.page(category.id, page))},
                                  {"pages", pages}}),
               making);
}

std::string Pages::product(const Product& product, const Making& making) const {
  const Category& category = catalog_.category_of(product);
  std::string reviews;
  for (std::size_t i = 0; i < 3; ++i) {
    const Review& review = kReviews[(static_cast<std::size_t>(product.id) + i * 2) % std::size(kReviews)];
    reviews += render(kReview, {{"title", review.title}, {"text", review.text}, {"who", review.who}});
  }
  return frame(product.name,
               render(kProduct, {{"slug", category.slug},
                                 {"category", category.name},
                                 {"id", std::to_string(product.id)},
                                 {"name", product.name},
                                 {"text", product.text},
                                 {"material", product.material},
                                 {"origin", product.origin},
                                 {"price", price_text(catalog_.offer(product.id).cents)},
                                 {"reviews", reviews},
                                 {"cards", cards(catalog_.companions(product))},
                                 {"json_name", escape_json(product.name)},
                                 {"json_text", escape_json(product.text)},
                                 {"json_material", escape_json(product.material)},
                                 {"json_category", escape_json(category.name)}}),
               making);
}

std::string Pages::search(std::string_view words, const std::vector<const Product*>& found, const Making& making) const {
  const std::string body = render(
      R"(<h1>“{{words}}”</h1><p class="muted">{{count}} found</p><div class="grid">{{{cards}}}</div>)",
      {{"words", words}, {"count", std::to_string(found.size())}, {"cards", cards(found)}});
  return frame("Search", body, making);
}

std::string Pages::basket(const Session& session, const Making& making) const {
  std::string lines;
  int total = 0;
  for (const auto& [id, count] : session.basket) {
    const int cents = catalog_.offer(id).cents;
    total += cents * count;
    lines += render(kBasketLine, {{"id", std::to_string(id)},
                                  {"name", catalog_.product(id)->name},
                                  {"count", std::to_string(count)},
                                  {"price", price_text(cents)},
                                  {"sum", price_text(cents * count)}});
  }
  if (lines.empty()) {
    return frame("Basket", R"(<h1>Your basket</h1><div class="panel"><p>Nothing in it yet.</p><a class="button" href="/">Look around</a></div>)",
                 making);
  }
  const std::string body =
      render(R"(<h1>Your basket</h1><div class="panel"><table>{{{lines}}}</table><p class="price">Together € {{total}}</p></div>)",
             {{"lines", lines}, {"total", price_text(total)}});
  return frame("Basket", body, making);
}

std::string Pages::account(const Session& session, const Making& making) const {
  const std::string items = std::to_string(session.items());
  const std::string body =
      session.name.empty() ? std::string(kSignIn) : render(kSignedIn, {{"name", session.name}, {"items", items}});
  return frame("Account", body, making);
}

std::string Pages::admin(const Product& product, std::string_view note, const Making& making) const {
  const std::string shown = note.empty() ? "" : render(R"(<p class="note">{{note}}</p>)", {{"note", note}});
  return frame("Change a price",
               render(kAdmin, {{"id", std::to_string(product.id)},
                               {"name", product.name},
                               {"price", price_text(catalog_.offer(product.id).cents)},
                               {"note", shown}}),
               making);
}

std::string Pages::message(std::string_view title, std::string_view text, const Making& making) const {
  return frame(title,
               render(R"(<h1>{{title}}</h1><div class="panel"><p>{{text}}</p><a class="button" href="/">To the shop</a></div>)",
                      {{"title", title}, {"text", text}}),
               making);
}

std::string Pages::sitemap(std::string_view base) const {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n";
  const auto add = [&](std::string_view path) {
    out += render("<url><loc>{{base}}{{path}}</loc></url>\n", {{"base", base}, {"path", path}});
  };
  add("/");
  for (const Category& category : catalog_.categories()) {
    const int last = catalog_.page_count(category.id);
    for (int page = 1; page <= last; ++page) {
      add(page == 1 ? fmt::format("/category/{}", category.slug) : fmt::format("/category/{}?page={}", category.slug, page));
    }
  }
  for (const Product& product : catalog_.products()) add(fmt::format("/product/{}", product.id));
  return out + "</urlset>\n";
}

}  // namespace demo
