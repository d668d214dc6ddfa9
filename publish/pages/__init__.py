"""What becomes HTML: Markdown in, Markdown out, and the gate on what was built."""
