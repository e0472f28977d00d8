"""Reads what makes a model's inputs: tokenizers, tables, and weights beside the graph."""
