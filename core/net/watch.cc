#include "core/net/watch.h"

#include <event2/event.h>

namespace davenport::net {

Watch::Watch(Loop& loop, int fd, Watched& watched)
    : watched_(watched),
      read_(event_new(loop.base(), fd, EV_READ | EV_PERSIST, &Watch::on_read, this)),
      write_(event_new(loop.base(), fd, EV_WRITE | EV_PERSIST, &Watch::on_write, this)) {}

Watch::~Watch() {
  event_free(read_);
  event_free(write_);
}

void Watch::on_read(int, short, void* self) { static_cast<Watch*>(self)->watched_.readable(); }
void Watch::on_write(int, short, void* self) { static_cast<Watch*>(self)->watched_.writable(); }

void Watch::want(event* which, bool& now, bool wanted) {
  if (now == wanted) return;
  now = wanted;
  if (wanted) event_add(which, nullptr);
  else event_del(which);
}

}  // namespace davenport::net
