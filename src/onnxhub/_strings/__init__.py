"""Text that is printed: the ground of everything else, errors included."""
