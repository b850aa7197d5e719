# SPDX-License-Identifier: GPL-2.0
# Everything but the host's own targets is compiled in the Debian folder that
# tests/vm/rootfs makes: one toolchain, whatever this machine has.

KERNEL	?= lts
KERNELS	?= debug lts next
TESTS	?=
PREFIX	?= /usr/local

inside	:= tests/vm/chroot
# make demo ARGS="--seed 7"
ARGS	?=
# make bench BENCH_ARGS="--quick --only weir,unix"
BENCH_ARGS ?=

jobs	:= -j$(shell nproc)

.PHONY: all module tools demo bench test bench-engine bench-scheduler ynl install clean \
	help
all: module tools

help:
	@echo 'make                   the module for the lts kernel, the library, the tools'
	@echo 'make module KERNEL=K   build/K/weir.ko; K is lts, next, debug or kcsan'
	@echo 'make tools             build/bin, build/lib; V=1 shows the commands'
	@echo 'make demo [HOST=1]     a guided tour, in a VM or on this machine; ARGS=... for it'
	@echo 'make bench [HOST=1]    weir and its peers: tests/bench/RESULTS.md; BENCH_ARGS=--quick'
	@echo 'make test              everything; KERNELS="lts next" TESTS=PATTERN for less,'
	@echo '                       KERNELS=kcsan for the kernel that finds data races'
	@echo 'make bench-engine      what a message costs in kmod/core: build/bench-engine.json'
	@echo 'make bench-scheduler   workers first on the CPU: build/bench-scheduler.json'
	@echo 'make soak MINUTES=N     the ledger under fire in a VM; KERNEL=K'
	@echo 'make fuzz MINUTES=N     libFuzzer on engine and library; calls into the module, KERNEL=K'
	@echo 'make ynl               the generated netlink files, from include/weir/weir.yaml'
	@echo 'make install           module, library and tools for the running kernel'
	@echo 'make clean             removes build/; what was downloaded stays cached'

module:
	@dir=$$(tests/vm/kernel $(KERNEL)) && \
	$(inside) make --no-print-directory kbuild KDIR=$$dir OUT=build/$(KERNEL)

# Any of them may be left out of an archive. BPF programs find the types of the
# kernel in KDIR/vmlinux, those of the module in its own build/KERNEL/weir.ko.
programs := $(patsubst %/Makefile,%,$(wildcard $(addsuffix /Makefile, \
	bpf ctl tests/examples/demo tests/bench)))
tools:
	@kdir=$$(tests/vm/kernel $(KERNEL)) && for dir in $(programs); do \
		echo "building $$dir"; \
		$(inside) make $(if $(V),,-s) --no-print-directory -C $$dir $(jobs) \
			KDIR=$$kdir KERNEL=$(KERNEL) || exit; \
	done

# Long runs, inside a VM or without one; the short ones are in "make test".
.PHONY: selftests
selftests:
	@kernel=$$(tests/vm/debug-kernel --source) && \
	$(inside) make -s -C tests/selftests "KERNEL_SOURCE=$$kernel"

MINUTES	?= 10
.PHONY: fuzz soak
soak: module selftests
	@tests/vm/run --kernel $(KERNEL) --timeout $$(($(MINUTES) * 60 + 600)) -- \
		build/selftests/soak --minutes $(MINUTES)

fuzz: module selftests
	@kernel=$$(tests/vm/debug-kernel --source) && \
	$(inside) make -s -C tests/fuzz fuzz "KERNEL_SOURCE=$$kernel" MINUTES=$(MINUTES)
	@tests/vm/run --kernel $(KERNEL) --timeout $$(($(MINUTES) * 120 + 600)) -- \
		sh -c "env WEIR_FUZZ_MINUTES=$(MINUTES) build/selftests/fuzz_calls && \
			env WEIR_HOSTILE_MINUTES=$(MINUTES) build/selftests/hostile"

ynl:
	@dir=$$(tests/vm/debug-kernel --source) && \
	$(inside) env KERNEL_SOURCE=$$dir tests/static/ynl

test:
	@tests/run --kernels "$(KERNELS)" --tests "$(TESTS)"

# The engine alone, in user space on this machine.
bench-engine:
	@kernel=$$(tests/vm/debug-kernel --source) && \
	$(inside) make -s -C tests/bench/engine "KERNEL_SOURCE=$$kernel" && \
	$(inside) tests/bench/engine/run

# What the CPU scheduler in bpf/ is worth. Only this kernel has sched_ext; and a VM
# that shares this machine's processors with others would mostly measure these.
bench-scheduler: tools
	@$(MAKE) --no-print-directory module KERNEL=next
	@tests/vm/run --kernel next --steady --timeout 900 -- tests/bench/scheduler/run

# ---- the module, run where the kernel's build folder is: give KDIR and OUT ----

.PHONY: kbuild
CHECK_FLAGS ?=
kmake = $(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/$(OUT)/src W=1 \
	KCFLAGS=-Werror $(jobs) $(CHECK_FLAGS)

# Kbuild writes beside the sources, and its "clean" deletes every object below: it
# gets a tree of links of its own. What modpost and the BTF step only warn about is
# an error too; a module without BTF or with dependencies would load, but not do
# what it promises.
kbuild:
	@mkdir -p $(OUT)/src
	@set -e; fail() { echo "$(OUT)/weir.ko: $$*"; exit 1; }; \
	exec 8>$(OUT)/lock; flock 8; \
	cp -rs --remove-destination $(CURDIR)/Kbuild $(CURDIR)/kmod \
		$(CURDIR)/include $(OUT)/src/; \
	find $(OUT)/src -xtype l -delete; \
	cd $(OUT); \
	$(kmake) modules >log 2>&1 || { cat log; exit 1; }; \
	if grep -iE 'warning:|skipping BTF' log; then \
		rm -f src/weir.ko src/Module.symvers; exit 1; fi; \
	objdump -h src/weir.ko | grep -qw .BTF || fail "no BTF"; \
	needs=$$(modinfo -F depends src/weir.ko); \
	[ -z "$$needs" ] || fail "depends on $$needs"; \
	cmp -s src/weir.ko weir.ko || { cp src/weir.ko new.ko; mv new.ko weir.ko; }

# ---- on this machine, with its own kernel, compiler and libraries ----

host	:= $(CURDIR)/build/host

.PHONY: host-module
host-module:
	@[ -e /proc/modules ] || { \
		echo "this machine's kernel cannot load modules"; exit 1; }
	@kdir=/lib/modules/$$(uname -r)/build; \
	[ -e $$kdir/Makefile ] || { \
		echo "no headers of the running kernel: $$kdir is missing"; exit 1; }; \
	$(MAKE) --no-print-directory kbuild KDIR=$$kdir OUT=build/host

demo = demo --json build/demo.json $(ARGS)
ifdef HOST
demo: host-module
	@$(MAKE) --no-print-directory -C ctl O=$(host)
	@$(MAKE) --no-print-directory -C tests/examples/demo BUILD=$(host)
	@insmod $(host)/weir.ko && { \
		PATH=$(host)/bin:$$PATH LD_LIBRARY_PATH=$(host)/lib $(demo); \
		status=$$?; rmmod weir && exit $$status; }
else
demo: all
	@tests/vm/run --timeout 600 -- $(demo)
endif

# What can only be seen from outside the VM: whose processor it is, and how busy.
about = about="$$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), \
	$$(nproc) CPUs, load average $$(cut -d ' ' -f 1 /proc/loadavg) before"
bench = tests/bench/run --about "$$about" $(BENCH_ARGS)
ifdef HOST
bench: host-module
	@$(MAKE) --no-print-directory -C ctl O=$(host)
	@$(MAKE) --no-print-directory -C tests/bench BUILD=$(host)
	@rm -f build/bench*.json
	@$(about); insmod $(host)/weir.ko && { \
		PATH=$(host)/bin:$$PATH LD_LIBRARY_PATH=$(host)/lib \
			BENCH_BUILD=$(host) $(bench); \
		status=$$?; rmmod weir && exit $$status; }
else
bench: all
	@rm -f build/bench*.json
	@$(about); $(MAKE) --no-print-directory bench-engine bench-scheduler && \
		tests/vm/run --timeout 3600 --memory 3G -- $(bench)
endif

install: host-module
	$(MAKE) -C ctl install O=$(host) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	[ ! -e bpf/Makefile ] || $(MAKE) -C bpf install O=$(host) PREFIX=$(PREFIX) \
		DESTDIR=$(DESTDIR) MODULE=$(host)/weir.ko \
		KDIR=/lib/modules/$$(uname -r)/build
	install -D -m 644 $(host)/weir.ko \
		$(DESTDIR)/lib/modules/$$(uname -r)/updates/weir.ko
	[ -n '$(DESTDIR)' ] || depmod

clean:
	rm -rf build
