"""The binary files that stages hand to one another."""
