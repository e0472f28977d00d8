"""The settings of sentence-transformers: files, layers, weights and prompts."""
