"""The products that git hosts run, one module with one class each."""
