.DEFAULT_GOAL := help
.PHONY: graphiql help run test bench load check soak format schema lock sbom audit fresh clean

# The environment is made by .ci/environment, which does nothing when it is up to date.
BIN := .venv/bin
# Each test process has a server of its own; a file's tests stay in one. The files with the longest tests come
# first in their order by name, so the processes end at about the same time.
TEST_PROCESSES ?= 2

help:
	@echo "make run      start TaskFlow with demo data on port 3000"
	@echo "make test     run the tests"
	@echo "make check    lint, types, layers, schema and what it breaks, migrations"
	@echo "make soak     run the tests that take minutes"
	@echo "make bench    measure TaskFlow beside others (bench/README.md)"
	@echo "make load     load TaskFlow with 500 users (bench/README.md)"
	@echo "make format   format the code"
	@echo "make schema   write schema.graphql"
	@echo "make graphiql build the GraphiQL page that the server serves (needs Node.js)"
	@echo "make lock     write locks/*.txt"
	@echo "make sbom     write the bill of materials, build/taskflow.cdx.json"
	@echo "make audit    ask a public database what is known against the packages (needs the internet)"
	@echo "make fresh    delete the data of make run"
	@echo "make clean    delete the virtual environment and caches"

run:
	@.ci/environment run
	@RATE_LIMIT_MAX=$${RATE_LIMIT_MAX:-0} SIGN_UP_MAX=$${SIGN_UP_MAX:-0} MEMBER_ADD_MAX=$${MEMBER_ADD_MAX:-0} \
		$(BIN)/taskflow serve --demo

test:
	@.ci/environment dev
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

soak:
	@.ci/environment dev
	@$(BIN)/python -m pytest -m soak $(ARGS)

bench:
	@.ci/environment dev
	@$(BIN)/python -m bench $(ARGS)

load:
	@.ci/environment dev
	@$(BIN)/python -m bench.load $(ARGS)

check:
	@.ci/environment dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/taskflow schema --check
	$(BIN)/taskflow migrate check

graphiql:
	cd graphiql && npm ci --no-audit --no-fund && npm run build

format:
	@.ci/environment dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema:
	@.ci/environment dev
	$(BIN)/taskflow schema --write

# dev.txt decides the versions; the others hold a part of it, so one environment serves all.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE)
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	$(COMPILE) pyproject.toml --extra embedded --extra tracing --extra dev --group build -o locks/dev.txt
	$(COMPILE) pyproject.toml --extra embedded --group build -c locks/dev.txt -o locks/run.txt
	$(COMPILE) pyproject.toml --extra tracing -c locks/dev.txt -o locks/production.txt
	$(COMPILE) --group pyproject.toml:build -c locks/dev.txt -o locks/build.txt

sbom:
	@.ci/environment dev
	@.ci/sbom build/taskflow.cdx.json

audit:
	@.ci/environment dev
	@$(BIN)/python .ci/audit $(ARGS)

fresh:
	@if [ -x $(BIN)/taskflow ]; then $(BIN)/taskflow fresh; else rm -rf .taskflow; fi

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist *.egg-info
