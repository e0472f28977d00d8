"""From texts to rows of tokens, and from tokens back to pieces of text."""
