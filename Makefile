# Short verbs for people; each does the set-up it needs. `make help` lists them.
.DEFAULT_GOAL := all
SHELL := /bin/bash
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: all plugin help setup test test-long fuzz bench lint images demo demo-down cluster cluster-down clean
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: ## install missing Debian packages
	@tests/setup/install-packages

all: setup ## the release binaries, in build/bin/
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target holdfast-operator holdfast-mover -j $(JOBS)
	@ls -l build/bin/

plugin: setup ## kubectl holdfast, installed below PREFIX=/usr/local
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target kubectl-holdfast -j $(JOBS)
	@cmake --install build/release --component plugin --prefix $(PREFIX)

images: all ## the two images, in build/images/
	@helm/images/build

test: ## every test: unit, contract, integration, end to end
	@tests/run

test-long: ## the tests that take their time
	@tests/run --long

fuzz: ## five minutes of libFuzzer for every parser of outside bytes; FUZZ_SECONDS=300
	@tests/fuzz/run

bench: ## speed and memory; BENCH=engine against other programs, =index large repository, =operator, =restore, =micro by stages
	@tests/bench/run $(BENCH)

lint: setup ## formatting and clang-tidy
	@tests/lint

demo: ## a database on a real Kubernetes, backed up, destroyed and restored
	@tests/demo/demo

demo-down: ## removes everything the demo made
	@tests/demo/demo down

cluster: setup ## a Kubernetes to try things on; KUBECONFIG=$$(tests/cluster/cluster kubeconfig)
	@tests/cluster/cluster up

cluster-down: ## removes it
	@tests/cluster/cluster down

clean: ## the build folder
	@rm -rf build
