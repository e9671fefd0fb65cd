"""Books in their file formats, read into paragraphs of Markdown. prepare/README.md says which library reads what, and why."""
