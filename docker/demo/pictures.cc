#include "docker/demo/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "docker/demo/text.h"

namespace demo {
namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    table[i] = crc;
  }
  return table;
}();

void append_u32(std::string& out, std::uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(number >> shift);
}

void append_chunk(std::string& png, std::string_view type, std::string_view data) {
  append_u32(png, static_cast<std::uint32_t>(data.size()));
  const std::string checked = std::string(type).append(data);
  std::uint32_t crc = ~0u;
  for (const char c : checked) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  png += checked;
  append_u32(png, ~crc);
}

std::string zlib_stored(std::string_view data) {
  std::string out = "\x78\x01";
  std::uint32_t a = 1, b = 0;  // Adler-32 (RFC 1950 §8.2)
  for (const char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  do {
    const std::size_t length = std::min<std::size_t>(data.size(), 65535);
    out += static_cast<char>(length == data.size() ? 1 : 0);
    for (const std::size_t word : {length, ~length & 0xffff}) {
      out += static_cast<char>(word & 0xff);
      out += static_cast<char>(word >> 8);
    }
    out += data.substr(0, length);
    data.remove_prefix(length);
  } while (!data.empty());
  append_u32(out, b << 16 | a);
  return out;
}

std::uint32_t rgb_of(double hue, double saturation, double lightness) {
  const double chroma = saturation * std::min(lightness, 1 - lightness);
  const auto part = [&](double n) {
    const double k = std::fmod(n + hue / 30, 12);
    const double value = lightness - chroma * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
    return static_cast<std::uint32_t>(std::lround(value * 255));
  };
  return part(0) << 16 | part(8) << 8 | part(4);
}

// The things themselves, in a box of 400 × 400; {a}, {b}, {c}: body, shade, accent.
constexpr std::string_view kShapes[Catalog::kCategories] = {
    // cup with steam
    R"svg(<path d="M280 190h30a45 45 0 0 1 0 90h-34" fill="none" stroke="{b}" stroke-width="20"/>
<path d="M110 160h180v100a60 60 0 0 1-60 60h-60a60 60 0 0 1-60-60z" fill="{a}"/>
<path d="M110 160h44v160a60 60 0 0 1-44-60z" fill="{b}" opacity=".45"/><rect x="110" y="205" width="180" height="24" fill="{c}"/>
<g fill="none" stroke="#fff" stroke-width="9" stroke-linecap="round" opacity=".75"><path d="M165 132q-18-22 0-44t0-40"/>
<path d="M205 132q-18-22 0-44t0-40"/><path d="M245 132q-18-22 0-44t0-40"/></g>)svg",
    // teapot
    R"svg(<path d="M140 130q60-90 120 0" fill="none" stroke="{b}" stroke-width="14"/>
<path d="M282 210l70-62 14 18-66 96z" fill="{b}"/><ellipse cx="200" cy="236" rx="104" ry="86" fill="{a}"/>
<path d="M104 205a104 86 0 0 0 60 110q-40-60-10-150-36 10-50 40z" fill="{b}" opacity=".4"/>
<ellipse cx="200" cy="156" rx="62" ry="14" fill="{b}"/><circle cx="200" cy="136" r="13" fill="{c}"/>
<path d="M98 250q102 40 204 0" fill="none" stroke="{c}" stroke-width="10"/>)svg",
    // pot with two handles
    R"svg(<path d="M84 210H60v34h30M316 210h24v34h-30" fill="none" stroke="{b}" stroke-width="16"/>
<path d="M88 180h224v90a50 50 0 0 1-50 50H138a50 50 0 0 1-50-50z" fill="{a}"/>
<path d="M88 180h50v140a50 50 0 0 1-50-50z" fill="{b}" opacity=".4"/><path d="M80 178q120-92 240 0z" fill="{b}"/>
<rect x="74" y="172" width="252" height="18" rx="9" fill="{c}"/><circle cx="200" cy="118" r="15" fill="{c}"/>)svg",
    // notebook
    R"svg(<g transform="rotate(-8 200 200)"><rect x="120" y="86" width="176" height="236" rx="8" fill="#fff"/>
<rect x="112" y="78" width="176" height="236" rx="10" fill="{a}"/><rect x="112" y="78" width="34" height="236" rx="10" fill="{b}"/>
<rect x="172" y="126" width="90" height="46" rx="4" fill="#fff" opacity=".85"/><path d="M182 142h70M182 156h46" stroke="{b}" stroke-width="5"/>
<rect x="262" y="78" width="9" height="236" fill="{c}"/><path d="M210 314v34l10-9 10 9v-34z" fill="{c}"/></g>)svg",
    // plant in a pot
    R"svg(<g fill="#3f8f5c"><path d="M198 250q-96-40-92-140 84 22 92 140z"/><path d="M202 250q-6-120 92-150 6 106-92 150z" fill="#58a972"/>
<path d="M200 250q-50-96 0-190 50 94 0 190z" fill="#2f7a4c"/></g><path d="M200 92v158M122 128q60 50 76 122M280 118q-66 50-78 132" stroke="#fff" stroke-width="3" fill="none" opacity=".35"/>
<path d="M132 240h136l-16 92a16 16 0 0 1-16 14h-72a16 16 0 0 1-16-14z" fill="{a}"/>
<path d="M132 240h40l6 106h-14a16 16 0 0 1-16-14z" fill="{b}" opacity=".4"/><rect x="122" y="230" width="156" height="26" rx="6" fill="{c}"/>)svg",
    // lamp
    R"svg(<path d="M96 214l44-124h120l44 124z" fill="#fff3c4" opacity=".5" transform="translate(0 40) scale(1 1.25)"/>
<rect x="192" y="196" width="16" height="120" fill="{b}"/><ellipse cx="200" cy="322" rx="66" ry="16" fill="{b}"/>
<path d="M104 206l40-116h112l40 116z" fill="{a}"/><path d="M104 206l40-116h30l-24 116z" fill="{b}" opacity=".35"/>
<path d="M104 206h192" stroke="{c}" stroke-width="10"/><path d="M252 206v50" stroke="{c}" stroke-width="4"/><circle cx="252" cy="260" r="7" fill="{c}"/>)svg",
    // tent
    R"svg(<path d="M40 316h320" stroke="{b}" stroke-width="8" stroke-linecap="round"/><path d="M200 96L66 314h268z" fill="{a}"/>
<path d="M200 96L66 314h70z" fill="{b}" opacity=".45"/><path d="M200 150l-52 164h104z" fill="{b}"/><path d="M200 150l-52 164h30z" fill="{c}"/>
<path d="M200 66v32" stroke="{b}" stroke-width="6"/><path d="M200 66l34 11-34 11z" fill="{c}"/><circle cx="318" cy="92" r="26" fill="#fff" opacity=".7"/>)svg",
    // headphones
    R"svg(<path d="M96 240v-36a104 104 0 0 1 208 0v36" fill="none" stroke="{b}" stroke-width="22"/>
<path d="M112 190a92 92 0 0 1 176 0" fill="none" stroke="{c}" stroke-width="8"/><rect x="78" y="212" width="58" height="106" rx="26" fill="{a}"/>
<rect x="264" y="212" width="58" height="106" rx="26" fill="{a}"/><rect x="122" y="222" width="24" height="86" rx="12" fill="{c}"/>
<rect x="254" y="222" width="24" height="86" rx="12" fill="{c}"/><rect x="90" y="230" width="12" height="70" rx="6" fill="#fff" opacity=".35"/>)svg"};

std::string coloured(std::string_view shape, std::string_view a, std::string_view b, std::string_view c) {
  std::string out;
  for (std::size_t at = 0; at < shape.size(); ++at) {
    const bool slot = shape[at] == '{' && at + 2 < shape.size() && shape[at + 2] == '}';
    if (!slot) {
      out += shape[at];
      continue;
    }
    out += shape[at + 1] == 'a' ? a : shape[at + 1] == 'b' ? b : c;
    at += 2;
  }
  return out;
}

}  // namespace

std::string product_svg(const Product& product, const Category& category) {
  const std::uint64_t seed = hash_of(fmt::format("picture {}", product.id));
  const int hue = (category.hue + static_cast<int>(seed % 70) - 35 + 360) % 360;
  const int accent = (hue + 150 + static_cast<int>(seed >> 8) % 60 + 360) % 360;
  const int light = 48 + static_cast<int>(seed >> 16 & 15);
  const int turn = static_cast<int>(seed >> 24 & 7) - 3;
  const double size = 0.88 + static_cast<double>(seed >> 32 & 7) * 0.02;
  const std::string shape =
      coloured(kShapes[static_cast<std::size_t>(category.id - 1)], fmt::format("hsl({} 52% {}%)", hue, light),
               fmt::format("hsl({} 46% {}%)", hue, light - 22), fmt::format("hsl({} 62% 66%)", accent));
  return fmt::format(
      R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img"><title>{0}</title>
<defs><linearGradient id="g" x2="0" y2="1"><stop stop-color="hsl({1} 60% 95%)"/><stop offset="1" stop-color="hsl({1} 45% 84%)"/></linearGradient></defs>
<rect width="400" height="400" fill="url(#g)"/><circle cx="{2}" cy="{3}" r="150" fill="#fff" opacity=".38"/>
<ellipse cx="200" cy="338" rx="130" ry="16" fill="hsl({1} 40% 30%)" opacity=".16"/>
<g transform="translate(200 200) rotate({4}) scale({5:.2f}) translate(-200 -200)">{6}</g></svg>
)svg",
      escape_html(product.name), hue, 140 + (seed >> 40 & 127), 120 + (seed >> 48 & 127), turn, size, shape);
}

std::string favicon_svg() {
  return R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="15" fill="#1f3d36"/>
<path d="M20 15h12a17 17 0 0 1 0 34H20z" fill="none" stroke="#f3c46b" stroke-width="7"/><circle cx="46" cy="47" r="5" fill="#f3c46b"/></svg>
)svg";
}

std::string banner_png(int hue, int width, int height) {
  constexpr int kHills = 5, kShades = 40;
  std::vector<std::uint32_t> palette;
  for (int i = 0; i < kShades; ++i) palette.push_back(rgb_of(hue, 0.55, 0.95 - 0.22 * i / kShades));
  for (int i = 0; i < kHills; ++i) palette.push_back(rgb_of(std::fmod(hue + 8.0 * i, 360), 0.42, 0.66 - 0.1 * i));
  std::string pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), '\0');
  for (int x = 0; x < width; ++x) {
    std::array<int, kHills> tops{};
    for (int i = 0; i < kHills; ++i) {
      const double at = static_cast<double>(x) / width * (3 + i) + i * 1.7 + hue * 0.11;
      const double wave = std::sin(at) * 0.6 + std::sin(at * 2.3 + i) * 0.3;
      tops[static_cast<std::size_t>(i)] = static_cast<int>(height * (0.56 + 0.1 * i - 0.1 * wave));
    }
    for (int y = 0; y < height; ++y) {
      int colour = y * kShades / height;
      for (int i = 0; i < kHills; ++i) {
        if (y >= tops[static_cast<std::size_t>(i)]) colour = kShades + i;
      }
      pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] =
          static_cast<char>(colour);
    }
  }
  return encode_png(width, height, palette, pixels);
}

std::string encode_png(int width, int height, const std::vector<std::uint32_t>& palette, std::string_view pixels) {
  std::string png = "\x89PNG\r\n\x1a\n";
  std::string header;
  append_u32(header, static_cast<std::uint32_t>(width));
  append_u32(header, static_cast<std::uint32_t>(height));
  header += std::string("\x08\x03\0\0\0", 5);  // 8 bits, palette
  append_chunk(png, "IHDR", header);
  std::string colours;
  for (const std::uint32_t rgb : palette) {
    for (const int shift : {16, 8, 0}) colours += static_cast<char>(rgb >> shift);
  }
  append_chunk(png, "PLTE", colours);
  std::string rows;
  for (std::size_t row = 0; row < static_cast<std::size_t>(height); ++row) {
    rows += '\0';  // no filter
    rows += pixels.substr(row * static_cast<std::size_t>(width), static_cast<std::size_t>(width));
  }
  append_chunk(png, "IDAT", zlib_stored(rows));
  append_chunk(png, "IEND", "");
  return png;
}

}  // namespace demo
