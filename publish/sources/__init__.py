"""What is on the disk: read once, with every fault that a source can have."""
