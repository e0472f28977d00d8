"""Reads what makes a model's inputs: tokenizers, images, tables, and weights beside the graph."""
