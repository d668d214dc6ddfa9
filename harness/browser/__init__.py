"""A browser on the built site: it is served, opened, used and looked at."""
