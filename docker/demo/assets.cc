#include "docker/demo/assets.h"

#include <fmt/format.h>

#include "docker/demo/pictures.h"
#include "docker/demo/text.h"

namespace demo {
namespace {

constexpr std::string_view kStyle = R"css(:root{--ink:#1d2b28;--soft:#5d6f6a;--line:#e3e7e2;--paper:#fbfaf6;--card:#fff;--brand:#1f3d36;--gold:#c98a1b;--round:18px}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;min-height:100vh;display:flex;flex-direction:column}
a{color:inherit;text-decoration:none}
img{max-width:100%;height:auto}
h1,h2{font-family:Georgia,"Times New Roman",serif;font-weight:600;line-height:1.15;letter-spacing:-.01em}
h1{font-size:clamp(2rem,5vw,3.2rem);margin:.2em 0}
h2{font-size:1.6rem;margin:2.2rem 0 1rem}
main{width:min(1180px,100% - 2.5rem);margin:0 auto;flex:1;padding-bottom:3rem}
.top{position:sticky;top:0;z-index:5;background:rgba(251,250,246,.92);backdrop-filter:blur(8px);border-bottom:1px solid var(--line)}
.top>div{width:min(1180px,100% - 2.5rem);margin:0 auto;display:flex;gap:1.2rem;align-items:center;padding:.8rem 0;flex-wrap:wrap}
.brand{display:flex;gap:.6rem;align-items:center;font:600 1.25rem Georgia,serif}
.brand img{width:34px;height:34px}
.search{flex:1;min-width:180px}
input{font:inherit;padding:.55rem 1rem;border:1px solid var(--line);border-radius:99px;background:var(--card);color:inherit}
.search input{width:100%}
.top nav{display:flex;gap:1.1rem;color:var(--soft);font-size:.95rem}
.top nav a:hover{color:var(--ink)}
.badge{display:inline-block;min-width:1.4em;padding:0 .4em;border-radius:99px;background:var(--gold);color:#fff;font-size:.78rem;text-align:center}
.badge:empty{display:none}
.hero{margin:1.6rem 0;border-radius:28px;padding:clamp(2rem,7vw,5rem) clamp(1.5rem,5vw,4rem);background-size:cover;background-position:center;min-height:300px;display:flex;flex-direction:column;justify-content:flex-start}
.hero p{max-width:34rem;font-size:1.15rem;margin:.4rem 0 1.4rem}
.hero.small{min-height:210px;padding-block:2.2rem}
.button,button{display:inline-block;font:600 1rem/1 system-ui,sans-serif;padding:.85rem 1.5rem;border:0;border-radius:99px;background:var(--brand);color:#fff;cursor:pointer;transition:transform .15s,background .15s}
.button:hover,button:hover{background:#2c574d;transform:translateY(-1px)}
button.quiet{background:none;color:var(--soft);padding:.4rem .8rem;border:1px solid var(--line)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:.9rem}
.tiles a{background:var(--card);border:1px solid var(--line);border-radius:var(--round);padding:.9rem;text-align:center;font-weight:600}
.tiles img{width:100%;border-radius:12px;display:block;margin-bottom:.6rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:1.3rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:var(--round);overflow:hidden;transition:transform .18s,box-shadow .18s;display:flex;flex-direction:column}
.card:hover,.tiles a:hover{transform:translateY(-3px);box-shadow:0 14px 34px rgba(29,43,40,.11)}
.card img{width:100%;aspect-ratio:1;display:block}
.card div{padding:.9rem 1.1rem 1.1rem}
.card small,.muted{color:var(--soft)}
.card b{display:block;font-weight:600;line-height:1.3}
.price{font:600 1.1rem Georgia,serif;color:var(--brand)}
.product{display:grid;grid-template-columns:minmax(0,1.1fr) minmax(0,1fr);gap:clamp(1.5rem,5vw,4rem);margin-top:1.4rem;align-items:start}
.product>img{width:100%;border-radius:28px}
.product .price{font-size:2rem}
.product form{display:flex;gap:.8rem;margin:1.4rem 0}
.product input[type=number]{width:5.5rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1.4rem;border-top:1px solid var(--line);padding-top:1rem}
dt{color:var(--soft)}dd{margin:0}
.told{display:grid;grid-template-columns:minmax(0,1.1fr) minmax(0,1fr);gap:0 clamp(1.5rem,5vw,4rem)}
main>h1:first-child{margin-top:1.6rem}
.review{border-bottom:1px solid var(--line);padding:.7rem .4rem}
.review p{margin:.3rem 0 0}
.crumbs{color:var(--soft);font-size:.9rem;margin-top:1.2rem}
.pages{display:flex;gap:.5rem;justify-content:center;margin-top:2rem}
.pages a,.pages b{padding:.4rem .95rem;border-radius:99px;border:1px solid var(--line);background:var(--card)}
.pages b{background:var(--brand);color:#fff}
.panel{background:var(--card);border:1px solid var(--line);border-radius:var(--round);padding:1.6rem;margin-top:1.2rem;max-width:760px}
table{border-collapse:collapse;width:100%}
td{padding:.7rem .4rem;border-bottom:1px solid var(--line)}
td img{width:56px;border-radius:10px;display:block}
td:last-child{text-align:right}
.note{padding:.7rem 1.1rem;border-radius:12px;background:#e8f3ec;border:1px solid #c9e3d2}
.facts{border-top:1px solid var(--line);background:#f3f2ec;color:var(--soft);font-size:.86rem}
.facts>div{width:min(1180px,100% - 2.5rem);margin:0 auto;padding:1rem 0;display:flex;gap:.5rem 1.6rem;flex-wrap:wrap;align-items:center}
.cache{font:600 .84rem ui-monospace,Menlo,Consolas,monospace;padding:.25rem .8rem;border-radius:99px;background:#dfe3de;color:var(--ink)}
.cache.hit{background:#cdebd6;color:#12502c}
.cache.miss{background:#fbe3bd;color:#6b4300}
@media(max-width:720px){.product,.told{grid-template-columns:1fr}.top nav{width:100%;overflow-x:auto}}
@media(prefers-reduced-motion:reduce){*{transition:none!important}}
)css";

// The page is shared by all; what belongs to one visitor, or changes by the second, is asked for here.
constexpr std::string_view kScript = R"js('use strict';
const show = (selector, text) => document.querySelectorAll(selector).forEach(e => { e.textContent = text; });
const json = url => fetch(url).then(r => r.ok ? r.json() : Promise.reject(new Error(r.status)));

// "davenport; hit; ttl=12" (RFC 9211): the last member is the cache nearest to the browser.
function describe(headers) {
  const status = headers.get('cache-status');
  const age = headers.get('age');
  if (!status) return ['', 'no cache in between'];
  const parts = status.split(',').pop().split(';').map(p => p.trim());
  const value = name => (parts.find(p => p.startsWith(name + '=')) || '').slice(name.length + 1).replace(/"/g, '');
  const hit = parts.includes('hit');
  let text = hit ? 'hit' : 'miss' + (value('fwd') ? ' (' + value('fwd') + ')' : '');
  if (age !== null) text += ', age ' + age + ' s';
  if (value('ttl')) text += ', fresh for ' + value('ttl') + ' s';
  if (value('detail')) text += ', ' + value('detail');
  return [hit ? 'hit' : 'miss', text];
}

async function footer() {
  const response = await fetch(location.href, { method: 'HEAD' });
  const [kind, text] = describe(response.headers);
  const badge = document.querySelector('.cache');
  badge.textContent = 'cache: ' + text;
  if (kind) badge.classList.add(kind);
  const asked = performance.getEntriesByName(location.href).filter(e => e.initiatorType === 'fetch').pop();
  if (asked && asked.responseStart) show('#took', 'asked again in ' + (asked.responseStart - asked.requestStart).toFixed(1) + ' ms');
}

addEventListener('load', () => footer().catch(() => show('.cache', 'cache: not reached')));
json('/api/basket').then(b => show('.badge', b.items || '')).catch(() => {});
const product = document.querySelector('[data-product]');
if (product) {
  const id = product.dataset.product;
  json('/api/stock/' + id).then(s => show('#stock', s.stock ? s.stock + ' in stock' : 'sold out, back soon')).catch(() => {});
  json('/api/price/' + id).then(p => show('#price', '€ ' + p.price)).catch(() => {});
}
)js";

}  // namespace

Assets::Assets(const Catalog& catalog) {
  style_ = add("shop", "css", "text/css; charset=utf-8", std::string(kStyle));
  script_ = add("shop", "js", "text/javascript; charset=utf-8", std::string(kScript));
  banners_[0] = add("banner-home", "png", "image/png", banner_png(150, 1180, 380));
  for (const Category& category : catalog.categories()) {
    banners_[category.id] =
        add(fmt::format("banner-{}", category.slug), "png", "image/png", banner_png(category.hue, 800, 200));
  }
  const std::string icon = favicon_svg();
  icon_ = {std::make_shared<std::string>(icon), "image/svg+xml", fmt::format("\"{}\"", hex(hash_of(icon)))};
}

std::string Assets::add(std::string_view stem, std::string_view extension, std::string_view type, std::string bytes) {
  const std::string print = hex(hash_of(bytes));
  std::string path = fmt::format("/assets/{}.{}.{}", stem, print, extension);
  files_[path] = {std::make_shared<std::string>(std::move(bytes)), std::string(type), fmt::format("\"{}\"", print)};
  return path;
}

const Asset* Assets::find(std::string_view path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

}  // namespace demo
