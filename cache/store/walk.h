// cache/store/walk.h: the store as the purge sweeper walks it (purge/sweeper.h). The store outlives the function.
#pragma once
#include "cache/purge/sweeper.h"
#include "cache/store/memory_store.h"

namespace davenport::store {

purge::Sweeper::Walk walk_of(MemoryStore& store);

}  // namespace davenport::store
