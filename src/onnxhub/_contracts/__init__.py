"""What a task is made of, and what it may know of a model."""
