# `make test` installs what it needs (tests/setup) and runs everything that judges a change; `make soak` runs for long.
.PHONY: demo test soak bench lint

demo:
	@demo/run

test:
	@tests/run test

soak:
	@tests/run soak

bench:
	@benches/run

lint:
	@tests/run lint
