// core/net/frame_pool.h: memory for coroutine frames. A request that asks its origin makes about ten frames of up to 2 KiB, and
// gives them back soon: each thread keeps some of each size instead of asking the general allocator, which keeps few of small
// sizes and merges and cuts the larger ones anew each time.
//     static void* operator new(std::size_t bytes) { return frame_pool::take(bytes); }      // of a promise
// Bound   kKeptBytes for each thread; what is above goes to the general allocator. So does everything under AddressSanitizer,
//         which otherwise could not see a frame that is used after its end.
// Thread  any; a frame may be given back on another thread than it was taken on.
#pragma once
#include <cstddef>

namespace davenport::net::frame_pool {

inline constexpr std::size_t kKeptBytes = 1 << 20;

void* take(std::size_t bytes);
void give_back(void* frame, std::size_t bytes);

}  // namespace davenport::net::frame_pool
