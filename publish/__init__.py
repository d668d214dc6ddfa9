"""The press: turns docs/, snippets/ and ledger.jsonl into the site. It knows nothing of Redis."""
