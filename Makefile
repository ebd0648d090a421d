# Everything starts here: `make` lists the targets. Each of them sets up what it needs first.

PREFIX ?= /usr/local
DESTDIR ?=
# Where systemd looks for units of that prefix, and where it doesn't look.
UNITDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib/systemd/system,/etc/systemd/system)
SYSUSERSDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib/sysusers.d,/etc/sysusers.d)

FASTPATH := appliance/fastpath/fastpath.bpf

# What Debian supplies, as file:package. None of these brings a service that starts by itself (radvd's waits for a radvd.conf).
LIB := /usr/lib/$(shell uname -m)-linux-gnu
RUN_NEEDS := /sbin/ip:iproute2 /usr/bin/npm:npm $(LIB)/libbpf.so.1:libbpf1
BUILD_NEEDS := /usr/bin/clang:clang /usr/include/bpf/bpf_helpers.h:libbpf-dev
LAB_NEEDS := /bin/ping:iputils-ping /sbin/sysctl:procps /usr/sbin/tcpdump:tcpdump /usr/bin/strace:strace /sbin/mke2fs:e2fsprogs /usr/sbin/nft:nftables /sbin/ethtool:ethtool /usr/bin/rdisc6:ndisc6 /usr/sbin/radvd:radvd /usr/bin/socat:socat \
  /usr/sbin/dnsmasq:dnsmasq-base /sbin/dhclient:isc-dhcp-client /sbin/dhcpcd:dhcpcd-base /usr/bin/dbus-daemon:dbus-daemon \
  $(LIB)/libndp.so.0:libndp0 $(LIB)/libfl.so.2:libfl2 $(LIB)/libdevmapper.so.1.02.1:libdevmapper1.02.1 \
  /lib/systemd/systemd-networkd:systemd /usr/bin/systemd-nspawn:systemd-container /usr/sbin/debootstrap:debootstrap
# Of test-kernels alone: an emulator with the daemon that shares files with it, and what unpacks a kernel.
KERNELS_NEEDS := /usr/bin/qemu-system-x86_64:qemu-system-x86 /usr/lib/qemu/virtiofsd:qemu-system-common /sbin/depmod:kmod /usr/bin/xz:xz-utils

# These would bring a service that starts by itself: they are unpacked under build/ and not installed.
UNPACKED := dibbler-client network-manager wide-dhcpv6-client docker.io containerd runc containernetworking-plugins busybox-static

# node_modules/.bin/node is the Node that the product runs on; the machine's own only has to start npm.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin
# npm runs on the machine's own: Debian's finds its modules by no other.
NPM = PATH="$(subst $(CURDIR)/node_modules/.bin:,,$(PATH))" npm
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: debian-packages node_modules/.current $(FASTPATH).o ## what Debian and npm must supply (done by every other target)

.PHONY: debian-packages
debian-packages:
	@missing=; for need in $(RUN_NEEDS) $(BUILD_NEEDS) $(LAB_NEEDS) $(EXTRA_NEEDS); do \
	  file=$${need%%:*}; command -v "$${file##*/}" >/dev/null || [ -e "$$file" ] || missing="$$missing $${need##*:}"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	install="apt-get install -y --no-install-recommends$$missing"; \
	if [ "$$(id -u)" != 0 ]; then \
	  echo "Debian packages are missing; the lab and the demo need them: sudo $$install" >&2; exit 0; \
	fi; \
	echo "Installing from Debian:$$missing"; \
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1; \
	{ $$install || { apt-get update && $$install; }; } </dev/null >build/apt.log 2>&1 || { \
	  tail -n 5 build/apt.log >&2; echo "Could not install what is missing; try: apt-get update && $$install" >&2; exit 1; \
	}
	@for package in $(UNPACKED); do \
	  [ -d build/debian/$$package ] && continue; \
	  [ "$$(id -u)" = 0 ] || { echo "Needed by the lab, as root: make setup (unpacks $$package)" >&2; continue; }; \
	  rm -rf build/debian/new && mkdir -p build/debian/new && cd build/debian/new && \
	  { apt-get download $$package || { apt-get update && apt-get download $$package; }; } >../apt.log 2>&1 && \
	  dpkg-deb -x *.deb ../$$package.new && cd ../../.. && mv build/debian/$$package.new build/debian/$$package && \
	  rm -rf build/debian/new || { tail -n 5 build/debian/apt.log >&2; exit 1; }; \
	done
debian-packages: | build

# Compared by content: a checkout that only touches the files installs nothing. Not `npm ci`: it refuses a lockfile without the
# packages of other platforms, and a mirror may lack them. The link to our Node is made here, since Debian 12's npm leaves it out.
.PHONY: node_modules/.current
node_modules/.current:
	@cat package.json package-lock.json .npmrc | cmp -s - $@ && exit 0; \
	echo 'Installing npm packages'; \
	$(NPM) install --no-save --ignore-scripts </dev/null && \
	ln -sf ../$$(cd node_modules && ls -d node-linux-*)/bin/node node_modules/.bin/node && \
	cat package.json package-lock.json .npmrc >$@ && \
	chown -R --reference=. node_modules

build build/bench:
	@mkdir -p $@

BPF_CC = clang -O2 -g -target bpf -mcpu=v2 -Wall -Wextra -Werror -I/usr/include/$(shell uname -m)-linux-gnu

# The fast path. -mcpu=v2: with v3 clang 14 makes 32-bit copies of packet pointers, which the verifier refuses.
$(FASTPATH).o: $(FASTPATH).c $(wildcard appliance/fastpath/bpf/*.h) | debian-packages
	@$(BPF_CC) -c $< -o $@

# The product as it is installed: our code and what it takes from npm in a few files, without what is never called. It starts sooner
# and takes twenty megabytes less. Comments alone are left out, so that a stack can be read; in ASCII it takes half the memory.
BUNDLE := build/siteplane
$(BUNDLE)/appliance/main.js: package.json package-lock.json $(FASTPATH).o $(wildcard appliance/*.ts appliance/*/*.ts appliance/*/*/*.ts) | build node_modules/.current
	@rm -rf $(BUNDLE) && mkdir -p $(BUNDLE)/appliance && cp package.json $(BUNDLE) && cp $(FASTPATH).o $(BUNDLE)/appliance
	@rolldown appliance/main.ts --platform node --format esm --dir $(BUNDLE)/appliance --chunkFileNames '[name].js' \
	  --external koffi --charset ascii --no-comments >/dev/null

# What the measurements send and receive with.
build/bench/%.bpf.o: test/bench/%.bpf.c $(wildcard test/bench/*.h) | build/bench debian-packages
	@$(BPF_CC) -c $< -o $@
build/bench/%: test/bench/%.c $(wildcard test/bench/*.h) | build/bench debian-packages
	@clang -O2 -Wall -Wextra -Werror $< -lbpf -o $@

# One sentence for an ordinary user, before anything else is tried.
.PHONY: root
root:
	$(if $(filter 0,$(shell id -u)),@:,$(error Network namespaces need root: sudo make $(MAKECMDGOALS)))

.PHONY: demo
demo: root setup ## two sites, real clients, pings across, on this machine alone
	@node test/lab/demo.ts

.PHONY: lab
lab: root setup ## a shell in a lab of two sites
	@node test/lab/shell.ts

.PHONY: test
test: root setup ## check, unit tests, lab tests and the demo
	@node test/run.ts

.PHONY: test-long
test-long: root setup ## the random ones of them again, ten times as long, and a minute of 10,000 packets a second with five kills
	@KILLS=300 DAMAGED=1000000 vitest run --config test/vitest.config.ts --project lab test/lab/dhcp-robust.lab.ts
	@FLOW_KILLS=5 FLOW_SECONDS=12 vitest run --config test/vitest.config.ts --project lab --reporter=verbose test/lab/fastpath-life.lab.ts -t kill

.PHONY: test-kernels
test-kernels: EXTRA_NEEDS := $(KERNELS_NEEDS)
test-kernels: root setup ## tests on each kernel of Debian 12 and its backports, in an emulator (KERNELS=6.1.0-56-amd64)
	@node test/kernels/run.ts

.PHONY: test-hosts
test-hosts: root setup ## Docker, Incus, libvirt and LXC by what README says, downloaded unless under build/ (HOSTS=docker)
	@node test/hosts/run.ts

.PHONY: unit
unit: setup ## the tests that need nothing but Node
	@vitest run --config test/vitest.config.ts --project unit

.PHONY: check
check: setup ## types, lint, format, import table
	@tsc -p .
	@biome check --error-on-warnings
	@vitest run --config test/vitest.config.ts --project unit --reporter=dot test/unit/layers.test.ts

.PHONY: bench
bench: LAB_NEEDS += /usr/include/stdio.h:libc6-dev /usr/bin/taskset:util-linux /usr/sbin/ndppd:ndppd
bench: root setup $(BUNDLE)/appliance/main.js $(addprefix build/bench/,first-packet generator generator.bpf.o sink.bpf.o) ## measurements that decided something; QUICK=1: fewer rounds
	@vitest run --config test/vitest.config.ts --project bench --disableConsoleIntercept=true

.PHONY: clean
clean: ## remove what was built or left behind, node_modules excepted
	@if [ -x node_modules/.bin/node ] && [ "$$(id -u)" = 0 ]; then node_modules/.bin/node test/lab/sweep.ts; fi
	@rm -rf build coverage

home = $(DESTDIR)$(PREFIX)/lib/siteplane
new = $(home).new

# The new product stands whole beside the old one before it takes its place: the running daemon, and an install that fails half way,
# still have one.
.PHONY: install
# A router needs what the product runs on and is built with, and no lab.
install: LAB_NEEDS :=
install: UNPACKED :=
install: setup $(BUNDLE)/appliance/main.js ## the product under PREFIX (and DESTDIR), its unit, the example in /etc/siteplane
	@rm -rf "$(new)" && mkdir -p "$(new)/bin" "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(UNITDIR)" "$(DESTDIR)$(SYSUSERSDIR)" "$(DESTDIR)/etc/siteplane"
	@cp -R $(BUNDLE)/appliance config package.json LICENSE "$(new)"
	@$(NPM) ls --omit=dev --all --parseable | sed -n 's|^$(CURDIR)/\(node_modules/.*\)|\1|p' | grep -v '/@types/' | \
	  while read -r package; do case $$package in \
	    */koffi | */@koromix/* | */node-linux-*) echo "$$package";; \
	    *) find "$$package" -maxdepth 1 -iname 'licen[cs]e*';; esac; done | \
	  tar -c --no-recursion --exclude=.bin --exclude=include --exclude=share --recursion -T - | tar -x -C "$(new)"
	@cd "$(new)/bin" && ln -s ../node_modules/node-linux-*/bin/node node
	@chmod -R u=rwX,go=rX "$(new)"
	@cd "$(new)/appliance" && ../bin/node -e 'require("koffi")' && ../bin/node main.js --version >/dev/null || { echo 'The copy is not whole; npm ls --omit=dev may say why' >&2; exit 1; }
	@rm -rf "$(home)" && mv "$(new)" "$(home)"
	@printf '#!/bin/sh\nexec %s/bin/node %s/appliance/main.js "$$@"\n' '$(PREFIX)/lib/siteplane' '$(PREFIX)/lib/siteplane' >"$(DESTDIR)$(PREFIX)/bin/siteplane"
	@chmod 755 "$(DESTDIR)$(PREFIX)/bin/siteplane"
	@install -m 644 config/siteplane.example.yaml "$(DESTDIR)/etc/siteplane/siteplane.example.yaml"
	@sed 's|@prefix@|$(PREFIX)|g' systemd/siteplane.service >"$(DESTDIR)$(UNITDIR)/siteplane.service"
	@install -m 644 systemd/siteplane.sysusers "$(DESTDIR)$(SYSUSERSDIR)/siteplane.conf"
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemd-sysusers && systemctl daemon-reload; fi
	@[ -n "$(DESTDIR)" ] || echo 'Installed. Next: write /etc/siteplane/siteplane.yaml (the example is beside it), then systemctl enable --now siteplane'

.PHONY: uninstall
uninstall: ## undo install; keeps /etc/siteplane/siteplane.yaml and /var/lib/siteplane (PURGE=1 removes them too)
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl disable --now siteplane 2>/dev/null || true; fi
	@rm -rf "$(home)" "$(new)" "$(DESTDIR)/var/cache/siteplane"
	@rm -f "$(DESTDIR)$(PREFIX)/bin/siteplane" "$(DESTDIR)$(UNITDIR)/siteplane.service" "$(DESTDIR)$(SYSUSERSDIR)/siteplane.conf" "$(DESTDIR)/etc/siteplane/siteplane.example.yaml"
	@if [ -n "$(PURGE)" ]; then rm -rf "$(DESTDIR)/etc/siteplane" "$(DESTDIR)/var/lib/siteplane"; fi
	@rmdir "$(DESTDIR)/etc/siteplane" 2>/dev/null || true
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
