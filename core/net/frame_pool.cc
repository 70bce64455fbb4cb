#include "core/net/frame_pool.h"

#include <array>
#include <new>

namespace davenport::net::frame_pool {
namespace {

constexpr std::size_t kStep = 16, kClasses = 256;      // malloc's own grain; sizes up to 4 KiB

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif

struct Free {
  Free* next;
};

struct Shelf {
  std::array<Free*, kClasses> classes{};
  std::size_t bytes = 0;
};

// Trivially destroyed, so that frames which end with their thread's last objects still find it; Ending empties it before.
constinit thread_local Shelf shelf;
constinit thread_local bool ended = false;

struct Ending {
  ~Ending() {
    ended = true;
    for (Free*& first : shelf.classes) {
      while (first != nullptr) {
        Free* const frame = first;
        first = frame->next;
        ::operator delete(frame);
      }
    }
  }
};

}  // namespace

void* take(std::size_t bytes) {
  const std::size_t size_class = (bytes + kStep - 1) / kStep;
  if (!kKeeps || size_class >= kClasses) return ::operator new(bytes);
  Free*& first = shelf.classes[size_class];
  if (first == nullptr) return ::operator new(size_class * kStep);
  Free* const frame = first;
  first = frame->next;
  shelf.bytes -= size_class * kStep;
  return frame;
}

void give_back(void* frame, std::size_t bytes) {
  const std::size_t size_class = (bytes + kStep - 1) / kStep;
  if (!kKeeps || size_class >= kClasses || ended || shelf.bytes + size_class * kStep > kKeptBytes) {
    ::operator delete(frame);
    return;
  }
  thread_local const Ending ending;                    // made by the first frame of this thread
  static_cast<void>(&ending);
  auto* const free = static_cast<Free*>(frame);
  free->next = shelf.classes[size_class];
  shelf.classes[size_class] = free;
  shelf.bytes += size_class * kStep;
}

}  // namespace davenport::net::frame_pool
