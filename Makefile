lock:
	for name in requirements requirements-dev; do .venv/bin/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header $$name.in -o $$name.lock; done
