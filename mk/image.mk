# SPDX-License-Identifier: Apache-2.0
# Kernel, container images, the signed OS image set (build/os) and the bootable disk (build/hull.disk).

KERNEL_PACKAGE := linux-image-cloud-amd64
KERNEL := $(BUILD)/kernel/$(KERNEL_PACKAGE)
RELEASE :=
SIGN_KEY := keys/dev.key
SIGN_CERT := keys/dev.crt
# Certificates that stage 0 trusts: more than one while a key is being replaced.
CERTIFICATES := $(SIGN_CERT)
# What goes into the image set; `faults` is the same with the test build and the modules that tests need.
BINARY := $(OUT)/hull
OS := $(BUILD)/os
OS_FLAGS :=
DISK := $(BUILD)/hull.disk
IMAGE_TOOLS := $(wildcard initramfs/build/*.py) initramfs/modules.list

.PHONY: image run keys-check
image: $(DISK) ## the signed OS image set (build/os) and a bootable disk, build/hull.disk

$(KERNEL)/version: initramfs/build/kernel.py mk/sources.py | $(BUILD)/.apt
	$(PYTHON) initramfs/build/kernel.py $(BUILD) $(KERNEL_PACKAGE) $(KERNEL)

$(BUILD)/images/%.tar: initramfs/build/images/%.json initramfs/build/oci.py | $(BUILD)/.apt
	@mkdir -p $(@D)
	$(PYTHON) initramfs/build/oci.py $(BUILD) $@ $<

keys/dev.crt keys/dev.key &: | $(BUILD)/.packages
	sh initramfs/build/keys.sh keys

# A development key is told by its subject, wherever its file was copied to.
keys-check: $(SIGN_CERT) $(SIGN_KEY) $(CERTIFICATES)
	@[ -z "$(RELEASE)" ] || for cert in $(SIGN_CERT) $(CERTIFICATES); do \
		if openssl x509 -noout -subject -in $$cert | grep -q 'Hull development key'; then \
			echo "RELEASE=1 refuses the development key $$cert: set SIGN_KEY= and SIGN_CERT=" >&2; exit 1; fi; done

# What the image set is made of besides files: a change makes it anew.
$(OS).inputs: force | $(BUILD)/.packages
	@echo '$(VERSION) $(COMMIT) $(SOURCE_DATE_EPOCH) $(KERNEL) $(BINARY) $(SIGN_CERT) $(CERTIFICATES) $(OS_FLAGS)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(OS)/root.hash: $(OS).inputs $(BINARY) $(KERNEL)/version $(IMAGE_TOOLS) $(SIGN_CERT) $(SIGN_KEY) $(CERTIFICATES) | keys-check
	$(PYTHON) initramfs/build/osimage.py --binary $(BINARY) --version '$(VERSION)+$(COMMIT)' --kernel $(KERNEL) \
		--modules initramfs/modules.list --sign-key $(SIGN_KEY) --sign-cert $(SIGN_CERT) \
		$(CERTIFICATES:%=--certificate %) $(OS_FLAGS) --out $(OS)

# The state partition of the disk: the demonstration's image, already in the store, and its unit.
STATE := $(BUILD)/state
$(STATE)/.made: $(OUT)/hull $(BUILD)/images/nginx.tar initramfs/build/demo.json
	rm -rf $(STATE)
	mkdir -p $(STATE)/images $(STATE)/units
	$(OUT)/hull image load --store $(abspath $(STATE))/images $(BUILD)/images/nginx.tar
	cp initramfs/build/demo.json $(STATE)/units/
	touch $@

$(DISK): $(OS)/root.hash $(STATE)/.made
	$(PYTHON) initramfs/build/disk.py --slot-a $(OS) --state $(STATE) --out $@

# Further disks, for tests: each is this makefile with other variables.
$(BUILD)/hull-faults.disk: VARIANT = BINARY=$(OUT)/hull-faults OS=$(BUILD)/os-faults \
	OS_FLAGS='--extra-module dm-delay --extra-module dm-flakey'
$(BUILD)/hull-amd64.disk: VARIANT = KERNEL_PACKAGE=linux-image-amd64 OS=$(BUILD)/os-amd64
ifeq ($(DISK),$(BUILD)/hull.disk)
$(BUILD)/hull-faults.disk $(BUILD)/hull-amd64.disk: $(DISK) $(OUT)/hull-faults
	$(MAKE) --no-print-directory DISK=$@ $(VARIANT) $@
endif

# The machine's own overlay lives as long as the disk it was made from.
RUN := $(BUILD)/run
$(RUN)/hull.qcow2: $(DISK)
	mkdir -p $(RUN)/control
	qemu-img create -q -f qcow2 -F raw -b $(abspath $(DISK)) $@ 4G

run: $(RUN)/hull.qcow2 ## boots the disk in QEMU, console here (Ctrl-A X leaves), nginx at 127.0.0.1:8080
	@echo "Talk to the machine from another terminal:  build/hull --socket $(RUN)/control ps"
	@echo "The demonstration unit:                     curl http://127.0.0.1:8080/"
	@echo "Leave: Ctrl-A X"
	@$(PYTHON) qemu/hull-vm --disk $< --control $(RUN)/control --forward 8080:80 --serial stdio
