"""The press: turns docs/, snippets/ and ledger.json into the site. It knows nothing of Redis."""
