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

# Micro-benchmarks (criterion).
bench:
    cargo bench

# The terminal figures of BENCHMARKS.md (Linux, Python 3 with pyte). BENCH is the measuring script.
bench-terminal BENCH:
    cargo build --release
    benches/terminal.sh {{BENCH}}

# The demo: an embedded pair with sample data, syncing.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Pictures of every pane into assets/screenshots (Linux, Python 3 with pyte and pillow). SHOT is the drawing script.
shot SHOT:
    cargo build --release
    assets/screenshots/take.sh {{SHOT}}
