"""Reading files: one module for each format of prose, and the spellings of conversations and rows in JSON."""
