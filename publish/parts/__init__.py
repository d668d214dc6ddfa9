"""What is generated from sources of its own: quiz, deck, tree, matrix, library and the like."""
