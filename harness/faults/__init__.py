"""Faults that are made, not mocked, and one way to drive a program of any language into them."""
