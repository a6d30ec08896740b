# One command each: build, run, test, measure, format. Every target that builds first runs the set-up step.
# ARGS is passed on by `run`, `perf`, `fuzz` and `soak`: make run ARGS="--duration 30s", make soak ARGS="faults:1200:SEED"

.PHONY: build run test perf fuzz soak format lint clean setup

SWIFT_SOURCES = Package.swift Sources Tests $(wildcard perf/Package.swift perf/Sources perf/Benchmarks)
C_SOURCES = $(shell find CSupport Tests perf -type d -name '.build*' -prune -o \( -name '*.c' -o -name '*.h' \) -print \
	2>/dev/null)

build:
	@scripts/setup
	swift build -c release --product tickline

run:
	@scripts/setup
	swift run -c release tickline demo $(ARGS)

test:
	@scripts/setup --tests
	@scripts/test

perf:
	@scripts/setup --tests
	@perf/scripts/run $(ARGS)

fuzz:
	@scripts/setup --tests
	@scripts/fuzz $(ARGS)

soak:
	@scripts/setup --tests
	@scripts/soak $(ARGS)

format:
	@scripts/setup --tests
	swift format --in-place --configuration .swift-format --recursive --parallel $(SWIFT_SOURCES)
	clang-format -i $(C_SOURCES)

lint:
	@scripts/setup --tests
	swift format lint --strict --configuration .swift-format --recursive --parallel $(SWIFT_SOURCES)
	clang-format --dry-run -Werror $(C_SOURCES)

clean:
	rm -rf .build .build-* perf/.build

setup:
	@scripts/setup
