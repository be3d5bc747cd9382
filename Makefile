# SPDX-License-Identifier: Apache-2.0
# Hull: one static binary and the images that carry it. `make help` lists the targets. Set-up happens by itself: Debian
# packages (mk/packages.txt) and the static libraries that Debian lacks (mk/deps.sh) are there after the first run.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CC := gcc
PYTHON := /usr/bin/python3
BUILD := build
OUT := $(BUILD)
DEPS := $(BUILD)/deps
PREFIX := /usr

VERSION := 0.1.0
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1)
export PYTHONDONTWRITEBYTECODE := 1
export TZ := UTC
export LC_ALL := C.UTF-8

include mk/binary.mk
include mk/image.mk
include mk/test.mk

.PHONY: all install clean help
all: $(OUT)/hull ## the binary, build/hull

install: $(OUT)/hull ## the binary, its man pages and completion, below DESTDIR
	install -D -m 0755 $(OUT)/hull $(DESTDIR)$(PREFIX)/bin/hull
	for page in docs/man/*.[1-8]; do \
		[ ! -e $$page ] || install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(OUT)/hull completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/hull

clean: ## what was built, except the libraries, the downloads and the keys
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name deps ! -name apt ! -name kernel ! -name debs ! -name '.packages' \
		-exec rm -rf {} + 2>/dev/null || true

help: ## this list
	@sed -n -E 's/^([a-z][a-z -]*):[^#]*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'
	@echo "Variables: CC=clang, KERNEL_PACKAGE, RELEASE=1 SIGN_KEY= SIGN_CERT=, FUZZ_SECONDS, DESTDIR, PREFIX."
