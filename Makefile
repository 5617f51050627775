# Each goal first installs what this machine lacks (.ci/setup; Debian). `make` alone lists the goals.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
wscope := $(or $(CARGO_TARGET_DIR),target)/release/wscope
FUZZ_SECONDS ?= 60
captures := $(or $(CARGO_TARGET_DIR),target)/bench

.PHONY: help setup build demo test foreign throw fuzz bench

help: ## list the goals
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

setup: ## install a C compiler, libpcap and Rust where they are missing
	@.ci/setup

build: setup ## build target/release/wscope
	cargo build --release --locked

# check exits with 1 where a MUST was broken, as it is there
demo: build ## show a conversation as text and as JSON, and check a faulty one
	$(wscope) export --format text samples/echo-python.pcapng
	$(wscope) export --format jsonl samples/echo-python.pcapng | sed -n 2p
	$(wscope) check samples/wrong-accept.pcap || [ $$? -eq 1 ]

test: setup ## run all tests
	cargo test --locked

foreign: setup ## look at a GiB of each of many other protocols: none is a WebSocket
	WSCOPE_FOREIGN_MIB=1024 cargo test --release --locked --test foreign

throw: setup ## flip every byte of every sample, cut it at every length, lose packets of it 10,000 times
	WSCOPE_THROW=all cargo test --release --locked --test throw

# What a thread that unpacks a capture has when it is not waited for would pass for a leak; memory has its bound.
fuzz: setup ## run each target of fuzz/ for FUZZ_SECONDS on what libFuzzer makes of the samples
	@.ci/setup fuzz
	WSCOPE_SEEDS=fuzz/corpus cargo test --locked --test fuzz
	for target in $$(cargo +nightly fuzz list); do \
		cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
			-detect_leaks=0 || exit; \
	done

bench: build ## run the benchmarks, and hold wscope against tcpdump and tshark on captures made for it
	cargo bench --locked
	mkdir -p $(captures)
	for kind in bulk:200 chat:100 deflate:50 short:50 idle:220 mixed:200 lossy:100; do \
		cargo bench --locked --quiet --bench corpus -- $${kind%:*} $${kind#*:} $(captures)/$${kind%:*}.pcap || exit; \
	done
	benches/compare --tshark $(captures)/*.pcap
	cargo bench --locked --quiet --bench inflate -- $(captures)/deflate.pcap
	mkdir -p $(captures)/large
	cargo bench --locked --quiet --bench corpus -- chat 1000 $(captures)/large/chat.pcap
	cargo bench --locked --quiet --bench terminal -- $(captures)/large/chat.pcap
