"""What a student or a teacher runs: exercises and demos."""
