# The chores of this house, one command each. `make` alone lists them.
# Texts after two #s are what `make help` prints.
BUILD_DIR ?= build
BUILD_TYPE ?= Release
JOBS ?= $(shell nproc)
SANITIZE ?=

.DEFAULT_GOAL := help
.PHONY: help run build test test-address test-thread try-shop try-django try-wordpress fuzz load-test fleet-test model bench bench-shop bench-redis bench-restart bench-fleet bench-wordpress page-load clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z][a-z0-9_-]*:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start a demo shop with Davenport before it, and say what to try; Ctrl-C ends both
	@docker/demo/run.sh

build: ## compile everything into build/
	@docker/install-packages.sh
	@cmake -S . -B $(BUILD_DIR) -G Ninja -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DDAVENPORT_SANITIZE=$(SANITIZE) --log-level=WARNING
	@cmake --build $(BUILD_DIR) --parallel $(JOBS)

test: build ## compile everything and run all tests
	@ctest --test-dir $(BUILD_DIR) --output-on-failure --parallel $(JOBS)

test-address: ## the same under AddressSanitizer and UBSan, in build-address/ (15 min from nothing, then 2)
	@$(MAKE) --no-print-directory test BUILD_DIR=build-address BUILD_TYPE=RelWithDebInfo SANITIZE=address,undefined

test-thread: ## the same under ThreadSanitizer, in build-thread/ (15 min from nothing, then 2)
	@$(MAKE) --no-print-directory test BUILD_DIR=build-thread BUILD_TYPE=RelWithDebInfo SANITIZE=thread

try-shop: build ## the demo shop in a headless Chromium over TLS and HTTP/2; pictures in build/pictures (20 s)
	@docker/install-packages.sh browser
	@tests/applications/shop/run.py $(BUILD_DIR)

try-django: build ## a Django site behind Davenport: filled, read, edited, frozen, killed (2 min)
	@docker/install-packages.sh django
	@tests/applications/django/run.py $(BUILD_DIR)

try-wordpress: build ## WordPress behind Davenport: installed, read, edited, frozen, killed (4 min)
	@docker/install-packages.sh wordpress
	@tests/applications/wordpress/run.py $(BUILD_DIR)

FUZZ_SECONDS ?= 120
FUZZ_TARGETS ?=
fuzz: ## each fuzz target for FUZZ_SECONDS (120), in build-fuzz/; FUZZ_TARGETS="request uri" for some
	@docker/install-packages.sh fuzz
	@CC=clang-14 CXX=clang++-14 cmake -S . -B build-fuzz -G Ninja -DDAVENPORT_FUZZ=ON -DDAVENPORT_BENCH=OFF \
		-DDAVENPORT_DEMO=OFF --log-level=WARNING
	@cmake --build build-fuzz --target fuzz --parallel $(JOBS)
	@tests/fuzz/run.sh build-fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

LOAD_REQUESTS ?= 200000
load-test: build ## 500 clients, origins that die, purges, reloads: every answer is checked (1 min); LOAD_REQUESTS=5000000 for long
	@docker/install-packages.sh load
	@tests/load/load.py --build $(BUILD_DIR) --clients $(BUILD_DIR)/tests/load_clients --requests $(LOAD_REQUESTS)

FLEET ?=
fleet-test: build ## 3 instances on a Redis Cluster that is killed, hung, emptied, moved, locked, filled and tampered with (2 min)
	@docker/install-packages.sh load
	@tests/load/fleet.py --build $(BUILD_DIR) --clients $(BUILD_DIR)/tests/load_clients $(FLEET)

model: ## the protocol behind purges across instances, by a model checker: what must hold, and what each rule is there for
	@docker/install-packages.sh model
	@tests/model/run.sh

BENCH ?=
bench: build ## beside nginx, HAProxy, Varnish, Traffic Server, h2o and a bare floor (15 min); BENCH="--traces DIR" adds hit ratios
	@docker/install-packages.sh bench
	@python3 bench/compare --build $(BUILD_DIR) --write $(BENCH)

bench-shop: build ## the demo shop alone and behind Davenport under ten times what it can take; writes docs/shop.svg
	@docker/install-packages.sh bench
	@python3 bench/compare --build $(BUILD_DIR) --rows shop --write

page-load: build ## bytes of the demo shop's pages with all that they show, straight and through Davenport (10 s)
	@bench/page_load.py $(BUILD_DIR)

bench-wordpress: build ## WordPress alone and behind Davenport, Varnish and nginx: 40 pages and 10 files (2 min)
	@docker/install-packages.sh wordpress bench
	@tests/applications/wordpress/race.py $(BUILD_DIR) --write

bench-restart: build ## the share of answers from memory after a restart, with and without warming (2 min); writes docs/restart.svg
	@python3 bench/restart.py --build $(BUILD_DIR) --write

bench-redis: build ## a hit from a Redis Cluster beside a bare loop of GETs, and hits in memory with Redis on and off (3 min)
	@python3 bench/redis.py --build $(BUILD_DIR) --write

bench-fleet: build ## 20 instances on a Redis Cluster: how long a purge by tag takes until all have confirmed it (4 min)
	@docker/install-packages.sh load
	@bench/fleet.py --build $(BUILD_DIR) --clients $(BUILD_DIR)/tests/load_clients --write

clean: ## remove build/ and the other build directories
	@rm -rf $(BUILD_DIR) build-address build-thread build-fuzz
