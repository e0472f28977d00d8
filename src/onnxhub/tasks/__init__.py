"""The tasks, one file each, imported when one of them is asked for; their names are in ``_contracts/built_in.py``."""
