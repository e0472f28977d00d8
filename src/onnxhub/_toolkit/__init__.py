"""Pure functions that tasks share: numbers, labels, texts."""
