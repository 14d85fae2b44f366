# `make test` installs what it needs (tests/setup) and runs everything that judges a change; `make soak` runs for long.
.PHONY: demo test soak bench lint

demo:
	@tests/setup demo
	@cargo run --quiet -- demo

test:
	@tests/run test

soak:
	@tests/run soak

bench:
	@tests/setup
	@cargo bench --bench relay
	@cargo bench --bench facts
	@cargo bench --bench gate

lint:
	@tests/run lint
