"""Books in their file formats, read into paragraphs of Markdown.

Which library reads what, and why, measured on the real files of shared/data (tests/perf/readers.py):

- .pdf: pypdfium2 (Apache-2.0/BSD). pdfplumber and markitdown (pdfminer inside) take 20 to 60 times as long, pypdf
  loses word spaces around mathematics; PyMuPDF is AGPL. pypdfium2 also marks end-of-line hyphens and names fonts.
- .docx: mammoth (BSD-2) to HTML: it follows styles, so headings and italics survive. markitdown uses mammoth too.
- .html, .epub: the standard library's HTMLParser and zipfile, because scene breaks, `hgroup` titles and page numbers in
  the text need rules of their own; ebooklib is AGPL, html2text GPL. Nothing is fetched, no entity is expanded.
- .odt: defusedxml (PSF); odfpy comes without wheels.
- .rtf: striprtf (BSD-3), after italics were marked in the source, because it drops them.
"""
