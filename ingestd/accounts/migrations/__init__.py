"""How the tables came to be, step by step; :mod:`ingestd.accounts.database` runs what is missing."""
