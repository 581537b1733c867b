"""The web page: a shell, a stylesheet, ES modules and the libraries that they use.

The page is made in the browser. It asks the public API alone, with the browser's own sign-in, and
holds no data of anybody, so that its files are answered before sign-in to who asks directly from
this machine. docs/page.md tells how it is built.
"""
