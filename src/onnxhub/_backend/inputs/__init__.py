"""What a model's inputs are made with: tokenizers, and weights beside the graph."""
