"""Search: people's words over all turns of an archive.

The way of a query: `query` (or `fts5_syntax`) makes a tree of the words, `expressions` an
expression of FTS5 of the tree, `surveys` counts the hits, `searching` finds the best, `cursors`
remembers where a page ended, `snippets` cuts the texts of the page. The way of a text: `terms`
makes what is indexed of it. The tables are the business of `lethe_server.storage.search_index`.
docs/search.md tells people what they may type, docs/decisions/0010-search-index.md why it is made
like this.
"""
