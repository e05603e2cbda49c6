# What a developer runs. `just` alone lists the recipes.

default:
    @just --list

# Format, lints as errors, the build without a terminal.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo clippy --no-default-features --lib --bins -- -D warnings

# Everything, on the embedded pair.
test:
    cargo test

# The gate, as the build machine runs it.
ci:
    bash .ci/run

# The benchmarks: the whole program in a pseudo-terminal, and the engine.
bench *ARGS:
    cargo bench {{ARGS}}

# The terminal figures of BENCHMARKS.md.
bench-terminal ENTRIES="20000":
    cargo bench --bench terminal -- --entries {{ENTRIES}}

# The figures of the engine in BENCHMARKS.md; all of them, or the subjects named.
bench-sync *ARGS:
    cargo bench --bench sync -- {{ARGS}}

# The demo: an embedded pair with sample data, syncing.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Faults, races and volumes in full size (ROBBIE_TORTURE=10: a tenth of it). Failpoints need debug assertions.
torture *ARGS:
    ROBBIE_TORTURE="${ROBBIE_TORTURE:-full}" cargo test --profile torture --test suite torture:: -- --nocapture --test-threads 2 {{ARGS}}
