# SPDX-License-Identifier: Apache-2.0
# build/hull, build/hull-faults (the test build that can be told to fault), and what both are made from.

WARN := -Wall -Wextra -Werror
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection -fcf-protection
# No path of the build folder and no time in the output: two folders give the same bytes.
CFLAGS := -std=gnu17 -D_GNU_SOURCE -O2 -g -fPIE $(WARN) $(HARDEN) -ffunction-sections -fdata-sections \
	-fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. -MMD -MP
CPPFLAGS := -I. -isystem $(DEPS)/include
LDFLAGS := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--gc-sections -Wl,-z,pack-relative-relocs -Wl,--build-id=none
LIBS := -lmount -lblkid -luuid -larchive -lcjson -levent -lseccomp -lcap -lssl -lcrypto \
	-lzstd -lz -lpthread -lm

# base/nss_stubs.o comes first: it takes the place of parts of libc.
STUBS := base/nss_stubs.c
SRC := $(STUBS) $(filter-out $(STUBS),$(sort $(wildcard base/*.c initramfs/*.c supervisor/*.c containers/*.c init/*.c \
	init/*/*.c)))
DEP_LIBS := $(patsubst %,$(DEPS)/.%,util-linux cjson libarchive)
objects = $(patsubst %.c,$(1)/%.o,$(2)) $(1)/version.o

# One stamp for all packages; apt is only asked when something is missing.
$(BUILD)/.packages: mk/packages.txt
	mkdir -p $(BUILD)
	missing=$$(comm -23 <(sort -u $<) <(dpkg-query -W -f '$${db:Status-Abbrev} $${Package}\n' | \
		sed -n 's/^ii *//p' | sort -u)); \
	if [ -n "$$missing" ]; then export DEBIAN_FRONTEND=noninteractive; \
		apt-get -q update && apt-get -q -y install --no-install-recommends $$missing; fi
	touch $@

$(BUILD)/.apt: mk/sources.py | $(BUILD)/.packages
	$(PYTHON) mk/sources.py $(BUILD)/apt prepare
	touch $@

$(DEP_LIBS): $(DEPS)/.%: mk/deps.sh | $(BUILD)/.apt
	flock $(BUILD)/.deps.lock sh mk/deps.sh $(BUILD) $*
	touch $@

# The version text changes with each commit; only its own object and the link do.
.PHONY: force
$(BUILD)/version.c: force | $(BUILD)/.packages
	@printf '#include "base/version.h"\nconst char hull_version[] = "%s";\nconst int64_t hull_build_time = %s;\n' '$(VERSION)+$(COMMIT)' $(SOURCE_DATE_EPOCH) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# $(1): folder of objects, $(2): further flags.
define compile_rules
$(1)/%.o: %.c | $(DEP_LIBS)
	@mkdir -p $$(@D)
	@echo '  CC $$<'; $$(CC) $$(CPPFLAGS) $$(CFLAGS) $(2) -c $$< -o $$@
$(1)/version.o: $(BUILD)/version.c
	@mkdir -p $$(@D)
	@echo '  CC $$<'; $$(CC) $$(CPPFLAGS) $$(CFLAGS) $(2) -c $$< -o $$@
$(1)/init/service.o: $$(wildcard init/door/*.varlink)
-include $$(shell find $(1) -name '*.d' 2>/dev/null)
endef
$(eval $(call compile_rules,$(OUT)/obj,))
$(eval $(call compile_rules,$(OUT)/obj-faults,-DHULL_FAULTS))

define link
	@echo "  LD $@"; $(CC) $(CFLAGS) $(LDFLAGS) -L$(DEPS)/lib -o $@.debug $(filter %.o,$^) -Wl,--start-group $(LIBS) -Wl,--end-group
	strip --strip-all -o $@ $@.debug
endef

$(OUT)/hull: $(call objects,$(OUT)/obj,$(SRC))
	$(link)

$(OUT)/hull-faults: $(call objects,$(OUT)/obj-faults,$(SRC))
	$(link)
