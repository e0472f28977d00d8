"""``python -m benchmarks --full PYTHON --light PYTHON``."""

from benchmarks.bench import main

main()
