"""Characters: what is printable, what one letter is. The ground of everything else, errors included."""
