"""Repositories: of the Hub, of its cache, and local folders."""
