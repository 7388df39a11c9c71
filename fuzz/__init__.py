"""Random models and mutated files: a right answer, or an error of the package's own."""
