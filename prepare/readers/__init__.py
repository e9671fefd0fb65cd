"""Books in their file formats, read into paragraphs of Markdown.

Which library reads what, and why. Seconds are of the processor, errors are word errors outside mathematics of the raw
text, all for the 228 pages of shared/data/pdfs (python -m tests.perf.readers):

- .pdf: pypdfium2 (Apache-2.0 or BSD-3). 0.1 s; pypdf 1.8 s, markitdown 3.5 s, pdfplumber 7 s. Raw it has 5.7% errors
  (pypdf 3.2%, pdfplumber 8.9%), nearly all of them running heads and broken words, and it alone is fast and tells each
  character's place and font, by which pdf.py brings it to 1.0% in 1.6 s. PyMuPDF is AGPL; docling wants torch, which
  this side of the project does without, and was not tried.
- .docx: mammoth (BSD-2) to HTML: it follows styles, so headings and italics survive. markitdown has mammoth inside.
- .html, .epub: the standard library's HTMLParser and zipfile, because titles in `hgroup`, scene breaks and the numbers
  of printed pages need rules of their own; twice as fast as markitdown, with as many italics. ebooklib is AGPL,
  html2text GPL. Nothing is fetched, no entity is expanded.
- .odt: defusedxml (PSF); odfpy comes without wheels.
- .rtf: striprtf (BSD-3), after italics were marked in the source, because it drops them.
"""
