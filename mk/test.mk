# SPDX-License-Identifier: Apache-2.0
# Everything that checks: unit tests, lint, fuzzing, system tests, figures.

FUZZ_SECONDS := 60
SIZE_LIMIT := 8388608
TEST_SRC := $(filter-out $(STUBS) init/main.c,$(SRC))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -U_FORTIFY_SOURCE
# System tests leave nothing behind in the repository; the slowest are named.
PYTEST := $(PYTHON) -m pytest -p no:cacheprovider -q --durations=15 tests/system

.PHONY: test unit-test lint native-test system-test fuzz bench bench-boot
test: unit-test lint system-test ## unit tests, lint, system tests native and in QEMU

# Tests are dynamic programs (the sanitizers want that): system libraries shared, those of build/deps static.
$(eval $(call compile_rules,$(BUILD)/san,$(SANITIZE)))
$(BUILD)/san/libhull.a: $(call objects,$(BUILD)/san,$(TEST_SRC))
	rm -f $@
	ar rcD $@ $^

$(BUILD)/tests/test_%: $(BUILD)/san/tests/unit/test_%.o $(BUILD)/san/libhull.a
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -L$(DEPS)/lib -o $@ $^ -lcmocka -Wl,--start-group $(LIBS) -Wl,--end-group

.SECONDARY:
.PHONY: $(UNIT_TESTS:$(BUILD)/tests/%=unit-%)
$(UNIT_TESTS:$(BUILD)/tests/%=unit-%): unit-%: $(BUILD)/tests/%
	@timeout 120 $< >$<.log 2>&1 && echo "  OK $<" || { cat $<.log; echo "  FAILED $<"; exit 1; }

unit-test: $(UNIT_TESTS:$(BUILD)/tests/%=unit-%) ## cmocka, with address and undefined-behaviour sanitizers

# The whole program is built for the fuzzers with coverage, so that they see into what they call.
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -O1 -U_FORTIFY_SOURCE
$(BUILD)/fuzz/obj/libhull.a $(FUZZERS): CC := clang
$(eval $(call compile_rules,$(BUILD)/fuzz/obj,$(FUZZ_FLAGS)))
$(BUILD)/fuzz/obj/libhull.a: $(call objects,$(BUILD)/fuzz/obj,$(TEST_SRC))
	rm -f $@
	ar rcD $@ $^

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(BUILD)/fuzz/obj/libhull.a
	$(CC) -fsanitize=fuzzer,address,undefined -L$(DEPS)/lib -o $@ $^ -Wl,--start-group $(LIBS) -Wl,--end-group

# What a fuzzer finds new stays in build/fuzz/corpus; a crash stops the run and leaves its input there.
.PHONY: $(FUZZERS:$(BUILD)/fuzz/%=run-%)
$(FUZZERS:$(BUILD)/fuzz/%=run-%): run-fuzz_%: $(BUILD)/fuzz/fuzz_%
	@mkdir -p $(BUILD)/fuzz/corpus/$* $(BUILD)/fuzz/crashes
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(BUILD)/fuzz/crashes/$*- $(BUILD)/fuzz/corpus/$* $(wildcard tests/fuzz/corpus/$*)

fuzz: $(FUZZERS:$(BUILD)/fuzz/%=run-%) ## each fuzz target for FUZZ_SECONDS (60)

lint: $(OUT)/hull ## clang's warnings, and what may not be in the binary
	$(MAKE) --no-print-directory CC=clang OUT=$(BUILD)/clang $(BUILD)/clang/hull
	$(PYTHON) mk/lint.py $(OUT)/hull $(SIZE_LIMIT)
	$(PYTHON) mk/lint.py $(BUILD)/clang/hull $(SIZE_LIMIT)

SYSTEM_NEEDS := $(OUT)/hull $(OUT)/hull-faults $(BUILD)/hull.disk $(BUILD)/hull-faults.disk \
	$(BUILD)/hull-amd64.disk $(BUILD)/images/busybox.tar
native-test: $(SYSTEM_NEEDS) ## system tests in namespaces of this machine
	$(PYTEST) -m 'not qemu'

system-test: $(SYSTEM_NEEDS) ## all system tests
	$(PYTEST)

bench: bench-boot ## figures, as a table and in build/bench/NAME.json
bench-boot: $(OUT)/hull $(BUILD)/hull.disk ## boot time, memory and sizes beside Debian with systemd (BENCH_RUNS=3)
	@mkdir -p $(BUILD)/bench
	$(PYTHON) tests/bench/boot.py
