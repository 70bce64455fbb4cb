// docker/demo/pictures.h: the shop's pictures, drawn by arithmetic. PURE: the same bytes at every start.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "docker/demo/catalog.h"

namespace demo {

// A product before a soft background; shape by category, colours and proportions by the product.
std::string product_svg(const Product& product, const Category& category);

// A band of overlapping hills in the hue's colours, as a PNG of `width` × `height`.
std::string banner_png(int hue, int width, int height);

std::string favicon_svg();

// Pixels of a palette as a PNG (ISO/IEC 15948) with stored deflate blocks (RFC 1951 §3.2.4): nothing is compressed.
// `palette`: 0xRRGGBB, at most 256; pixels: width * height indices into it.
std::string encode_png(int width, int height, const std::vector<std::uint32_t>& palette, std::string_view pixels);

}  // namespace demo
