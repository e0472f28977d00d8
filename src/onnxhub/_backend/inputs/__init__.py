"""Reads what makes a model's inputs: tokenizers, and weights beside the graph."""
