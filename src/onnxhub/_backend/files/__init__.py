"""Which files of a repository run, by role and precision."""
