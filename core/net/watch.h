// core/net/watch.h: tells a foreign library when its descriptor is ready, level-triggered. The descriptor stays the library's.
//     Watch watch(loop, fd, *this);  watch.want_read(true);
// Owner   whoever holds it; it may be destroyed from within its own call, which then touches it no more.
// Thread  the loop's.
#pragma once
#include "core/net/loop.h"

namespace davenport::net {

class Watched {
 public:
  virtual void readable() = 0;
  virtual void writable() = 0;

 protected:
  ~Watched() = default;
};

class Watch {
 public:
  Watch(Loop& loop, int fd, Watched& watched);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void want_read(bool wanted) { want(read_, reading_, wanted); }
  void want_write(bool wanted) { want(write_, writing_, wanted); }

 private:
  static void on_read(int, short, void* self);
  static void on_write(int, short, void* self);
  static void want(event* which, bool& now, bool wanted);    // idempotent: no system call where nothing changes

  Watched& watched_;
  event* read_;
  event* write_;
  bool reading_ = false, writing_ = false;
};

}  // namespace davenport::net
