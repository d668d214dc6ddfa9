"""The measurements, and their last results."""
