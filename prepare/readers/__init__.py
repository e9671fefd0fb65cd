"""Books in their formats, read into paragraphs of Markdown. Which library reads what, and why: prepare/README.md."""
