# The chores of this house, one command each. `make` alone lists them.
# Texts after two #s are what `make help` prints.
BUILD_DIR ?= build
BUILD_TYPE ?= Release
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help run build test clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z][a-z0-9_-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start a demo shop with Davenport before it, and say what to try; Ctrl-C ends both
	@docker/demo/run.sh

build: ## compile everything into build/
	@cmake -S . -B $(BUILD_DIR) -G Ninja -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) --log-level=WARNING
	@cmake --build $(BUILD_DIR) --parallel $(JOBS)

test: build ## compile everything and run all tests
	@ctest --test-dir $(BUILD_DIR) --output-on-failure --parallel $(JOBS)

clean: ## remove build/
	@rm -rf $(BUILD_DIR)
