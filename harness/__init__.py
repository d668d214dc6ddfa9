"""What runs the proof: servers, toolchains, other languages, the pen of the ledger."""
