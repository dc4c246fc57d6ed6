# `make run` and `make test` are all one needs to know; both install what is missing.
.PHONY: run build test lint format bench docs clean

run: build
	exec "$$(scripts/release --show-bin-path)/gatehouse" serve

build:
	scripts/setup
	scripts/release

test:
	scripts/setup test
	scripts/test

lint:
	swift format lint --strict --recursive --parallel Sources Tests Fuzz Package.swift

format:
	swift format --in-place --recursive --parallel Sources Tests Fuzz Package.swift

bench:
	scripts/setup bench
	scripts/release
	bench/run

docs:
	scripts/docs

clean:
	rm -rf .build build
