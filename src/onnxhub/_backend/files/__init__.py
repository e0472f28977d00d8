"""Chooses the files of a repository that run, by role and precision."""
