"""What is kept on disk: places, digests, locks, generated files."""
