#include "docker/demo/catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "docker/demo/text.h"

namespace demo {
namespace {

constexpr std::string_view kAdjectives[] = {"Aldwych", "Bramble", "Copper",  "Dunmore",  "Ember", "Fjord",
                                            "Garnet",  "Harbour", "Ivory",   "Juniper",  "Kestrel", "Larch",
                                            "Meadow",  "Northern", "Oakham", "Pebble",   "Quarry", "Rowan",
                                            "Saffron", "Thistle",  "Umber",  "Verdant",  "Willow", "Yarrow"};
constexpr std::string_view kNouns[Catalog::kCategories][6] = {
    {"Mug", "Pour-over Cup", "Espresso Cup", "Travel Cup", "Latte Bowl", "Tasting Cup"},
    {"Teapot", "Brewing Pot", "Cast Kettle", "Side-handle Pot", "Travel Pot", "Iced-tea Pot"},
    {"Saucepan", "Stew Pot", "Sauté Pan", "Stock Pot", "Milk Pan", "Braising Pot"},
    {"Notebook", "Sketchbook", "Planner", "Ledger", "Pocket Journal", "Music Book"},
    {"Fern", "Rubber Plant", "Monstera", "Snake Plant", "Olive Tree", "Fig"},
    {"Table Lamp", "Reading Lamp", "Bedside Lamp", "Desk Lamp", "Porch Lamp", "Studio Lamp"},
    {"Two-person Tent", "Trail Tent", "Family Tent", "Beach Shelter", "Bivouac", "Winter Tent"},
    {"Headphones", "Studio Headphones", "Travel Headphones", "Monitor Headphones", "Listening Set", "DJ Headphones"}};
constexpr std::string_view kMaterials[Catalog::kCategories][4] = {
    {"stoneware", "porcelain", "enamelled steel", "borosilicate glass"},
    {"cast iron", "stoneware", "glass", "bone china"},
    {"copper", "carbon steel", "enamelled iron", "stainless steel"},
    {"linen and cotton paper", "recycled card", "waxed cloth", "buckram"},
    {"terracotta pot", "glazed pot", "woven basket", "zinc planter"},
    {"brass and linen", "powder-coated steel", "oak and paper", "smoked glass"},
    {"ripstop nylon", "cotton canvas", "recycled polyester", "silnylon"},
    {"walnut and wool", "aluminium", "bio-based plastic", "magnesium"}};
constexpr std::string_view kPlaces[] = {"Stoke-on-Trent", "Porto", "Gothenburg", "Kyoto", "Ghent", "Jaipur", "Bergamo", "Riga"};
constexpr std::string_view kSentences[] = {
    "Made in small numbers by people who use it themselves.",
    "The shape took eleven tries; the twelfth is the one you see.",
    "It will look better in ten years than it does today.",
    "Nothing on it that has no work to do.",
    "Repairable, with spare parts kept for twenty years.",
    "A quiet thing for a loud day."};

template <std::size_t N>
std::string_view choose(const std::string_view (&list)[N], std::uint64_t seed) {
  return list[seed % N];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace

Catalog::Catalog(std::time_t now)
    : categories_{{1, "coffee", "Coffee", "Cups that keep the morning warm.", 22},
                  {2, "tea", "Tea", "Pots for one, for two, and for the whole street.", 158},
                  {3, "kitchen", "Kitchen", "Pans that outlive their recipes.", 8},
                  {4, "paper", "Paper", "For thoughts that deserve ink.", 232},
                  {5, "plants", "Plants", "Green company, easy to keep.", 128},
                  {6, "lighting", "Lighting", "Light where you read, shade where you rest.", 44},
                  {7, "outdoors", "Outdoors", "Shelter that fits on a back.", 198},
                  {8, "audio", "Audio", "Hear the room, or nothing of it.", 276}} {
  for (const Category& category : categories_) {
    const auto row = static_cast<std::size_t>(category.id - 1);
    for (int i = 0; i < kProductsEach; ++i) {
      const int id = static_cast<int>(products_.size()) + 1;
      const std::uint64_t seed = hash_of(fmt::format("product {}", id));
      Product product{id, category.id, {}, {}, {}, {}};
      // 24 adjectives against 6 nouns: within a category no name comes twice.
      product.name = fmt::format("{} {}", kAdjectives[static_cast<std::size_t>((i + category.id * 5) % 24)],
                                 kNouns[row][static_cast<std::size_t>((i / 24 + i) % 6)]);
      product.material = choose(kMaterials[row], seed >> 8);
      product.origin = choose(kPlaces, seed >> 16);
      const std::uint64_t first = (seed >> 24) % 6;
      product.text = fmt::format("{} {}", kSentences[first], kSentences[(first + 1 + (seed >> 32) % 5) % 6]);
      products_.push_back(std::move(product));
      offers_.push_back({static_cast<int>(900 + seed % 180 * 50 + 49 + (seed >> 40) % 2 * 41), 0, now});
    }
  }
}

const Category* Catalog::category(std::string_view slug) const {
  const auto found = std::find_if(categories_.begin(), categories_.end(), [&](const auto& c) { return c.slug == slug; });
  return found == categories_.end() ? nullptr : &*found;
}

const Category& Catalog::category_of(const Product& product) const {
  return categories_[static_cast<std::size_t>(product.category - 1)];
}

const Product* Catalog::product(int id) const {
  if (id < 1 || id > static_cast<int>(products_.size())) return nullptr;
  return &products_[static_cast<std::size_t>(id - 1)];
}

std::vector<const Product*> Catalog::of_category(int id) const {
  std::vector<const Product*> found;
  for (const Product& product : products_) {
    if (product.category == id) found.push_back(&product);
  }
  return found;
}

int Catalog::page_count(int category) const {
  const auto count = static_cast<int>(of_category(category).size());
  return std::max(1, (count + kPageSize - 1) / kPageSize);
}

std::vector<const Product*> Catalog::page(int category, int page) const {
  const auto all = of_category(category);
  const auto begin = all.begin() + std::min<std::ptrdiff_t>((page - 1) * kPageSize, std::ssize(all));
  return {begin, begin + std::min<std::ptrdiff_t>(kPageSize, all.end() - begin)};
}

std::vector<const Product*> Catalog::companions(const Product& product) const {
  const auto all = of_category(product.category);
  std::vector<const Product*> others;
  for (std::size_t i = 1; i <= 4; ++i) others.push_back(all[(static_cast<std::size_t>(product.id) + i * 5) % all.size()]);
  return others;
}

std::vector<const Product*> Catalog::featured() const {
  std::vector<const Product*> chosen;
  for (int i = 0; i < 12; ++i) chosen.push_back(product(1 + (i * 67 + 16) % static_cast<int>(products_.size())));
  return chosen;
}

std::vector<const Product*> Catalog::search(std::string_view words, std::size_t max) const {
  std::vector<std::string> wanted;
  std::string word;
  for (const char c : lower(words) + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty() && wanted.size() < 8) {
      wanted.push_back(std::move(word));
      word.clear();
    }
  }
  std::vector<const Product*> found;
  if (wanted.empty()) return found;
  for (const Product& product : products_) {
    if (found.size() == max) break;
    const std::string text = lower(fmt::format("{} {} {} {} {}", product.name, product.text, product.material,
                                               product.origin, category_of(product).name));
    const bool all = std::all_of(wanted.begin(), wanted.end(),
                                 [&](const auto& each) { return text.find(each) != std::string::npos; });
    if (all) found.push_back(&product);
  }
  return found;
}

Offer Catalog::offer(int product) const {
  const std::lock_guard lock(mutex_);
  return offers_.at(static_cast<std::size_t>(product - 1));
}

void Catalog::set_price(int product, int cents, std::time_t now) {
  const std::lock_guard lock(mutex_);
  Offer& offer = offers_.at(static_cast<std::size_t>(product - 1));
  offer = {cents, offer.revision + 1, std::max(now, offer.updated)};
}

Offer Catalog::newest(const std::vector<const Product*>& products) const {
  const std::lock_guard lock(mutex_);
  Offer all;
  for (const Product* product : products) {
    const Offer& offer = offers_[static_cast<std::size_t>(product->id - 1)];
    all.revision += offer.revision;
    all.updated = std::max(all.updated, offer.updated);
  }
  return all;
}

int Catalog::stock(int product, std::time_t now) {
  return static_cast<int>(hash_of(fmt::format("{}@{}", product, now / 10)) % 24);
}

}  // namespace demo
